/** The user's own modules from some on, and what their imports mean: for a place where nothing is installed. */

import { dirname, join, sep } from "node:path";
import type { Files } from "./_files.ts";
import { type MissingImport, OPENED, SETTINGS } from "./_imports.ts";
import type { Module } from "./_module.ts";
import { type Resolved, Resolver } from "./_resolve.ts";

/** Modules and what they import. */
export interface ModuleGraph {
  /** Modules, and files that these import or open by their URLs, links followed. */
  readonly files: ReadonlySet<string>;
  /** Of each module, what its specifiers mean. */
  readonly imports: ReadonlyMap<string, ReadonlyMap<string, Resolved>>;
  /** Imports that lead to nothing, or into a folder of packages. */
  readonly missing: readonly MissingImport[];
  /** What says in the folders of a file, and in all above, what imports mean and which versions there are. */
  settingsOf(path: string): readonly string[];
  /** What a file of JSON, with comments or without, holds. */
  readJson(path: string): Record<string, unknown> | undefined;
}

/** Follows imports from some modules on. */
export function followModules(
  files: Files,
  read: (path: string, text: string) => Module,
  paths: readonly string[],
): ModuleGraph {
  const resolver = new Resolver(files, { withImportMaps: true });
  const found = new Set<string>();
  const imports = new Map<string, Map<string, Resolved>>();
  const missing: MissingImport[] = [];
  const open = paths.map((path) => files.find(path) ?? path);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const text = /\.[cm]?[jt]sx?$/.test(path) ? files.text(path) : undefined;
    if (text === undefined) continue;
    const meanings = new Map<string, Resolved>();
    imports.set(path, meanings);
    for (const specifier of read(path, text).specifiers) {
      const meaning = resolver.resolve(path, specifier);
      meanings.set(specifier, meaning);
      const isInstalled = "path" in meaning && meaning.path.split(sep).includes("node_modules");
      if (meaning.kind === "missing" || isInstalled) missing.push({ specifier, from: path });
      else if ("path" in meaning) open.push(meaning.path);
    }
    for (const [, , name] of text.matchAll(OPENED)) {
      const opened = files.find(join(dirname(path), name));
      if (opened !== undefined) open.push(opened);
    }
  }
  const settingsOf = (path: string) => SETTINGS.flatMap((name) => files.above(path, name));
  return { files: found, imports, missing, settingsOf, readJson: (path) => files.json(path) };
}
