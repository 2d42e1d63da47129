/** What a child process needs beside its messages: to write them at once, and to end with its parent. */

import { writeSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";

/** Writes all of it at once, as a node that computes lets nothing else happen. */
export function writeAll(file: number, bytes: Uint8Array): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(file, bytes, at, bytes.length - at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
      // The reader has to read first.
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

/** Sends what nodes and modules write to standard output to standard error: it would be taken for messages. */
export function divertOutput(): void {
  process.stdout.write = process.stderr.write.bind(process.stderr);
  const { Deno: deno } = globalThis as { Deno?: { readonly stderr: unknown } };
  if (deno) Object.defineProperty(deno, "stdout", { value: deno.stderr });
}

/** Ends this process when its parent is gone: one that computes does not see that, but a thread beside it does. */
export function endWithParent(parent: number): void {
  const watch = `
import process from "node:process";
setInterval(() => process.ppid === ${parent} || process.kill(process.pid, "SIGKILL"), 500);
`;
  new Worker(new URL(`data:text/javascript,${encodeURIComponent(watch)}`)).unref();
}
