/** Functions that edits insert: in a module of their own, as workers import it. */

import type { AnyFunction } from "../../core/callable.ts";
import { noteWritten } from "../../core/carried.ts";
import { CallSite } from "../../core/place.ts";

/** As a configuration does it: a worker finds the function, though the edit is made later. */
function written<F extends AnyFunction>(fn: F): F {
  noteWritten(fn, CallSite.of(written, true), []);
  return fn;
}

export const same = written(function same(value: unknown) {
  return value;
});
export const sameLater = written(async function sameLater(value: unknown) {
  await Promise.resolve();
  return value;
});
export const increment = written(function increment(n: number) {
  return n + 1;
});
export const double = written(function double(value: number | number[]) {
  return Array.isArray(value) ? value.map((n) => 2 * n) : 2 * value;
});
export const refuse = written(function refuse(value: unknown) {
  throw new RangeError(`no ${value}`);
});
