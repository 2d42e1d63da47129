/** `fuse completions`: what makes shells complete the words of `fuse`, and the hidden `fuse complete` that they ask. */

import { Argument, Command } from "commander";
import * as fs from "node:fs";
import { COMMANDS } from "./_commands.ts";
import { writeOut } from "./_output.ts";
import { storedTasks, storedWorkflows } from "./_suggestions.ts";

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

type Shell = typeof SHELLS[number];

/** What a shell has to be told once. */
const INSTALL: Readonly<Record<Shell, string>> = {
  bash: "echo 'source <(fuse completions bash)' >> ~/.bashrc",
  zsh: "echo 'source <(fuse completions zsh)' >> ~/.zshrc  # after compinit",
  fish: "fuse completions fish > ~/.config/fish/completions/fuse.fish",
  powershell: "Add-Content $PROFILE 'fuse completions powershell | Out-String | Invoke-Expression'",
};

/** The command that prints the script. */
export function completionsCommand(): Command {
  return new Command("completions")
    .description("print what makes a shell complete commands, flags, files and stored names")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      `
Examples, each to be run once:
${SHELLS.map((shell) => `  ${INSTALL[shell]}`).join("\n")}

The shell finds fuse by this name: where it is run otherwise, define a function or an alias of this name.

Exit codes: 0 done, 64 usage.`,
    )
    .action(async (shell: Shell) => await writeOut(await scriptFor(shell)));
}

async function scriptFor(shell: Shell): Promise<string> {
  const { script } = await import("@bomb.sh/tab");
  const text = await printed(() => script(shell, "fuse", "fuse"));
  const own = shell === "bash" ? `${WITHOUT_BASH_COMPLETION}\n${forBash(text)}` : text;
  return `${own.trimEnd()}\n\n# To have this in every shell, run once:\n#   ${INSTALL[shell]}\n`;
}

// What the script uses of the package bash-completion, for where that is not installed.
const WITHOUT_BASH_COMPLETION = `\
# bash's own words do where the package bash-completion is not there.
if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        words=("\${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=\${words[cword]}
        prev=\${words[cword - 1]}
    }
fi
`;

/** Constants that can be set again: the script may be sourced twice. */
function forBash(script: string): string {
  return script.replace(/^readonly /gm, "");
}

/** What an action prints by the console: the library knows no other way to tell. */
async function printed(action: () => void | Promise<void>): Promise<string> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (line: unknown) => void lines.push(`${line}\n`);
  try {
    await action();
  } finally {
    console.log = log;
  }
  return lines.join("");
}

/** The command that the script asks; its words come after `--`, the last one as far as it is typed. */
export function completeCommand(): Command {
  return new Command("complete")
    .description("tell a shell what may come next; the scripts of fuse completions ask it")
    .argument("[words...]")
    .usage("-- [words...]")
    .action(complete);
}

// Of the scripts' protocol.
const NO_SPACE = 2;
const NO_FILES = 4;

/** What is known without the library: paths, after which no space may come. */
class Paths extends Error {
  constructor(readonly paths: readonly string[]) {
    super();
  }
}

async function complete(words: readonly string[]): Promise<void> {
  const program = new Command("fuse");
  const asked = words.slice(0, -1).find((word) => !word.startsWith("-"));
  for (const { name, summary, isHidden, load } of COMMANDS) {
    if (isHidden || name === "completions") continue;
    const command = name === asked ? await load() : new Command(name);
    program.addCommand(command.description(summary));
  }
  const { default: model } = await import("@bomb.sh/tab/commander");
  const root = model(program, { completionCommandName: "completions" });
  await addValues(root, words, asked);
  try {
    await writeOut(await printed(() => root.parse([...words])));
  } catch (error) {
    if (!(error instanceof Paths)) throw error;
    const { paths } = error;
    const isFolder = paths.length === 1 && paths[0].endsWith("/");
    const directive = isFolder ? NO_SPACE + NO_FILES : NO_FILES;
    await writeOut(`${paths.map((path) => `${path}\n`).join("")}:${directive}\n`);
  }
}

type Root = ReturnType<typeof import("@bomb.sh/tab/commander").default>;

/** Tells the library the values of arguments and options that the commands themselves do not list. */
async function addValues(root: Root, words: readonly string[], asked = ""): Promise<void> {
  const command = root.commands.get(asked);
  if (!command) return;
  const current = words.at(-1) ?? "";
  const among = (values: readonly string[]) => (give: (value: string, about: string) => void) =>
    values.forEach((value) => give(value, ""));
  const paths = (pattern: RegExp) => () => {
    throw new Paths(listPaths(current, pattern));
  };
  const set = (kind: "arguments" | "options", name: string, handler: ReturnType<typeof among>) => {
    const found = command[kind].get(name);
    if (found) found.handler = handler;
  };
  set("options", "storage", paths(NOTHING));
  set("options", "config", paths(CODE));
  set("options", "out", paths(ANYTHING));
  set("options", "output", paths(ANYTHING));
  set("arguments", "folder", paths(NOTHING));
  set("arguments", "command", among(COMMANDS.filter((c) => !c.isHidden).map(({ name }) => name)));
  set("arguments", "id", among(["latest"]));
  if (!["tasks", "read", "remove", "runs"].includes(asked)) {
    return set("arguments", "workflow", paths(CODE));
  }
  const workflows = await storedWorkflows(words);
  const tasks = await storedTasks(words, workflows);
  set("arguments", "workflow", among(workflows));
  set("options", "workflow", among(workflows));
  set("arguments", "task", among(tasks));
  set("arguments", "glob", among(tasks));
  set("options", "task", among(tasks));
}

const CODE = /\.[cm]?[jt]sx?$/;
const ANYTHING = /^/;
const NOTHING = /(?!)/;

/** The folders, and those files whose names match, that begin as what is typed. */
function listPaths(typed: string, pattern: RegExp): string[] {
  const folder = typed.slice(0, typed.lastIndexOf("/") + 1);
  const start = typed.slice(folder.length);
  try {
    return fs.readdirSync(folder || ".", { withFileTypes: true })
      .filter(({ name }) => name.startsWith(start) && (start !== "" || !name.startsWith(".")))
      .map((entry) => ({ name: entry.name, isFolder: isFolder(`${folder}${entry.name}`) }))
      .filter(({ name, isFolder }) => isFolder || pattern.test(name))
      .map(({ name, isFolder }) => `${folder}${name}${isFolder ? "/" : ""}`)
      .sort();
  } catch {
    // What can't be looked at has nothing to offer.
    return [];
  }
}

function isFolder(path: string): boolean {
  return fs.existsSync(path) && fs.statSync(path).isDirectory();
}
