/** A workflow's code as one archive: what it imports of the user's, this library, and what says what imports mean. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isLibraryUrl, type ModuleGraph, readModules } from "../code/mod.ts";
import { UnsupportedError } from "../core/errors.ts";
import { loadZip } from "./_libraries.ts";
import { findExtraFiles, isNeverPacked } from "./extra_files.ts";
import { makeConfig, urlOfPlace } from "./import_map.ts";
import { libraryPlace, readLibrary } from "./library_sources.ts";

/** What to pack. */
export interface PackOptions {
  /** URLs of modules. */
  readonly modules: readonly string[];
  /** Paths and globs of what goes along beside what these import. */
  readonly files: readonly string[];
  /** Where `files` are looked for. */
  readonly folder: string;
  /** How large the archive may be. */
  readonly mostBytes: number;
  readonly warn: (message: string) => void;
}

/** The user's file in a package. */
export interface PackedFile {
  readonly path: string;
  /** Before it was compressed. */
  readonly bytes: number;
}

/** Code that is ready to be uploaded. */
export interface CodePackage {
  /** `gcs://…`: equal code has an equal one. */
  readonly uri: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The user's own files, the largest first. */
  readonly files: readonly PackedFile[];
  /** What a module is called in the cluster; `undefined` if it is not in the package. */
  urlOf(module: string): string | undefined;
  /** The user's folder that is `code/` in the package, as a URL with a slash at its end. */
  readonly folderUrl: string;
}

/** The folder of the package that has the user's files. */
const CODE_FOLDER = "code";
// Archives that are larger by so much before they are compressed don't get small enough.
const MOST_COMPRESSED = 20;
const MOST_SHOWN = 5;
const LOCK = "deno.lock";

/**
 * Packs the modules with all of the user's that they import.
 *
 * @throws {UnsupportedError} If that is too large, or something can't go along.
 */
export async function packCode(options: PackOptions): Promise<CodePackage> {
  const entries = options.modules.filter(isOwnModule).map((url) =>
    realpathSync(fileURLToPath(url))
  );
  const graph = await readModules(entries);
  warnOfMissing(graph, options.warn);
  const extra = await findExtraFiles(options.files, options.folder);
  const own = [...graph.files, ...extra].filter((path) => !isNeverPacked(path));
  const settings = findSettings(graph, own);
  const paths = [...new Set([...own, ...settings])].sort();
  const root = commonFolder(paths);
  const files = paths.map((path) => ({ path, bytes: statSync(path).size }))
    .sort((a, b) => b.bytes - a.bytes);
  checkSize(files, files.reduce((sum, { bytes }) => sum + bytes, 0) / MOST_COMPRESSED, options);
  const placeOf = (path: string) => placeIn(root, path);
  const contents = new Map(paths.map((path) => [placeOf(path)!, readFileSync(path)]));
  const library = await readLibrary();
  for (const [place, bytes] of library.files) contents.set(place, Buffer.from(bytes));
  addConfig(contents, makeConfig({ graph, settings, placeOf, ...library }), settings);
  const bytes = await zip(contents);
  checkSize(files, bytes.length, options);
  return {
    uri: uriOf(bytes),
    bytes,
    files,
    urlOf: (module) => moduleUrl(module, placeOf, contents),
    folderUrl: pathToFileURL(join(root, "/")).href,
  };
}

/** A package's name, which tells its contents from all others. */
export function uriOf(bytes: Uint8Array): string {
  return `gcs://_ray_pkg_${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}.zip`;
}

/** An archive that is the same for the same files, whenever and wherever it is made. */
export async function zip(
  files: ReadonlyMap<string, Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const { zipSync } = await loadZip();
  const sorted = [...files].sort(([a], [b]) => a < b ? -1 : 1);
  // The first date that the format knows.
  return zipSync(Object.fromEntries(sorted), { level: 6, mtime: new Date(1980, 0, 1) });
}

function isOwnModule(url: string): boolean {
  return url.startsWith("file:") && !isLibraryUrl(url) && existsSync(new URL(url)) &&
    !isNeverPacked(url);
}

