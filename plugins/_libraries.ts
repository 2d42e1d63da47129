/**
 * The third-party code of the plugins, in one place; how it is found is as for the storages: by `npm:` specifiers in Deno,
 * which also hold where this library is imported by URL, and in `node_modules` elsewhere.
 */

import { rethrow } from "../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** The generator xoroshiro128+, by Blackman and Vigna (2018). */
export const { xoroshiro128plusFromState } =
  await (isDeno
    ? import("npm:pure-rand@8.4.2/generator/xoroshiro128plus").catch(rethrow)
    : import("pure-rand/generator/xoroshiro128plus"));

/** Numbers from 0 up to 1, in steps of 2^-53. */
export const { uniformFloat64 } =
  await (isDeno
    ? import("npm:pure-rand@8.4.2/distribution/uniformFloat64").catch(rethrow)
    : import("pure-rand/distribution/uniformFloat64"));
