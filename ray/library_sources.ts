/** This library's own modules, for a place where it is not installed. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EngineError, UnsupportedError } from "../core/errors.ts";
import type { Reference } from "../core/carried.ts";
import { EMBEDDED_SOURCES, PLUGIN_PLACES } from "./_embedded.ts";

/** The folder of the package that has them. */
export const LIBRARY_FOLDER = "functionfuse";

/** The public entries, as in `package.json`: what modules in the cluster may import. */
export const LIBRARY_ENTRIES: Readonly<Record<string, string>> = {
  "functionfuse": "mod",
  "functionfuse/backends/local": "backends/local",
  "functionfuse/backends/parallel": "backends/parallel",
  "functionfuse/backends/graph": "backends/graph",
  "functionfuse/backends/ray": "backends/ray",
  "functionfuse/config": "config",
  "functionfuse/plugins": "plugins/mod",
  "functionfuse/storage": "storage/mod",
  "functionfuse/testing": "testing",
};

const ROOT = new URL("../", import.meta.url).href;
const ROOMS = ["core", "encoding", "code", "ray", "backends", "plugins", "storage"];
// Modules beside them.
const ENTRIES = ["mod", "config", "testing"];
const MANIFEST = "package.json";
// What Ray runs, and by which names.
const SCRIPTS: Readonly<Record<string, string>> = {
  "driver.py": "backends/ray/cluster/driver.py",
  "object_store.py": "backends/ray/cluster/object_store.py",
  "place.py": "storage/ray_place.py",
};
// What these start.
const PROGRAMS = [
  "backends/ray/cluster/host",
  "backends/ray/cluster/node",
  "storage/ray_place",
];

/** The library as files. */
export interface LibrarySources {
  /** By their places in the package. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What the public entries mean in it. */
  readonly imports: Readonly<Record<string, string>>;
  /** What bare names mean within it. */
  readonly packages: Readonly<Record<string, string>>;
}

/**
 * Reads them: from where this very module is.
 *
 * @throws {UnsupportedError} In an executable that was made without them.
 */
export async function readLibrary(): Promise<LibrarySources> {
  if (/^https?:/.test(ROOT)) return await pointToLibrary();
  const sources = readSources();
  const ending = sources.has("mod.ts") ? ".ts" : ".js";
  const files = new Map<string, Uint8Array>();
  for (const [path, bytes] of sources) {
    if (path !== MANIFEST) files.set(`${LIBRARY_FOLDER}/${path}`, bytes);
  }
  for (const [name, path] of Object.entries(SCRIPTS)) files.set(name, sources.get(path)!);
  // They are started by the names that they have in the source.
  if (ending !== ".ts") {
    for (const path of PROGRAMS) files.set(...stub(path, `./${path}${ending}`));
  }
  const imports = entries((path) => `./${LIBRARY_FOLDER}/${path}${ending}`);
  const manifest = sources.get(MANIFEST);
  return { files, imports, packages: manifest ? readPackages(manifest) : {} };
}

/**
 * The library's files by their paths from its root: its modules, what Ray runs, and of the npm package its manifest.
 *
 * @throws {UnsupportedError} Where they are not to be had.
 */
export function readSources(): Map<string, Uint8Array> {
  if (EMBEDDED_SOURCES) {
    const texts = Object.entries(EMBEDDED_SOURCES);
    return new Map(texts.map(([path, text]) => [path, new TextEncoder().encode(text)]));
  }
  const root = ROOT.startsWith("file:") ? fileURLToPath(ROOT) : "";
  const ending = [".ts", ".js"].find((ending) => existsSync(join(root, `mod${ending}`)));
  if (
    ending === undefined || !Object.values(SCRIPTS).every((path) => existsSync(join(root, path)))
  ) {
    throw new UnsupportedError(
      "This program can't run workflows on a Ray cluster, as it doesn't have the library's source with it: " +
        "use fuse by Deno or Bun, or the npm package.",
    );
  }
  const isSource = (path: string) =>
    path.endsWith(".py") || path.endsWith(ending) && !path.endsWith(".d.ts");
  const paths = ROOMS.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).filter(isSource)
      .map((path) => `${room}/${path.replaceAll("\\", "/")}`)
  );
  for (const name of ENTRIES) paths.push(name + ending);
  if (ending !== ".ts") paths.push(MANIFEST);
  return new Map(paths.map((path) => [path, readFileSync(join(root, path))]));
}

/** Of a library that was imported by its URL, only what starts it: the rest is found there. */
async function pointToLibrary(): Promise<LibrarySources> {
  const files = new Map<string, Uint8Array>();
  for (const path of PROGRAMS) files.set(...stub(path, `${ROOT}${path}.ts`));
  for (const [name, path] of Object.entries(SCRIPTS)) {
    const response = await fetch(ROOT + path);
    if (!response.ok) {
      throw new EngineError(`Can't get ${ROOT}${path}: it says HTTP ${response.status}.`);
    }
    files.set(name, new Uint8Array(await response.arrayBuffer()));
  }
  return { files, imports: entries((path) => `${ROOT}${path}.ts`), packages: {} };
}

function stub(path: string, target: string): [place: string, bytes: Uint8Array] {
  const url = target.startsWith("./") ? `./${target.split("/").at(-1)}` : target;
  const text = `import ${JSON.stringify(url)};\n`;
  return [`${LIBRARY_FOLDER}/${path}.ts`, new TextEncoder().encode(text)];
}

const entries = (targetOf: (path: string) => string) =>
  Object.fromEntries(Object.entries(LIBRARY_ENTRIES).map(([name, path]) => [name, targetOf(path)]));

/** The npm package names what it needs, with its versions, in one place. */
function readPackages(manifest: Uint8Array): Record<string, string> {
  const { dependencies = {} } = JSON.parse(new TextDecoder().decode(manifest));
  return Object.fromEntries(
    Object.entries(dependencies).flatMap(([name, version]) => [
      [name, `npm:${name}@${version}`],
      [`${name}/`, `npm:/${name}@${version}/`],
    ]),
  );
}

/** The place in the package of a module of this library. */
export function libraryPlace(url: string): string {
  return `${LIBRARY_FOLDER}/${url.slice(ROOT.length)}`;
}

/** By what something is found in the package: of this library's own plugins, the place in the source that is there. */
export function inSource(reference: Reference): Reference {
  const own = `package:/${LIBRARY_FOLDER}/`;
  if (reference.kind !== "plugin" || !reference.module.startsWith(own)) return reference;
  if (!Object.hasOwn(PLUGIN_PLACES, reference.name)) return reference;
  const { path, ordinal } = PLUGIN_PLACES[reference.name];
  return { ...reference, module: own + path, ordinal };
}
