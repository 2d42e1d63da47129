/** What the specifiers of imports mean: files of the project, packages, or nothing that could change. */

import { isBuiltin } from "node:module";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Files } from "./_files.ts";
import { type LockedPackage, Locks } from "./_locks.ts";

/** What a specifier means. */
export type Resolved =
  | { readonly kind: "module" | "file"; readonly path: string }
  | ResolvedPackage
  /** This library, which calls the user's code, or a module of the runtime. */
  | { readonly kind: "library" | "runtime" }
  | { readonly kind: "missing" };

/** A package, or a module by its URL. */
export interface ResolvedPackage {
  readonly kind: "package";
  readonly id: string;
  /** The ids of all packages that it depends on, itself included. */
  readonly all: readonly string[];
  /** As import maps have left it: with what of the package is meant. */
  readonly specifier: string;
}

type Table = Readonly<Record<string, unknown>>;

const LIBRARY = /^(?:npm:|jsr:)?\/?(?:functionfuse|@functionfuse\/functionfuse)(?:[@/]|$)/;
const SCRIPT = /\.[cm]?[jt]sx?$/;
const ENDINGS = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json"];
const PACKAGE = /^\/?((?:@[^/@]+\/)?[^/@]+)(?:@([^/]+))?(?:\/(.*))?$/;
const ROOT = new URL("../", import.meta.url).href;
const OWN =
  /^(?:(?:core|backends|storage|plugins|encoding|code|cli)\/|(?:cli|config|mod|testing)\.[jt]s$)/;

/** Whether a module is one of this very copy of the library. */
export function isLibraryUrl(url: string): boolean {
  return url.startsWith(ROOT) && OWN.test(url.slice(ROOT.length));
}

/** Resolves specifiers as both runtimes do, whichever is running. */
export class Resolver {
  readonly #files: Files;
  readonly #locks: Locks;
  readonly #known = new Map<string, Resolved>();
  readonly #configs: readonly string[];

  /** Without import maps, names mean what they do where Deno's configuration is not known. */
  constructor(files: Files, { withImportMaps }: { readonly withImportMaps: boolean }) {
    this.#files = files;
    this.#locks = new Locks(files);
    this.#configs = withImportMaps ? ["deno.json", "deno.jsonc"] : [];
  }

  /** What a specifier means in the module at a path. */
  resolve(from: string, specifier: string): Resolved {
    const key = `${dirname(from)}\0${specifier}`;
    let known = this.#known.get(key);
    if (!known) this.#known.set(key, known = this.#resolve(from, specifier));
    return known;
  }

