/** How the process ends: by us, or by a node that should not have ended it. */

import process from "node:process";

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
