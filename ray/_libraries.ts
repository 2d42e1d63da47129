/**
 * The third-party code of the Ray backend, in one place: see `storage/_libraries.ts`.
 *
 * Deno takes packages by `npm:` specifiers, which also hold where this library is imported by URL and no import map or
 * `package.json` of ours is in force; other runtimes take them from `node_modules`. The versions are those of
 * `package.json`.
 */

import { rethrow } from "../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** Writes and reads archives in the format zip. */
export const loadZip = (): Promise<typeof import("npm:fflate@0.8.3")> =>
  isDeno ? import("npm:fflate@0.8.3").catch(rethrow) : import("fflate");

/** Globs. */
export const loadGlobs = (): Promise<typeof import("npm:picomatch@4.0.7")> =>
  isDeno ? import("npm:picomatch@4.0.7").catch(rethrow) : import("picomatch");
