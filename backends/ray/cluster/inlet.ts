/** How node.ts reads what its worker says. */

import { openSync, read, readSync } from "node:fs";
import { openFile, type System } from "./system.ts";

const PIPE_BYTES = 1 << 20;
const READABLE = 1;
// So long what a node has left behind may have to wait; the next task of a busy worker comes sooner.
const PATIENCE_MS = 5;

/** Gives bytes as they come, and `end`s with the file. */
export function readFrom(
  path: string,
  { system, isIdle, receive, end }: {
    readonly system: System | undefined;
    /** Whether nothing is under way that could go on meanwhile. */
    isIdle(): boolean;
    receive(bytes: Uint8Array): void;
    end(): void;
  },
): void {
  const file = openSync(path, "r");
  const buffer = new Uint8Array(PIPE_BYTES);
  const polled = system && new Int32Array([openFile(system, path, 0), 0]);
  const take = (count: number) => count > 0 ? receive(buffer.slice(0, count)) : end();
  // To wait for a little while is cheaper than to be woken.
  const comesSoon = () => {
    if (!polled || !isIdle()) return false;
    polled[1] = READABLE;
    return system.poll(new Uint8Array(polled.buffer), 1n, PATIENCE_MS) > 0;
  };
  const listen = () => {
    while (comesSoon()) take(readSync(file, buffer, 0, PIPE_BYTES, null));
    read(file, buffer, 0, PIPE_BYTES, null, (error, count) => {
      take(error ? 0 : count);
      listen();
    });
  };
  listen();
}
