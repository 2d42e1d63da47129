/** The commands of `fuse`: what each is for, and how to load it. A command is loaded when it is asked for, and no other one. */

import { Command, CommanderError } from "commander";
import process from "node:process";
import { VERSION } from "../core/version.ts";
import { isStandalone } from "../backends/parallel/bundle.ts";
import { EXIT_USAGE } from "./_errors.ts";
import { say } from "./_output.ts";
import { readManifest } from "./_manifest.ts";

/** A command as `fuse --help` lists it. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Whether only programs call it. Default: `false`. */
  readonly isHidden?: boolean;
  /** Loads the module that makes it. */
  load(): Promise<Command>;
}

/** All commands, in the order in which they are listed. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "run a workflow and print the values of its targets",
    load: async () => (await import("./run.ts")).runCommand(),
  },
  {
    name: "plan",
    summary: "tell what a run would do with each node, and why, without running anything",
    load: async () => (await import("./plan.ts")).planCommand(),
  },
  {
    name: "graph",
    summary: "draw the graph: as a picture, a page to explore, DOT or Mermaid",
    load: async () => (await import("./graph.ts")).graphCommand(),
  },
  {
    name: "runs",
    summary: "list past runs, or tell of one what it did with each node",
    load: async () => (await import("./runs.ts")).runsCommand(),
  },
  {
    name: "tasks",
    summary: "list stored workflows, or the stored tasks of one",
    load: async () => (await import("./tasks.ts")).tasksCommand(),
  },
  {
    name: "read",
    summary: "show a stored value, or write it to a file for other programs",
    load: async () => (await import("./read.ts")).readCommand(),
  },
  {
    name: "remove",
    summary: "remove stored tasks of a workflow, or all of it",
    load: async () => (await import("./remove.ts")).removeCommand(),
  },
  {
    name: "compile",
    summary: "make one executable of a workflow and its configuration",
    load: async () => (await import("./compile.ts")).compileCommand(),
  },
  {
    name: "init",
    summary: "make a new project that runs: a workflow, its configuration, a test",
    load: async () => (await import("./init.ts")).initCommand(),
  },
  {
    name: "doctor",
    summary: "check the installation, workers, storage and configuration, with what to do",
    load: async () => (await import("./doctor.ts")).doctorCommand(),
  },
  {
    name: "completions",
    summary: "print what makes a shell complete commands, flags, files and stored names",
    load: async () => (await import("./completions.ts")).completionsCommand(),
  },
  {
    name: "complete",
    summary: "tell a shell what may come next",
    isHidden: true,
    load: async () => (await import("./completions.ts")).completeCommand(),
  },
  {
    name: "version",
    summary: "print the versions of fuse and of what it runs on",
    load: async () => (await import("./version.ts")).versionCommand(),
  },
];

/** What `fuse` says of itself with `--help`. */
const EXAMPLES = `
Examples:
  fuse run workflow.ts                 run it on all cores; results are kept in .fuse/ and used again
  fuse plan workflow.ts                what a run would do, and why
  fuse tasks                           what is stored
  fuse read workflow accuracy          one of the results
  fuse help run                        all flags of a command

Exit codes: 0 done, 1 a node failed, 2 the graph or the configuration is wrong, 3 storage, 4 workers, 64 usage, 130 interrupted.`;

/** Does what the arguments of the command line ask for. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    const shipped = isStandalone ? readManifest(process.execPath) : undefined;
    if (shipped) return await (await import("./_shipped.ts")).runShipped(shipped, args);
    const known = withoutHelpOfNothing(args);
    const program = await createProgram(known);
    await program.parseAsync(known, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    await suggestChoice(error);
    suggestRun(error);
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
}

/** Help with a command that there is not: as that command, which Commander says all about. */
function withoutHelpOfNothing(args: readonly string[]): readonly string[] {
  const [first, second] = args;
  const isKnown = second === undefined || second.startsWith("-") || second === "help" ||
    COMMANDS.some(({ name }) => name === second);
  return first !== "help" || isKnown ? args : args.slice(1);
}

/** A workflow file in the place of a command is most likely to be run. */
function suggestRun({ message }: CommanderError): void {
  const [, given] = /unknown command '(.*\.[cm]?[jt]sx?)'/.exec(message) ?? [];
  if (given !== undefined) say(`(Did you mean fuse run ${given}?)`);
}

/** As Commander does for commands and flags: of a choice that there is not, the one that was probably meant. */
async function suggestChoice({ message }: CommanderError): Promise<void> {
  const [, given, list] = /'([^']*)' is invalid.* Allowed choices are (.*)\.$/.exec(message) ?? [];
  if (!given) return;
  const { closest, distance } = await import("fastest-levenshtein");
  const best = closest(given, list.split(", "));
  const letters = (word: string) => [...word].sort().join("");
  const isNear = distance(given, best) <= Math.max(1, given.length / 3) ||
    letters(given) === letters(best);
  if (isNear) say(`(Did you mean ${best}?)`);
}

/** The program, with those commands whole that are asked for by the arguments, and of the others what is listed. */
export async function createProgram(args: readonly string[]): Promise<Command> {
  const wanted = wantedCommands(args);
  // Commander leaves the process; here the error is thrown, so that there is one way out.
  const program = new Command("fuse").exitOverride()
    .description("Runs workflows made of plain TypeScript functions.")
    .version(VERSION)
    .usage("<command> [options]")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText("after", EXAMPLES)
    .showHelpAfterError("(--help shows what can be given)");
  for (const { name, summary, isHidden, load } of COMMANDS) {
    const command = wanted.has(name) ? await load() : new Command(name);
    program.addCommand(command.description(summary), { hidden: isHidden });
    command.copyInheritedSettings(program);
  }
  return program;
}

/** What is run, or helped with: flags before a command's name are those of `fuse`, which take no values. */
function wantedCommands(args: readonly string[]): ReadonlySet<string> {
  const [first, second] = args.filter((arg) => !arg.startsWith("-"));
  return new Set(first === "help" ? [second] : [first]);
}
