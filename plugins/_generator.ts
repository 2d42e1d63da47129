/** `Math.random` from a seed, alike in every runtime. */

import { createHash } from "node:crypto";
import type { Undo } from "../core/plugin.ts";
import { uniformFloat64, xoroshiro128plusFromState } from "./_libraries.ts";

/** A generator's state that depends on a text alone: the first 128 bits of its SHA-256. */
export function stateFor(text: string): number[] {
  const digest = createHash("sha256").update(text).digest();
  return [0, 4, 8, 12].map((at) => digest.readInt32LE(at));
}

/** Lets `Math.random` draw from a generator; gives what sets the one before again. */
export function replaceRandom(state: readonly number[]): Undo {
  const before = Math.random;
  const generator = xoroshiro128plusFromState(state);
  Math.random = () => uniformFloat64(generator);
  return () => void (Math.random = before);
}
