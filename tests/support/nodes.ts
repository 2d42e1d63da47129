/** Definitions for the suites that every backend must pass: in a module of their own, as workers import it. */

import { definePlugin, nodeSignal, workflow } from "functionfuse";
import { initializer, seedSequence } from "functionfuse/plugins";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";

/** The modulus of the parity graphs, with Python's sign. */
const MODULUS = 1_000_003;
const mod = (n: number) => ((n % MODULUS) + MODULUS) % MODULUS;

/** The functions of the parity graphs. */
export const parityFunctions: Record<string, (...args: never[]) => unknown> = {
  add: (a: number, b: number) => mod(a + b),
  sub: (a: number, b: number) => mod(a - b),
  mul: (a: number, b: number) => mod(a * b),
  total: (...all: number[]) => mod(all.reduce((sum, n) => sum + n, 0)),
  const: (value: unknown) => value,
  pair: (a: unknown, b: unknown) => [a, b],
  record: (x: unknown, y: unknown) => ({ x, y }),
};

/** The class of the parity graphs. */
export class ParityCounter {
  #total: number;
  constructor(start: number) {
    this.#total = start;
  }
  add(n: number) {
    return this.#total = mod(this.#total + n);
  }
  scale(n: number) {
    return this.#total = mod(this.#total * n);
  }
  both(n: number) {
    return [this.#total, n];
  }
}

/** What makes the nodes of a parity graph. */
export function parityMakers() {
  const makers = Object.entries(parityFunctions).map(([name, fn]) =>
    [name, workflow(name, fn)] as const
  );
  return { functions: new Map(makers), Counter: workflow("Counter", ParityCounter) };
}

/** Those of this module, which workers can import; names are counted over all graphs. */
export const sharedParityMakers = parityMakers();

/** What the nodes of a random graph do with what they read. */
export function combine(index: number, values: readonly number[]): number {
  if (values.some((value) => typeof value !== "number")) {
    throw new Error(`node ${index} read a result that was not there`);
  }
  return values.reduce((sum, value) => (sum * 31 + value) % MODULUS, index);
}

export const direct = workflow(
  "direct",
  (index: number, ...values: number[]) => combine(index, values),
);
export const later = workflow("later", async (index: number, ...values: number[]) => {
  await Promise.resolve();
  return combine(index, values);
});
export const nested = workflow(
  "nested",
  (index: number, inner: { deep: number[][] }) => combine(index, inner.deep[0]),
);

/** Keeps all that it is told, and answers with all of it. */
export const Tape = workflow(
  class Tape {
    readonly said: unknown[] = [];
    constructor(first?: unknown) {
      if (first !== undefined) this.said.push(first);
    }
    say(word: unknown) {
      this.said.push(word);
      return this.said.length;
    }
    async sayLater(word: unknown) {
      await pause(2);
      return this.say(word);
    }
    all() {
      return [...this.said];
    }
    where() {
      return process.pid;
    }
    spin() {
      for (;;);
    }
    fail() {
      throw new Error("the tape is torn");
    }
  },
);

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export const give = workflow("give", <T>(value: T, ..._after: unknown[]) => value);
export const sum = workflow(
  "sum",
  (...values: number[]) => values.reduce((sum, value) => sum + value, 0),
);
export const wait = workflow("wait", async <T>(ms: number, value?: T) => {
  await pause(ms);
  return value as T;
});
export const spin = workflow("spin", (ms: number) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
});
export const array = workflow("array", (length: number, fill: number) => {
  return new Float64Array(length).fill(fill);
});
export const total = workflow("total", (...arrays: Float64Array[]) => {
  return arrays.reduce((sum, array) => array.reduce((sum, n) => sum + n, sum), 0);
});
export const print = workflow("print", (...lines: string[]) => {
  for (const line of lines) console.log(line);
});
export const draw = workflow("draw", (count: number, ..._after: unknown[]) => {
  return Array.from({ length: count }, () => Math.random());
});

