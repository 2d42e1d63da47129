/** The nodes of the benchmarks, and the peers' tasks: in a module of their own, as workers import it. */

import { workflow } from "functionfuse";

export const increment = workflow(function increment(n: number) {
  return n + 1;
});

export const spin = workflow(function spin(ms: number) {
  const end = performance.now() + ms;
  let count = 0;
  while (performance.now() < end) count++;
  return count;
});

export const makeArray = workflow(function makeArray(length: number) {
  return new Float64Array(length).fill(length);
});

/** Reads a page of each, so that what is measured is the way and not the reading. */
export const readArrays = workflow(function readArrays(a: Float64Array, b: Float64Array) {
  return a.length + b.length + a[0] + b[b.length - 1];
});
