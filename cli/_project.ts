/** The files of a new project. */

import { fileURLToPath } from "node:url";
import { VERSION } from "../core/version.ts";
import { escapeControls } from "./_text.ts";

/**
 * Where a project finds the library, for its tests and for editors: in the source that `fuse` runs from, in the package that
 * it is installed as, or in a package that has yet to be brought, as an executable has none beside it.
 */
export type LibraryPlace =
  | { readonly kind: "source"; readonly urls: Readonly<Record<string, string>> }
  | { readonly kind: "package"; readonly folder: string }
  | { readonly kind: "none" };

/** The package that stands in for what an executable can't point to. */
export const PACKAGE_FILE = `functionfuse-${VERSION}.tgz`;

/** A file: its text, and what it is in a few words. */
export interface ProjectFile {
  readonly name: string;
  readonly text: string;
  readonly about: string;
}

/** Copies the package, as Deno reads no types behind a link. */
export const NPM_INSTALL = "npm install --install-links";

/** The files of a project whose folder has this name, in the order in which people should read them. */
export function projectFiles(folder: string, library: LibraryPlace): readonly ProjectFile[] {
  return [
    { name: "workflow.ts", text: WORKFLOW, about: "what is computed" },
    { name: "statistics.ts", text: STATISTICS, about: "plain functions for it" },
    { name: "fuse.config.ts", text: CONFIG, about: "how it is run" },
    { name: "workflow_test.ts", text: TEST, about: "a test, for deno test and bun test" },
    { name: "README.md", text: readme(folder, library), about: "what to do next" },
    {
      name: "deno.json",
      text: json(denoConfig(library)),
      about: "for editors and tests with Deno",
    },
    {
      name: "package.json",
      text: json(packageOf(folder, library)),
      about: "for editors and tests with Bun",
    },
    {
      name: "tsconfig.json",
      text: json(typescriptConfig(library)),
      about: "for editors with TypeScript's own server",
    },
    { name: ".gitignore", text: "node_modules/\n.fuse/\n", about: "what git leaves out" },
  ];
}

const WORKFLOW = `\
/** Estimates π with darts: batches that can run side by side, and what they give together. */

import { workflow } from "functionfuse";
import { mean, standardError } from "./statistics.ts";

// What workflow() makes of a function does not run it: a call makes a node, and nodes make a graph.
const throwDarts = workflow(function throwDarts(darts: number) {
  let hits = 0;
  for (let i = 0; i < darts; i++) {
    if (Math.hypot(Math.random(), Math.random()) < 1) hits++;
  }
  return 4 * hits / darts;
});

const summarize = workflow(function summarize(estimates: number[]) {
  return { pi: mean(estimates), error: standardError(estimates) };
});

/** Parameters are given by: fuse run workflow.ts --param batches=16 */
export default function estimatePi({ batches = 8, darts = 1_000_000 } = {}) {
  const estimates = Array.from(
    { length: batches },
    (_, i) => throwDarts(darts).setName(\`batch_\${i + 1}\`),
  );
  return summarize(estimates).setName("summary");
}
`;

const STATISTICS = `\
/** Plain functions: they know nothing of workflows. */

/** The arithmetic mean. */
export function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How far the mean is probably off. */
export function standardError(values: number[]): number {
  const center = mean(values);
  const squares = values.map((value) => (value - center) ** 2);
  return Math.sqrt(mean(squares) / (values.length - 1));
}
`;

const CONFIG = `\
/** How the workflow is run. Flags of fuse beat what is said here. */

import { defineConfig } from "functionfuse/config";
import { randomState } from "functionfuse/plugins";

export default defineConfig({
  // workers: 4, // default: as many as the machine's cores
  // storage: "s3://bucket/prefix", // default: the folder .fuse
  rules: [
    // The same random numbers in every run, on any number of workers.
    { query: "batch_.*", plugins: [randomState({ seed: 7 })], remoteArgs: { maxRetries: 1 } },
  ],
});
`;

const TEST = `\
import assert from "node:assert/strict";
import { test } from "node:test";
import { runWith } from "functionfuse/testing";
import estimatePi from "./workflow.ts";

test("the summary is the mean of the batches", async () => {
  const { value } = await runWith(estimatePi({ batches: 2 }), {
    values: { batch_1: 3, batch_2: 3.5 },
  });
  assert.deepEqual(value, { pi: 3.25, error: 0.25 });
});
`;

function readme(folder: string, library: LibraryPlace): string {
  return `\
# ${escapeControls(folder).replace(/[\\`*_{}[\]<>#|]/g, "\\$&") || "A workflow"}

\`\`\`sh
fuse run workflow.ts                   # run it on all cores; results are kept in .fuse/
fuse run workflow.ts                   # again: nothing has to run
fuse run workflow.ts --param batches=16
fuse plan workflow.ts                  # what a run would do, and why
fuse tasks workflow                    # what is stored
fuse read workflow summary             # one of the results
deno test -A                           # its test; or: bun test
\`\`\`

- \`workflow.ts\` is what is computed. Change it, and just what that changes runs again.
- \`statistics.ts\` has plain functions that it uses.
- \`fuse.config.ts\` is how it is run: workers, storage, resources, retries, plugins, other functions in the place of some.
- \`workflow_test.ts\` tests it with values in the places of some nodes.

${LIBRARY_NOTES[library.kind]}
`;
}

/** What somebody must know of it who runs tests, opens an editor, or moves the project. */
const LIBRARY_NOTES: Readonly<Record<LibraryPlace["kind"], string>> = {
  source: `\
Files that \`fuse\` runs find the library by themselves. Tests and editors find it by \`deno.json\` (Deno) and \`tsconfig.json\`
(Bun, TypeScript), which name the clone of Function Fuse that made this project: elsewhere, change its path in both.`,
  package: `\
Files that \`fuse\` runs find the library by themselves. Tests and editors find it in \`node_modules\`: \`bun install\` or
\`${NPM_INSTALL}\` puts it there, from where \`package.json\` names it. Elsewhere, name the package there instead.`,
  none: `\
Files that \`fuse\` runs find the library by themselves. Tests and editors need it as a package, once:

1. In a clone of Function Fuse, \`deno task npm\` makes \`dist/${PACKAGE_FILE}\`. Copy that into this folder.
2. \`npm install\` or \`bun install\`, here.`,
};

function denoConfig(library: LibraryPlace): object {
  // What node_modules has is found there; without it, packages come from the cache of Deno.
  return library.kind === "source"
    ? { nodeModulesDir: "none", imports: library.urls }
    : { nodeModulesDir: "manual" };
}

function typescriptConfig(library: LibraryPlace): object {
  const files = library.kind === "source"
    ? Object.entries(library.urls).filter(([, url]) => url.startsWith("file:"))
    : [];
  // Bun follows them, too.
  const paths = Object.fromEntries(
    files.map(([name, url]) => [name, [fileURLToPath(url).replaceAll("\\", "/")]]),
  );
  return {
    compilerOptions: {
      target: "esnext",
      module: "preserve",
      moduleResolution: "bundler",
      allowImportingTsExtensions: true,
      noEmit: true,
      strict: true,
      ...files.length > 0 && { paths },
    },
  };
}

function packageOf(folder: string, library: LibraryPlace): object {
  // Names of packages are lower-case words.
  const name = folder.toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^-+|-+$/g, "");
  const from = library.kind === "package" ? library.folder : PACKAGE_FILE;
  return {
    name: name.slice(0, 100) || "workflow",
    private: true,
    type: "module",
    ...library.kind !== "source" && { dependencies: { functionfuse: `file:${from}` } },
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
