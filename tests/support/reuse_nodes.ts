/** Definitions for the suite of exact reuse: in a module of their own, as workers import it. */

import { workflow } from "functionfuse";

/** So few values that a changed node often gives what it gave before. */
const MODULUS = 3;

/** What a node gives. */
export function mixed(salt: number, values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, salt * 7) % MODULUS;
}

export const mix = workflow(
  "mix",
  (salt: number, inner: { values: number[] }) => mixed(salt, inner.values),
);

/** Adds up, and tells how much it is. */
export class PlainTally {
  #total: number;
  constructor(salt: number, start = 0) {
    this.#total = salt + start;
  }
  add(salt: number, ...values: number[]) {
    this.#total += salt + values.reduce((sum, value) => sum + value, 0);
    return this.#total % MODULUS;
  }
}
export const Tally = workflow("Tally", PlainTally);

export const keep = workflow("keep", <T>(value: T) => value);
