/**
 * The third-party code by which code is read, in one place: see `storage/_libraries.ts`.
 *
 * Deno takes packages by `npm:` specifiers, which also hold where this library is imported by URL and no import map or
 * `package.json` of ours is in force; other runtimes take them from `node_modules`. The versions are those of
 * `package.json`.
 */

import { rethrow } from "../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** Parses TypeScript. */
export const loadParser = (): Promise<typeof import("npm:@babel/parser@8.1.2")> =>
  isDeno ? import("npm:@babel/parser@8.1.2").catch(rethrow) : import("@babel/parser");

/** Tells which variable a name means. */
export const loadScopes = (): Promise<typeof import("npm:eslint-scope@9.1.2")> =>
  isDeno ? import("npm:eslint-scope@9.1.2").catch(rethrow) : import("eslint-scope");

/** Parses JSON with comments, as lock files and configurations are written in. */
export const loadJsonc = (): Promise<typeof import("npm:jsonc-parser@3.3.1")> =>
  isDeno ? import("npm:jsonc-parser@3.3.1").catch(rethrow) : import("jsonc-parser");
