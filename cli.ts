/**
 * The `fuse` executable: wires the commands together, and turns errors into messages and exit codes.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import process from "node:process";
import { EXIT_USAGE, exitCodeOf, explainError } from "./cli/_errors.ts";
import { leave } from "./cli/_exit.ts";
import { planCommand } from "./cli/plan.ts";
import { readCommand } from "./cli/read.ts";
import { removeCommand } from "./cli/remove.ts";
import { runCommand } from "./cli/run.ts";
import { runsCommand } from "./cli/runs.ts";
import { tasksCommand } from "./cli/tasks.ts";
import { versionCommand } from "./cli/version.ts";
import { VERSION } from "./core/version.ts";

function createProgram(): Command {
  const program = new Command("fuse")
    .description("Runs workflows made of plain TypeScript functions.")
    .version(VERSION)
    .showHelpAfterError("(--help shows what can be given)")
    .addCommand(runCommand())
    .addCommand(planCommand())
    .addCommand(runsCommand())
    .addCommand(tasksCommand())
    .addCommand(readCommand())
    .addCommand(removeCommand())
    .addCommand(versionCommand());
  // Commander leaves the process; here the error is thrown, so that there is one way out.
  for (const command of [program, ...program.commands]) command.exitOverride();
  return program;
}

function fail(error: unknown): void {
  process.exitCode = exitCodeOf(error);
  process.stderr.write(`${explainError(error)}\n`);
}

/** What a node left behind and nobody waits for: its error would otherwise end the process with a raw stack. */
function failLate(error: unknown): void {
  process.stderr.write(
    "error: Something that no node waited for failed: await every promise in a node.\n",
  );
  fail(error);
  leave(1);
}

process.on("unhandledRejection", failLate);
process.on("uncaughtException", failLate);
try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else fail(error);
}
// A turn of the event loop, for what the last node did not wait for.
await new Promise((done) => setTimeout(done, 0));
// What a node left open, such as a timer, is no reason to stay.
leave();
