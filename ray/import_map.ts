/** What imports mean in the package: as they do where it was made, though nothing is installed there. */

import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isLibraryUrl, type ModuleGraph, type Resolved } from "../code/mod.ts";
import { LIBRARY_FOLDER, libraryPlace } from "./library_sources.ts";

/** What the package's `deno.json` is made of. */
export interface ImportMapSetup {
  readonly graph: ModuleGraph;
  /** The user's settings of Deno and of TypeScript, nearest first. */
  readonly settings: readonly string[];
  /** Where in the package a path lies; `undefined` if that is outside of it. */
  placeOf(path: string): string | undefined;
  /** What names mean in all of the package, over whatever the user's settings say. */
  readonly imports: Readonly<Record<string, string>>;
  /** What names mean within this library. */
  readonly packages: Readonly<Record<string, string>>;
}

type Table = Record<string, string>;

/** A place in the package as a URL relative to its root, as runtimes write it. */
export function urlOfPlace(place: string): string {
  // Without the drive that Windows puts before it.
  return `.${pathToFileURL(`/${place}`).pathname.replace(/^\/[A-Za-z]:/, "")}`;
}

/** The package's `deno.json`, but for locks. */
export function makeConfig(setup: ImportMapSetup): Record<string, unknown> {
  const { graph, imports, packages } = setup;
  const scopes: Record<string, Table> = {};
  for (const [path, meanings] of graph.imports) {
    const place = setup.placeOf(path);
    if (place === undefined) continue;
    const table: Table = {};
    for (const [specifier, meaning] of meanings) {
      const target = targetOf(setup, path, specifier, meaning);
      if (target === undefined || target === specifier || target === imports[specifier]) continue;
      const isPath = /^\.{0,2}\//.test(specifier);
      // What a path means by itself need not be said.
      const key = isPath ? urlOfPath(place, specifier) : specifier;
      if (key !== target) table[key] = target;
    }
    if (Object.keys(table).length > 0) scopes[urlOfPlace(place)] = table;
  }
  if (Object.keys(packages).length > 0) scopes[`./${LIBRARY_FOLDER}/`] = { ...packages };
  return {
    imports: { ...userImports(setup), ...imports },
    ...(Object.keys(scopes).length > 0 ? { scopes } : {}),
    nodeModulesDir: "none",
    ...keptOptions(setup),
  };
}

/** Where a relative specifier of a module leads to in the package. */
function urlOfPath(place: string, specifier: string): string {
  const { pathname } = new URL(specifier, new URL(urlOfPlace(place), "file:///"));
  return `.${pathname}`;
}

/** What a specifier is to mean; `undefined` if nothing needs to be said. */
function targetOf(
  { graph, placeOf, imports }: ImportMapSetup,
  from: string,
  specifier: string,
  meaning: Resolved,
): string | undefined {
  switch (meaning.kind) {
    case "module":
    case "file": {
      const place = placeOf(meaning.path);
      return place && urlOfPlace(place);
    }
    case "package":
      return pinned(graph, from, meaning);
    case "runtime":
      return specifier.includes(":") || specifier === "bun" ? undefined : `node:${specifier}`;
    case "library":
      return ofLibrary(imports, from, specifier);
    case "missing":
      return undefined;
  }
}

/** By its path, or by a name with a version. */
function ofLibrary(imports: Readonly<Table>, from: string, specifier: string): string | undefined {
  const url = /^\.{1,2}\//.test(specifier)
    ? pathToFileURL(join(dirname(from), specifier)).href
    : specifier;
  if (isLibraryUrl(url)) return /^http/.test(url) ? url : `./${libraryPlace(url)}`;
  const [, entry = ""] = /^(?:npm:|jsr:)?\/?(?:@functionfuse\/)?functionfuse(?:@[^/]*)?(\/.*)?$/
    .exec(specifier) ?? [];
  return imports[`functionfuse${entry}`];
}

/** A package by the version that the user has; without a lock, by the range that a package.json names. */
function pinned(
  graph: ModuleGraph,
  from: string,
  { id, specifier }: Extract<Resolved, { kind: "package" }>,
): string | undefined {
  const [, scheme = "", name, range, subpath = ""] =
    /^(npm:|jsr:)?\/?((?:@[^/@]+\/)?[^/@:]+)(?:@([^/]+))?(\/.*)?$/.exec(specifier) ?? [];
  if (name === undefined) return specifier;
  const [, locked] = /^(?:npm|jsr):(?:@[^/@]+\/)?[^/@]+@([^/_]+)/.exec(id) ?? [];
  const version = locked ?? range ?? (scheme === "jsr:" ? undefined : rangeOf(graph, from, name));
  return `${scheme || "npm:"}${name}${version === undefined ? "" : `@${version}`}${subpath}`;
}

function rangeOf(graph: ModuleGraph, from: string, name: string): string | undefined {
  for (const path of graph.settingsOf(from)) {
    if (!path.endsWith("package.json")) continue;
    const { dependencies, devDependencies } = graph.readJson(path) ?? {};
    const range = { ...devDependencies as Table, ...dependencies as Table }[name];
    if (/^[\^~<>=]*\d/.test(`${range}`)) return range;
  }
  return undefined;
}

/** The user's import maps, for what is imported by names that are made up while it runs. */
function userImports({ graph, settings, placeOf }: ImportMapSetup): Table {
  const found: Table = {};
  for (const path of settings) {
    if (!/deno\.jsonc?$/.test(path)) continue;
    const { imports } = graph.readJson(path) ?? {};
    for (const [name, target] of Object.entries(imports ?? {})) {
      if (typeof target !== "string" || Object.hasOwn(found, name)) continue;
      const place = /^\.{0,2}\//.test(target) ? placeIn(path, target, placeOf) : target;
      if (place !== undefined) found[name] = place;
    }
  }
  return found;
}

function placeIn(
  config: string,
  target: string,
  placeOf: ImportMapSetup["placeOf"],
): string | undefined {
  const place = placeOf(fileURLToPath(new URL(target, pathToFileURL(config))));
  if (place === undefined) return undefined;
  return target.endsWith("/") && !place.endsWith("/") ? `${urlOfPlace(place)}/` : urlOfPlace(place);
}

const KEPT = [
  "jsx",
  "jsxImportSource",
  "jsxFactory",
  "jsxFragmentFactory",
  "experimentalDecorators",
  "emitDecoratorMetadata",
];

/** What changes how modules run. */
function keptOptions({ graph, settings }: ImportMapSetup): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  let unstable: unknown;
  for (const path of settings) {
    if (!/(?:deno\.jsonc?|tsconfig\.json)$/.test(path)) continue;
    const found = graph.readJson(path) ?? {};
    const own = (found.compilerOptions ?? {}) as Record<string, unknown>;
    for (const key of KEPT) if (own[key] !== undefined) options[key] ??= own[key];
    unstable ??= found.unstable;
  }
  return {
    ...(Object.keys(options).length > 0 ? { compilerOptions: options } : {}),
    ...(Array.isArray(unstable) ? { unstable } : {}),
  };
}