function moduleUrl(
  module: string,
  placeOf: (path: string) => string | undefined,
  contents: ReadonlyMap<string, unknown>,
): string | undefined {
  if (/^https?:/.test(module)) return module;
  const place = isLibraryUrl(module)
    ? libraryPlace(module)
    : isOwnModule(module)
    ? placeOf(realpathSync(fileURLToPath(module)))
    : undefined;
  if (place === undefined || !contents.has(place)) return undefined;
  return `package:${urlOfPlace(place).slice(1)}`;
}

/** What says what imports mean, up to the folder that has all of the project: nearest first. */
function findSettings(graph: ModuleGraph, files: readonly string[]): string[] {
  const found = new Set(files.flatMap((path) => {
    const settings = graph.settingsOf(path);
    const root = projectFolder(path, settings);
    return settings.filter((file) => root !== undefined && isWithin(root, file));
  }));
  return [...found].filter((path) => !isNeverPacked(path))
    .sort((a, b) => b.split(sep).length - a.split(sep).length || (a < b ? -1 : 1));
}

/** The repository that a file belongs to; else the nearest folder with settings. */
function projectFolder(path: string, settings: readonly string[]): string | undefined {
  for (let at = dirname(path);; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) break;
  }
  const folders = settings.map((file) => dirname(file));
  return folders.sort((a, b) => b.length - a.length)[0];
}

function isWithin(folder: string, path: string): boolean {
  return path.startsWith(join(folder, sep));
}

function commonFolder(paths: readonly string[]): string {
  if (paths.length === 0) return resolve(".");
  let folder = dirname(paths[0]);
  while (!paths.every((path) => isWithin(folder, path))) {
    if (dirname(folder) === folder) {
      throw new UnsupportedError(
        `Cannot pack the workflow as no folder has all of its files: ${
          paths[0]
        } is on another drive.`,
      );
    }
    folder = dirname(folder);
  }
  return folder;
}

function placeIn(root: string, path: string): string | undefined {
  if (path === root) return CODE_FOLDER;
  if (!isWithin(root, path)) return undefined;
  return `${CODE_FOLDER}/${relative(root, path).replaceAll("\\", "/")}`;
}

/** The settings of Deno, and the user's nearest lock, so that packages have the versions that they have here. */
function addConfig(
  contents: Map<string, Uint8Array>,
  config: Record<string, unknown>,
  settings: readonly string[],
): void {
  const lock = settings.find((path) => path.endsWith(`${sep}${LOCK}`));
  if (lock !== undefined) contents.set(LOCK, readFileSync(lock));
  const text = JSON.stringify(lock === undefined ? { ...config, lock: false } : config, null, 2);
  contents.set("deno.json", new TextEncoder().encode(`${text}\n`));
}

function checkSize(
  files: readonly PackedFile[],
  size: number,
  { mostBytes }: Pick<PackOptions, "mostBytes">,
): void {
  if (size <= mostBytes) return;
  const shown = files.slice(0, MOST_SHOWN)
    .map(({ path, bytes }) => `  - ${relative(".", path)}: ${showSize(bytes)}`);
  throw new UnsupportedError(
    `Cannot send the workflow's code to the cluster as it is more than ${showSize(mostBytes)}. ` +
      `The largest of ${files.length} files are:\n${shown.join("\n")}\n` +
      "Keep data out of the project's modules and 'files': have nodes read it from where all machines reach it.",
  );
}

/** A size for people; an MB is 1,000,000 bytes. */
export function showSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function warnOfMissing({ missing }: ModuleGraph, warn: (message: string) => void): void {
  if (missing.length === 0) return;
  const lines = missing.slice(0, MOST_SHOWN)
    .map(({ specifier, from }) => `  - ${relative(".", from)}: ${JSON.stringify(specifier)}`);
  if (missing.length > MOST_SHOWN) lines.push(`  - and ${missing.length - MOST_SHOWN} more`);
  warn(
    `These imports may lead to nothing in the cluster, as no file or package was found for them:\n${
      lines.join("\n")
    }`,
  );
}