class Model {
  constructor(readonly slope: number) {}
  predict(x: number) {
    return this.slope * x;
  }
}
export const fit = workflow("fit", (slope: number) => new Model(slope));
export const predict = workflow("predict", (model: Model, x: number) => model.predict(x));
export const compare = workflow(
  "compare",
  (a: Model, b: Model) => [a.predict(1), b.predict(1), a instanceof Model],
);
export const call = workflow("call", (fn: (x: number) => number, x: number) => fn(x));
export const giveFunction = workflow("giveFunction", (n: number) => (x: number) => x + n);

export class DigitError extends RangeError {
  constructor(readonly digit: number, options?: ErrorOptions) {
    super(`no such digit: ${digit}`, options);
  }
}
export const fail = workflow("fail", (digit: number, ..._after: unknown[]): number => {
  throw new DigitError(digit, { cause: new TypeError("not a digit", { cause: "a letter" }) });
});
export const throwValue = workflow("throwValue", (value: unknown) => {
  throw value;
});

/** Fails so often that the file has that many characters, and then gives the count. */
export const flaky = workflow("flaky", (
  file: string,
  failures: number,
  how: string,
  ..._after: unknown[]
) => {
  const count = existsSync(file) ? readFileSync(file, "utf8").length : 0;
  if (count >= failures) return count;
  appendFileSync(file, "x");
  if (how === "exit") process.exit(7);
  if (how === "hang") return new Promise<number>(() => {});
  if (how === "spin") { for (;;); }
  throw new RangeError(`failure ${count + 1}`);
});
/** Notes in a file that it was run. */
export const note = workflow("note", (file: string, text: string, ...reads: unknown[]) => {
  appendFileSync(file, text);
  return reads.length;
});
/** Notes in a file that its signal has told it to end. */
export const listen = workflow("listen", async (file: string) => {
  const signal = nodeSignal();
  appendFileSync(file, "started ");
  await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
  appendFileSync(file, `ended by ${(signal.reason as Error).name}`);
});
/** The same, without ever waiting. */
export const poll = workflow("poll", (file: string) => {
  const signal = nodeSignal();
  appendFileSync(file, "started ");
  while (!signal.aborted);
  appendFileSync(file, "ended");
});
/** Ends its worker in one way or another. */
export const die = workflow("die", async (how: string, ..._after: unknown[]) => {
  if (how === "exit") process.exit(3);
  if (how === "throw") setTimeout(() => Promise.reject(new DigitError(11)), 1);
  if (how === "memory") {
    // Bun has no limit but the machine's memory, which would take minutes: there it crashes otherwise.
    if (process.versions.bun) process.abort();
    const all: unknown[] = [];
    for (;;) all.push(new Array(1e6).fill(all.length));
  }
  if (how === "kill") process.kill(process.pid, "SIGKILL");
  await pause(5_000);
});
/** Leaves something behind that ends its worker after it. */
export const stray = workflow("stray", () => {
  setTimeout(() => {
    throw new Error("stray");
  }, 0);
  return [1];
});
export const pid = workflow("pid", (..._after: unknown[]) => process.pid);

const environment = { level: 0, trace: [] as string[] };
export const trace = workflow("trace", () => [environment.level, ...environment.trace]);
/** Adds its mark to what `trace` gives. */
export const mark = definePlugin("mark", ({ mark }: { mark: string }) => ({
  localInitialize: (node) => `${mark}:${node.name}`,
  remoteInitialize(entry: string) {
    environment.level++;
    environment.trace.push(entry);
    return () => {
      environment.level--;
      environment.trace.pop();
    };
  },
}));
export const failing = definePlugin("failing", () => ({
  remoteInitialize() {
    throw new Error("no device");
  },
}));
/** Made here, at the top level, as functions travel by the place of the call. */
export const deeper = initializer({
  local: (node) => node.name.length,
  remote(length: number) {
    environment.level += length;
    return () => void (environment.level -= length);
  },
});
export const seeds = seedSequence({
  minimum: 5,
  maximum: 7,
  start: 6,
  seed(seed) {
    environment.level = seed;
    return () => void (environment.level = 0);
  },
});
