import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { FileStorage } from "functionfuse/storage";
import { Workspace } from "../support/fuse.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const workspace = new Workspace();
after(() => workspace.remove());

const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

/** What a shell prints that runs a script in the workspace, in which `fuse` is this very program. */
function inBash(script: string): string[] {
  const program = process.versions.deno
    ? `"${process.execPath}" run -A --quiet "${CLI}"`
    : `"${process.execPath}" "${CLI}"`;
  const { stdout, stderr, status } = spawnSync(
    "bash",
    ["--norc", "-c", `fuse() { ${program} "$@"; }\n${script}`],
    { cwd: workspace.path, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  assert.equal(status, 0, stderr);
  return stdout.split("\n").slice(0, -1);
}

/** What bash offers for each line of words, the last of which is typed as far as it stands there. */
function complete(lines: readonly string[][]): string[] {
  const quote = (word: string) => `'${word}'`;
  // Sourced twice, as when somebody starts a shell within a shell.
  return inBash(`
source <(fuse completions bash); source <(fuse completions bash)
ask() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  "$(complete -p fuse | sed 's/.*-F \\([^ ]*\\).*/\\1/')" fuse "\${COMP_WORDS[COMP_CWORD]}" 2>/dev/null
  echo "\${COMPREPLY[*]}"
}
${lines.map((words) => `ask fuse ${words.map(quote).join(" ")}`).join("\n")}`);
}

describe("fuse completions", () => {
  before(async () => {
    workspace.write("digits.ts", "");
    workspace.write("notes.txt", "");
    mkdirSync(join(workspace.path, "data"));
    const storage = new FileStorage({ path: join(workspace.path, ".fuse") });
    for (const task of ["train_knn", "train_forest", "a b"]) await storage.save("mnist", task, 1);
    await storage.save("x;rm", "y", 1);
    await new FileStorage({ path: join(workspace.path, "data/kept") }).save("other", "task", 1);
  });

  it("make bash complete commands, flags, choices, files and what is stored", () => {
    const cases: [words: string[], offered: string][] = [
      [["pl"], "plan"],
      [["run", "--back"], "--backend"],
      [["run", "--backend", ""], "parallel local ray"],
      [["run", "digits.ts", "--isolation", "pr"], "process"],
      [["run", "d"], "data/ digits.ts"],
      [["run", "digits.ts", "--storage", "d"], "data/"],
      [["read", ""], "mnist"],
      [["read", "mnist", "train_"], "train_forest train_knn"],
      [["tasks", "--storage", "data/kept", ""], "other"],
      [["completions", "fi"], "fish"],
      [["help", "doc"], "doctor"],
      [["nothing", "of", "this"], ""],
    ];
    const offered = complete(cases.map(([words]) => words));
    cases.forEach(([words, expected], at) => {
      assert.equal(offered[at], expected, words.join(" "));
    });
  });

  it("never break a line, whatever the configuration does", () => {
    workspace.write("broken/fuse.config.ts", `console.log("noise"); throw new Error("no");`);
    workspace.write("broken/deeper/file", "");
    const [offered] = inBash(`cd broken/deeper; fuse complete -- tasks ''`);
    assert.match(offered, /^:\d$/);
  });

  it("say how to have them in every shell", async () => {
    for (const shell of ["bash", "zsh", "fish", "powershell"]) {
      const { code, stdout, stderr } = await workspace.fuse(["completions", shell]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /fuse.* complete /);
      assert.match(stdout, new RegExp(`# To have this in every shell, run once:\\n#.*${shell}`));
    }
    const wrong = await workspace.fuse(["completions", "bsh"]);
    assert.equal(wrong.code, 64);
    assert.match(wrong.stderr, /Did you mean bash\?/);
    const other = await workspace.fuse(["completions", "tcsh"]);
    assert.match(other.stderr, /Allowed choices are bash, zsh, fish, powershell/);
    assert.doesNotMatch(other.stderr, /Did you mean/);
  });

  for (const shell of ["bash", "zsh", "fish"]) {
    it(`are a script that ${shell} reads without a complaint`, {
      skip: has(shell) ? false : `there is no ${shell} here`,
    }, async () => {
      const { stdout } = await workspace.fuse(["completions", shell]);
      workspace.write(`script.${shell}`, stdout);
      const script = join(workspace.path, `script.${shell}`);
      const { status, stderr } = spawnSync(shell, ["-n", script], { encoding: "utf8" });
      assert.deepEqual([status, stderr], [0, ""]);
    });
  }
});
