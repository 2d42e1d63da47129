/** Everything that modules import, directly or through others: what has to go with them to another place. */

import { dirname, join } from "node:path";
import type { Files } from "./_files.ts";
import type { Module } from "./_module.ts";
import { Resolver } from "./_resolve.ts";

/** What modules need. */
export interface Imports {
  /** Modules, files that they name, and what says what imports mean and which versions there are. */
  readonly files: ReadonlySet<string>;
  /** Folders of packages, by their places in `node_modules`; what they need themselves is among them. */
  readonly packages: ReadonlySet<string>;
  /** Imports that lead to nothing which can go along. */
  readonly missing: readonly MissingImport[];
}

/** An import that leads to nothing that can go along, or to a file of this library. */
export interface MissingImport {
  readonly specifier: string;
  /** The module. */
  readonly from: string;
}

// Files that code opens, by their places beside it.
export const OPENED: RegExp =
  /\bnew URL\(\s*(["'`])([^"'`\n]+)\1\s*,\s*import\.meta\.url\s*,?\s*\)/g;
/** Files that say what imports mean and which versions there are. */
export const SETTINGS: readonly string[] = [
  "package.json",
  "tsconfig.json",
  "deno.json",
  "deno.jsonc",
  "bun.lock",
  "deno.lock",
  "package-lock.json",
];

/** Follows imports from some modules on, as a runtime does that knows no import maps. */
export function followImports(
  files: Files,
  read: (path: string, text: string) => Module,
  paths: readonly string[],
): Imports {
  const resolver = new Resolver(files, { withImportMaps: false });
  const found = new Set<string>();
  const packages = new Set<string>();
  const missing: MissingImport[] = [];
  const open = paths.map((path) => files.find(path) ?? path);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const text = /\.[cm]?[jt]sx?$/.test(path) ? files.text(path) : undefined;
    if (text === undefined) continue;
    for (const specifier of read(path, text).specifiers) {
      const isPath = /^(?:\.{0,2}\/|\.{1,2}$|file:)/.test(specifier);
      const folder = isPath ? undefined : packageFolder(files, path, specifier);
      const meaning = resolver.resolve(path, specifier);
      if (meaning.kind === "library" || meaning.kind === "runtime") {
        // The library goes along by its name, not as files of its own.
        if (meaning.kind === "library" && isPath) missing.push({ specifier, from: path });
      } else if (folder !== undefined) addPackage(files, folder, packages);
      else if ("path" in meaning) open.push(meaning.path);
      else missing.push({ specifier, from: path });
    }
    for (const [, , name] of text.matchAll(OPENED)) {
      const opened = files.find(join(dirname(path), name));
      if (opened !== undefined) open.push(opened);
    }
  }
  for (const path of [...found]) {
    for (const name of SETTINGS) for (const at of files.above(path, name)) found.add(at);
  }
  return { files: found, packages, missing };
}

function packageFolder(files: Files, from: string, specifier: string): string | undefined {
  const [, name] = /^(?:npm:\/?)?((?:@[^/]+\/)?[^/:@]+)(?:@[^/]*)?(?=\/|$)/.exec(specifier) ?? [];
  return name === undefined ? undefined : files.above(from, join("node_modules", name))[0];
}

/** With all that it needs, as far as it is installed: some is needed on other systems only. */
function addPackage(files: Files, folder: string, packages: Set<string>): void {
  if (packages.has(folder)) return;
  packages.add(folder);
  const config = join(files.folder(folder) ?? folder, "package.json");
  const { dependencies, optionalDependencies, peerDependencies } = files.json(config) ?? {};
  const needed = { ...peerDependencies as object, ...optionalDependencies as object };
  for (const name of Object.keys({ ...needed, ...dependencies as object })) {
    const found = packageFolder(files, config, name);
    if (found !== undefined) addPackage(files, found, packages);
  }
}
