/**
 * Lets workflow files anywhere import `functionfuse` in Bun, which knows that name only inside this project; in Deno, our
 * import map is in force wherever the file is.
 */

import { readFileSync } from "node:fs";

/** What is used of Bun's own API. */
interface BunGlobal {
  plugin(plugin: { name: string; setup(build: Build): void }): void;
}

interface Build {
  module(specifier: string, load: () => Promise<{ exports: unknown; loader: "object" }>): void;
}

/** Maps the public entries of `package.json` to the modules of this very copy. Elsewhere than in Bun, does nothing. */
export function provideLibrary(): void {
  const { Bun: bun } = globalThis as { Bun?: BunGlobal };
  const root = new URL("../", import.meta.url);
  bun?.plugin({
    name: "functionfuse",
    setup(build) {
      const text = readFileSync(new URL("package.json", root), "utf8");
      const { name, exports }: { name: string; exports: Record<string, string> } = JSON.parse(text);
      for (const [entry, path] of Object.entries(exports)) {
        build.module(name + entry.slice(1), async () => ({
          exports: await import(new URL(path, root).href),
          loader: "object",
        }));
      }
    },
  });
}
