/** Definitions for the tests of Ray's driver and workers, which call them by their numbers. */

import { nodeSignal, workflow } from "functionfuse";
import process from "node:process";
import { setImmediate } from "node:timers";

const sumOf = (array: Float64Array) => array.reduce((sum, item) => sum + item, 0);

class Keeper {
  readonly #kept: Float64Array[] = [];

  keep(array: Float64Array): number {
    return this.#kept.push(array);
  }

  handOver(array: Float64Array): number {
    return this.#kept.push(structuredClone(array, { transfer: [array.buffer as ArrayBuffer] }));
  }

  make(length: number, value: number): Float64Array {
    const made = new Float64Array(length).fill(value);
    this.#kept.push(made);
    return made;
  }

  sums(): number[] {
    return this.#kept.map(sumOf);
  }

  end(): void {
    process.kill(process.pid, "SIGKILL");
  }

  async wait(ms: number): Promise<number> {
    await new Promise((done) => setTimeout(done, ms));
    return this.#kept.length;
  }
}

/** By their names: what each is called with is seen where they are used. */
export const definitions = {
  give: workflow("give", (value: unknown) => value),
  pid: workflow("pid", () => process.pid),
  fill: workflow("fill", (length: number, value: number) => new Float64Array(length).fill(value)),
  sum: workflow("sum", sumOf),
  pieces: workflow("pieces", (lengths: number[]) => {
    return lengths.map((length, at) => ({ at, is: new Float64Array(length).fill(at + 1) }));
  }),
  sumPieces: workflow("sumPieces", (pieces: { is: Float64Array }[]) => {
    return pieces.map(({ is }) => sumOf(is));
  }),
  changeLater: workflow("changeLater", async (length: number) => {
    const made = new Float64Array(length).fill(1);
    await new Promise((done) => setTimeout(done, 20));
    setImmediate(() => made.fill(0));
    return made;
  }),
  change: workflow("change", (array: Float64Array) => {
    array.fill(7, 0, 10);
    return sumOf(array);
  }),
  same: workflow("same", (array: Float64Array) => array),
  print: workflow("print", (text: string) => {
    console.log(text);
    process.stdout.write(`${text} without the console\n`);
  }),
  fail: workflow("fail", (message: string) => {
    throw new RangeError(message);
  }),
  model: workflow("model", () => new Keeper()),
  memory: workflow("memory", () => new SharedArrayBuffer(8)),
  exit: workflow("exit", () => {
    console.error("about to end");
    process.stderr.write("the last words\n");
    process.exit(3);
  }),
  stray: workflow("stray", async () => {
    void Promise.reject(new RangeError("nobody waits for it"));
    await new Promise(() => {});
  }),
  kill: workflow("kill", () => process.kill(process.pid, "SIGKILL")),
  killWorker: workflow("killWorker", () => process.kill(process.ppid, "SIGKILL")),
  listen: workflow("listen", async () => {
    const signal = nodeSignal();
    await new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  }),
  spin: workflow("spin", (ms: number) => {
    for (const end = Date.now() + ms; Date.now() < end;);
    return ms;
  }),
  wait: workflow("wait", async (ms: number, value?: unknown) => {
    await new Promise((done) => setTimeout(done, ms));
    return value;
  }),
  Keeper: workflow("Keeper", Keeper),
};