  #resolve(from: string, specifier: string): Resolved {
    if (LIBRARY.test(specifier)) return { kind: "library" };
    return this.#mapped(from, specifier) ?? this.#plain(from, specifier);
  }

  /** By the import maps above a module, nearest first, the imports of packages, and the paths of TypeScript. */
  #mapped(from: string, specifier: string): Resolved | undefined {
    for (const name of this.#configs) {
      for (const config of this.#files.above(from, name)) {
        const { base, imports } = this.#importMap(config);
        const target = mapImport(imports, specifier);
        if (target !== undefined) return this.#target(from, base, target);
      }
    }
    if (specifier.startsWith("#")) {
      for (const config of this.#files.above(from, "package.json")) {
        const target = matchPattern((this.#files.json(config)?.imports ?? {}) as Table, specifier);
        if (target !== undefined) return this.#target(from, config, target);
      }
    }
    return this.#byPaths(from, specifier);
  }

  /** Paths are those of the configuration, packages those of the module. */
  #target(from: string, config: string, target: string): Resolved {
    return this.#plain(/^\.{1,2}\//.test(target) ? config : from, target);
  }

  #importMap(config: string): { base: string; imports: Table } {
    const { imports, importMap } = this.#files.json(config) ?? {};
    if (imports || typeof importMap !== "string") {
      return { base: config, imports: imports as Table };
    }
    const base = join(dirname(config), importMap);
    return { base, imports: this.#files.json(base)?.imports as Table };
  }

  #byPaths(from: string, specifier: string): Resolved | undefined {
    if (/^[./]|:/.test(specifier)) return undefined;
    for (const config of this.#files.above(from, "tsconfig.json")) {
      const options = this.#files.json(config)?.compilerOptions as Table | undefined;
      const target = matchPattern((options?.paths ?? {}) as Table, specifier);
      if (target === undefined) continue;
      const found = this.#path(join(dirname(config), `${options?.baseUrl ?? "."}`, target));
      if (found.kind !== "missing") return found;
    }
    return undefined;
  }

  #plain(from: string, specifier: string): Resolved {
    if (LIBRARY.test(specifier)) return { kind: "library" };
    if (/^\.{0,2}\//.test(specifier) || /^\.{1,2}$/.test(specifier)) {
      return this.#path(resolve(dirname(from), withoutQuery(specifier)));
    }
    const [, scheme, rest] = /^([a-z]{2,}):(.*)$/.exec(specifier) ?? [];
    switch (scheme) {
      case "file":
        return this.#path(fileURLToPath(withoutQuery(specifier)));
      case "http":
      case "https":
        if (isLibraryUrl(specifier)) return { kind: "library" };
        return plainPackage(specifier, this.#locks.remote(from, specifier));
      case "jsr":
        return this.#jsr(from, rest);
      case "npm": {
        const [, name, range] = PACKAGE.exec(rest) ?? [];
        return this.#package(specifier, this.#locks.npm(from, name, range));
      }
      case undefined:
        return isBuiltin(specifier) || specifier === "bun"
          ? { kind: "runtime" }
          : this.#bare(from, specifier);
      case "data":
        return plainPackage(specifier, undefined);
      default:
        return { kind: "runtime" };
    }
  }

  /** A file, or what a path without an ending means. */
  #path(path: string): Resolved {
    const typescript = path.replace(/\.([cm]?)js(x?)$/, ".$1ts$2");
    const candidates = [path, typescript, ...ENDINGS.map((ending) => path + ending)];
    const inFolder = ENDINGS.map((ending) => join(path, `index${ending}`));
    for (const candidate of candidates.concat(inFolder)) {
      const found = this.#files.find(candidate);
      if (found === undefined) continue;
      if (isLibraryUrl(urlOf(found))) return { kind: "library" };
      return { kind: SCRIPT.test(found) ? "module" : "file", path: found };
    }
    return { kind: "missing" };
  }

  #jsr(from: string, rest: string): Resolved {
    const [, name, range, subpath] = PACKAGE.exec(rest) ?? [];
    if (name === undefined) return plainPackage(`jsr:${rest}`, undefined);
    const local = this.#workspace(from, name, subpath);
    if (local) return local;
    const wanted = `jsr:${name}${range === undefined ? "" : `@${range}`}`;
    const version = this.#locks.jsr(from, wanted) ?? this.#locks.jsr(from, `jsr:${name}@*`);
    const id = version === undefined ? wanted : `jsr:${name}@${version}`;
    return { kind: "package", id, all: [id], specifier: `jsr:${rest}` };
  }

  /** A package by its name: one of the project, or one that was installed. */
  #bare(from: string, specifier: string): Resolved {
    const [, name, , subpath] = PACKAGE.exec(specifier) ?? [];
    if (name === undefined) return { kind: "missing" };
    const local = this.#workspace(from, name, subpath) ?? this.#linked(from, name, subpath);
    return local ?? this.#package(specifier, this.#locks.npm(from, name));
  }

  #package(specifier: string, locked: LockedPackage | undefined): Resolved {
    return locked
      ? { kind: "package", id: `npm:${locked.id}`, all: locked.all, specifier }
      : plainPackage(specifier, undefined);
  }

  /** A package whose folder in `node_modules` is a link to a folder of the project. */
  #linked(from: string, name: string, subpath: string | undefined): Resolved | undefined {
    const [installed] = this.#files.above(from, join("node_modules", name));
    const folder = installed && this.#files.folder(installed);
    if (!folder || folder.split(sep).includes("node_modules")) return undefined;
    return this.#exported(join(folder, "package.json"), subpath);
  }

  /** The package that a module belongs to, or one beside it in a workspace, by its name. */
  #workspace(from: string, name: string, subpath: string | undefined): Resolved | undefined {
    for (const file of [...this.#configs, "package.json"]) {
      for (const config of this.#files.above(from, file)) {
        const { name: own, workspace } = this.#files.json(config) ?? {};
        if (own === name) return this.#exported(config, subpath);
        const members = Array.isArray(workspace) ? workspace : [];
        for (const member of members) {
          const path = join(dirname(config), `${member}`, file);
          if (this.#files.json(path)?.name === name) return this.#exported(path, subpath);
        }
      }
    }
    return undefined;
  }

  /** What a package's configuration exports. */
  #exported(config: string, subpath: string | undefined): Resolved | undefined {
    const { exports, module, main } = this.#files.json(config) ?? {};
    const key = subpath === undefined ? "." : `./${subpath}`;
    const table = typeof exports === "object" && exports !== null && "." in exports ||
        subpath !== undefined
      ? exports as Table
      : { ".": exports };
    const target = matchPattern(table ?? {}, key) ??
      (subpath === undefined ? `${module ?? main ?? "index"}` : subpath);
    const found = this.#path(join(dirname(config), target));
    return found.kind === "missing" ? undefined : found;
  }
}

