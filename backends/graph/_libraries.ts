/**
 * The third-party code of drawing, in one place: loaded when something is drawn, and not before.
 *
 * Deno takes packages by `npm:` specifiers, which also hold where this library is imported by URL; other runtimes take
 * them from `node_modules`. The versions are those of `package.json`.
 */

import { rethrow } from "../../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** Graphviz, compiled to WebAssembly. */
export const loadGraphviz = (): Promise<typeof import("npm:@viz-js/viz@3.31.0")> =>
  isDeno ? import("npm:@viz-js/viz@3.31.0").catch(rethrow) : import("@viz-js/viz");

/** The source of `svg-pan-zoom`, which pages carry in them. */
export async function loadPanZoom(): Promise<string> {
  if (isDeno) {
    return textOf(
      await import("npm:svg-pan-zoom@3.6.2/dist/svg-pan-zoom.min.js", { with: { type: "text" } }),
    );
  }
  if ("Bun" in globalThis) {
    // Written so, executables have it in them.
    return textOf(
      await import("svg-pan-zoom/dist/svg-pan-zoom.min.js", { with: { type: "text" } }),
    );
  }
  const [{ createRequire }, { readFile }] = await Promise.all([
    import("node:module"),
    import("node:fs/promises"),
  ]);
  const { resolve } = createRequire(import.meta.url);
  return await readFile(resolve("svg-pan-zoom/dist/svg-pan-zoom.min.js"), "utf8");
}

function textOf(module: { default: unknown }): string {
  return String(module.default);
}
