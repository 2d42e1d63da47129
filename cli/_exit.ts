/** How the process ends: by us, or by a node that should not have ended it. */

import process from "node:process";
import { Interrupted } from "./_errors.ts";

let isLeaving = false;

/** Ends the process, with `code` or else the code that was set before. */
export function leave(code?: number): never {
  isLeaving = true;
  // Node.js takes a code that is not defined for 0.
  if (code === undefined) process.exit();
  process.exit(code);
}

/** Runs with an eye on nodes that end the whole process, which would otherwise look like success. */
export async function reportExit<T>(action: () => Promise<T>): Promise<T> {
  const report = () => {
    if (isLeaving) return;
    process.stderr.write("error: A node ended the process: return a value instead, or throw.\n");
    process.exitCode = 1;
  };
  process.on("exit", report);
  try {
    return await action();
  } finally {
    process.off("exit", report);
  }
}

/**
 * Listens for Ctrl-C, from the start on, as runtimes take a moment to begin listening.
 *
 * It ends the process, until the signal that is returned has been asked for: then the first one aborts that, so that the
 * run can end well, and only the second one ends the process.
 */
export function listenForInterrupt(): () => AbortSignal {
  const controller = new AbortController();
  let isRunning = false;
  const interrupt = () => {
    if (!isRunning || controller.signal.aborted) leave(130);
    controller.abort(new Interrupted("Interrupted."));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  return () => {
    isRunning = true;
    return controller.signal;
  };
}
