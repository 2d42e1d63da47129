/**
 * Lets workflow files anywhere import `functionfuse`: this very copy of it.
 *
 * Bun and Node.js know that name only inside this project, or where the package is installed. In Deno the import map is in
 * force wherever the file is, but not in an executable.
 */

import { alwaysPreloaded, isStandalone } from "../backends/parallel/bundle.ts";

/** The public entries, as in `package.json`; none is loaded before it is imported. */
const ENTRIES: Readonly<Record<string, { readonly url: string; load(): Promise<object> }>> = {
  "functionfuse": entry("../mod.ts", () => import("../mod.ts")),
  "functionfuse/backends/local": entry(
    "../backends/local.ts",
    () => import("../backends/local.ts"),
  ),
  "functionfuse/backends/graph": entry(
    "../backends/graph.ts",
    () => import("../backends/graph.ts"),
  ),
  "functionfuse/backends/parallel": entry(
    "../backends/parallel.ts",
    () => import("../backends/parallel.ts"),
  ),
  "functionfuse/backends/ray": entry("../backends/ray.ts", () => import("../backends/ray.ts")),
  "functionfuse/config": entry("../config.ts", () => import("../config.ts")),
  "functionfuse/plugins": entry("../plugins/mod.ts", () => import("../plugins/mod.ts")),
  "functionfuse/storage": entry("../storage/mod.ts", () => import("../storage/mod.ts")),
  "functionfuse/testing": entry("../testing.ts", () => import("../testing.ts")),
};

/** The names by which workflow files import this library. */
export const LIBRARY_NAMES: readonly string[] = Object.keys(ENTRIES);

/** Where the module of each name is; files, where this is no executable. */
export const LIBRARY_URLS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ENTRIES).map(([name, { url }]) => [name, url]),
);

function entry(path: string, load: () => Promise<object>) {
  return { url: new URL(path, import.meta.url).href, load };
}

/** What is used of Bun's own API. */
interface BunGlobal {
  plugin(plugin: { name: string; setup(build: Build): void }): void;
  resolveSync(specifier: string, importer: string): string;
}

interface Build {
  onResolve(
    options: { filter: RegExp; namespace: string },
    resolve: (imported: { path: string; importer: string }) => { path: string },
  ): void;
  module(specifier: string, load: () => Promise<{ exports: object; loader: "object" }>): void;
}

let provided: Promise<void> | undefined;

/** Maps the public entries to the modules of this very copy, where the runtime does not do so by itself. */
export function provideLibrary(): Promise<void> {
  return provided ??= provide();
}

async function provide(): Promise<void> {
  const { Bun: bun } = globalThis as { Bun?: BunGlobal };
  // Workers do so before they import anything of the user's.
  alwaysPreloaded.add(new URL("./_worker.ts", import.meta.url).href);
  if (bun) {
    bun.plugin({
      name: "functionfuse",
      setup(build) {
        for (const [name, { load }] of Object.entries(ENTRIES)) {
          build.module(name, async () => ({ exports: await load(), loader: "object" }));
        }
        // As Deno writes it; which version there is, node_modules decides.
        build.onResolve({ filter: /^/, namespace: "npm" }, ({ path, importer }) => {
          const name = path.replace(/^((?:@[^/]+\/)?[^/@]+)@[^/]*/, "$1");
          return { path: LIBRARY_NAMES.includes(name) ? name : bun.resolveSync(name, importer) };
        });
      },
    });
  } else if (isStandalone || !("Deno" in globalThis)) {
    const { registerHooks } = await import("node:module");
    // The first releases of Node.js 22 have none.
    registerHooks?.({
      resolve(specifier, context, next) {
        const known = Object.hasOwn(ENTRIES, specifier) ? ENTRIES[specifier] : undefined;
        return known ? { url: known.url, shortCircuit: true } : next(specifier, context);
      },
    });
  }
}
