/**
 * The `fuse` executable: wires the commands together, and turns errors into messages and exit codes.
 *
 * @module
 */

import { CommanderError } from "commander";
import process from "node:process";
import { createProgram } from "./cli/_commands.ts";
import { EXIT_USAGE, exitCodeOf, explainError } from "./cli/_errors.ts";
import { leave } from "./cli/_exit.ts";

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
  const args = process.argv.slice(2);
  await (await createProgram(args)).parseAsync(args, { from: "user" });
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
  else fail(error);
}
// A turn of the event loop, for what the last node did not wait for.
await new Promise((done) => setTimeout(done, 0));
// What a node left open, such as a timer, is no reason to stay.
leave();
