/** Files of the user's that await something which may never come. */

import { say } from "./_output.ts";

const LONG_MS = 5_000;

/** Waits for what a file awaits, and says so if that takes long. */
export async function waitFor<T>(file: string, action: () => T | Promise<T>): Promise<T> {
  let isTold = false;
  // Again and again, as Deno leaves with a message of its own where nothing is left to wait for.
  const timer = setInterval(() => {
    if (!isTold) say(`Still loading ${file}: it awaits something. Ctrl-C ends this.`);
    isTold = true;
  }, LONG_MS);
  try {
    return await action();
  } finally {
    clearInterval(timer);
  }
}
