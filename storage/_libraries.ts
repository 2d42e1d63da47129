/**
 * The third-party code of the storages, in one place.
 *
 * Deno takes packages by `npm:` specifiers, which also hold where this library is imported by URL and no import map or
 * `package.json` of ours is in force; other runtimes take them from `node_modules`. The versions are those of
 * `package.json`.
 */

const isDeno = "Deno" in globalThis;

/** Text for values with cycles, shared references and JavaScript's own types. */
export const { DevalueError, parse, stringify } =
  await (isDeno ? import("npm:devalue@6.0.3") : import("devalue"));

/** Globs. */
export const { default: picomatch } =
  await (isDeno ? import("npm:picomatch@4.0.7") : import("picomatch"));
