/**
 * The `fuse` executable: wires the commands together, and turns errors into messages and exit codes.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import process from "node:process";
import { exitCodeOf, explainError } from "./cli/_errors.ts";
import { runCommand } from "./cli/run.ts";
import { versionCommand } from "./cli/version.ts";
import { VERSION } from "./core/version.ts";

const EXIT_USAGE = 64;

function createProgram(): Command {
  const program = new Command("fuse")
    .description("Runs workflows made of plain TypeScript functions.")
    .version(VERSION)
    .showHelpAfterError("(add --help for what can be said)")
    .addCommand(runCommand())
    .addCommand(versionCommand());
  // Commander leaves the process; here the error is thrown, so that there is one way out.
  for (const command of [program, ...program.commands]) command.exitOverride();
  return program;
}

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else {
    process.exitCode = exitCodeOf(error);
    process.stderr.write(`${explainError(error)}\n`);
  }
}
// What a node left open, such as a timer, is no reason to stay.
process.exit();
