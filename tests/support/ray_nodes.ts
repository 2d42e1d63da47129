/** Nodes that tests run on a cluster. */

import { definePlugin, workflow } from "functionfuse";
import process from "node:process";

export const range = workflow(
  "range",
  (length: number) => Float64Array.from({ length }, (_, i) => i),
);

export const sum = workflow("sum", (list: Float64Array) => list.reduce((a, b) => a + b, 0));

export const describeAll = workflow("describeAll", (values: Record<string, unknown>) => ({
  text: JSON.stringify(values),
  runtime: process.versions.deno ? "deno" : "another",
}));

export const Counter = workflow(
  class Counter {
    constructor(public total: number) {}
    add(n: number) {
      return this.total += n;
    }
  },
);

export const say = workflow("say", (text: string) => {
  console.log(text);
  return text;
});

class NoDigits extends RangeError {
  override readonly name = "NoDigits";
  constructor(message: string, readonly digits: number) {
    super(message);
  }
}

export const fail = workflow("fail", (digits: number): number => {
  throw new NoDigits(`There are ${digits} digits.`, digits);
});

export const wait = workflow("wait", async (ms: number) => {
  console.log("waiting");
  await new Promise((done) => setTimeout(done, ms));
  return ms;
});

const global = globalThis as { prepared?: string };

export const prepared = workflow("prepared", () => global.prepared ?? "nothing");

export const prepare = definePlugin("prepare", (options: { word: string }) => ({
  localInitialize: ({ name }) => `${options.word} ${name}`,
  remoteInitialize(text: string) {
    global.prepared = text;
    return () => void delete global.prepared;
  },
}));
