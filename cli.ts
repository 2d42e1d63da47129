/**
 * The `fuse` executable: finds the command, and turns errors into messages and exit codes.
 *
 * @module
 */

import process from "node:process";
import { CHILD_VARIABLE, isBundled, isStandalone } from "./backends/parallel/bundle.ts";
import { exitCodeOf, explainError } from "./cli/_errors.ts";
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

async function main(args: readonly string[]): Promise<never> {
  process.on("unhandledRejection", failLate);
  process.on("uncaughtException", failLate);
  // Who writes values hears of it too. What can't be said on standard error, nobody can be told.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    const { runProgram } = await import("./cli/_commands.ts");
    await runProgram(args);
  } catch (error) {
    fail(error);
  }
  // A turn of the event loop, for what the last node did not wait for.
  await new Promise((done) => setTimeout(done, 0));
  // What a node left open, such as a timer, is no reason to stay.
  leave();
}

// An executable is its own child process, too. (Elsewhere nothing is read from the environment without need.)
const isChild = (isStandalone || isBundled) && process.env[CHILD_VARIABLE] !== undefined;
if (isChild) await import("./backends/parallel/child.ts");
else await main(process.argv.slice(2));