/** A package whose version is in its specifier, or unknown. */
function plainPackage(id: string, digest: string | undefined): ResolvedPackage {
  const all = [id, ...(digest === undefined ? [] : [digest])];
  return { kind: "package", id, all, specifier: id };
}

function withoutQuery(specifier: string): string {
  return specifier.replace(/[?#].*$/, "");
}

/** The URL of a path. */
export function urlOf(path: string): string {
  return path.startsWith("/") ? `file://${encodeURI(path)}` : `file:///${encodeURI(path)}`;
}

/** By an import map: the name itself, or the longest beginning of it. */
function mapImport(imports: Table | undefined, specifier: string): string | undefined {
  if (!imports) return undefined;
  const own = imports[specifier];
  if (typeof own === "string") return own;
  const beginnings = Object.keys(imports).filter((key) => {
    const target = imports[key];
    if (typeof target !== "string") return false;
    // A package stands for what is in it, too.
    if (/^(?:npm|jsr):/.test(target)) return specifier.startsWith(`${key.replace(/\/$/, "")}/`);
    return key.endsWith("/") && specifier.startsWith(key);
  });
  const longest = beginnings.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return undefined;
  const rest = specifier.slice(longest.length);
  return `${imports[longest]}${rest}`;
}

/** By the keys of `imports`, `exports` or `paths`, which may have one `*`. */
function matchPattern(table: Table, specifier: string): string | undefined {
  for (const [key, value] of Object.entries(table)) {
    const target = pickTarget(value);
    if (target === undefined) continue;
    if (key === specifier) return target;
    const [before, after] = key.split("*");
    const isMatch = after !== undefined && specifier.startsWith(before) &&
      specifier.endsWith(after) && specifier.length >= before.length + after.length;
    if (isMatch) {
      return target.replaceAll(
        "*",
        specifier.slice(before.length, specifier.length - after.length),
      );
    }
  }
  return undefined;
}

/** The file that both runtimes may take. */
function pickTarget(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return pickTarget(value[0]);
  if (typeof value !== "object" || value === null) return undefined;
  const table = value as Table;
  const condition = ["import", "module", "default", "node"].find((key) => key in table);
  return pickTarget(table[condition ?? Object.keys(table)[0]]);
}
