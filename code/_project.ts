/** The modules of the user's project, and what names in them mean, across imports and exports. */

import { createHash } from "node:crypto";
import { dirname, relative } from "node:path";
import type { Files } from "./_files.ts";
import type { Import, Item, Module, Use } from "./_module.ts";
import { Resolver } from "./_resolve.ts";
import { START } from "./_syntax.ts";

/** Something of the user's code that can change on its own. */
export type Target =
  | { readonly kind: "binding"; readonly module: Module; readonly name: string }
  /** A statement that declares nothing. */
  | { readonly kind: "statement"; readonly module: Module; readonly item: Item }
  /** A module with all that it imports. */
  | { readonly kind: "whole"; readonly module: Module }
  | { readonly kind: "package"; readonly id: string; readonly all: readonly string[] }
  | { readonly kind: "file"; readonly path: string };

/** What a name means: something to follow, all that a module exports, this library, or what can't change. */
export type Meaning =
  | Target
  | { readonly kind: "namespace"; readonly module: Module }
  | { readonly kind: "library" | "nothing" };

const NOTHING: Meaning = { kind: "nothing" };

// Of the last call only, so that no more is kept than a project has.
let parsed = new Map<string, Module>();

/** Resolves names; everything is read once. */
export class Project {
  readonly files: Files;
  readonly #read: (path: string, text: string) => Module;
  readonly #resolver: Resolver;
  readonly #modules = new Map<string, Module>();

  constructor(files: Files, read: (path: string, text: string) => Module) {
    this.files = files;
    this.#read = read;
    this.#resolver = new Resolver(files, { withImportMaps: true });
  }

  /** Remembers the modules that were read, for as long as their texts stay what they are. */
  keep(): void {
    parsed = this.#modules;
  }

  /** The module at a path; `undefined` if it can't be read. */
  load(path: string): Module | undefined {
    const real = this.files.find(path);
    if (real === undefined) return undefined;
    let module = this.#modules.get(real);
    if (module) return module;
    const text = this.files.text(real);
    if (text === undefined) return undefined;
    module = parsed.get(real);
    if (module?.text !== text) module = this.#read(real, text);
    this.#modules.set(real, module);
    return module;
  }

  /** What a module takes from another one. */
  import(module: Module, { specifier, name }: Import, seen: Set<string> = new Set()): Meaning {
    const resolved = this.#resolver.resolve(module.path, specifier);
    switch (resolved.kind) {
      case "module": {
        if (module.files.has(specifier)) return { kind: "file", path: resolved.path };
        const found = this.load(resolved.path);
        if (!found) return NOTHING;
        return name === "*"
          ? { kind: "namespace", module: found }
          : this.#exported(found, name, seen);
      }
      case "package":
        return resolved;
      case "file":
        return { kind: "file", path: resolved.path };
      case "library":
        return { kind: "library" };
      default:
        return NOTHING;
    }
  }

  #exported(module: Module, name: string, seen: Set<string>): Meaning {
    const key = `${module.path}#${name}`;
    if (seen.has(key)) return NOTHING;
    seen.add(key);
    const own = module.exports.get(name);
    if (typeof own === "string") return this.#variable(module, own, seen);
    if (own) return this.import(module, own, seen);
    const whole: Meaning = { kind: "whole", module };
    if (name === "default") return whole;
    let found: Meaning = module.stars.length === 0 ? whole : NOTHING;
    for (const specifier of module.stars) {
      const meaning = this.import(module, { specifier, name }, seen);
      if (meaning.kind === "binding" || meaning.kind === "namespace") return meaning;
      if (found.kind === "nothing") found = meaning;
    }
    return found;
  }

  #variable(module: Module, name: string, seen: Set<string>): Meaning {
    const imported = module.imports.get(name);
    if (imported) return this.import(module, imported, seen);
    return module.bindings.has(name) ? { kind: "binding", module, name } : NOTHING;
  }

  /** What a variable at the top level means; of all that a module exports, one member. */
  variable(module: Module, name: string, member?: string): Meaning {
    const meaning = this.#variable(module, name, new Set());
    return meaning.kind === "namespace" && member !== undefined
      ? this.#exported(meaning.module, member, new Set())
      : meaning;
  }

  /** What a name means where it is used; something local to a function, and globals, mean nothing. */
  meaning(module: Module, { variable, name, at }: Use): Meaning {
    if (variable?.scope.type !== "module") return NOTHING;
    return this.variable(module, name, module.notes.members.get(at));
  }
}

/** What there is to follow of a meaning. */
export function targetOf(meaning: Meaning): Target | undefined {
  switch (meaning.kind) {
    case "library":
    case "nothing":
      return undefined;
    case "namespace":
      return { kind: "whole", module: meaning.module };
    default:
      return meaning;
  }
}

/** What tells a target from all others. */
export function keyOf(target: Target): string {
  switch (target.kind) {
    case "binding":
      return `${target.module.path}#${target.name}`;
    case "statement":
      return `${target.module.path}@${target.item.node[START]}`;
    case "whole":
      return target.module.path;
    case "package":
      return target.id;
    case "file":
      return target.path;
  }
}

/** How a target is called in files of a folder; the same wherever the project lies. */
export function labelOf(target: Target, folder: string): string {
  switch (target.kind) {
    case "binding":
      return `${pathFrom(folder, target.module.path)}#${target.name}`;
    case "statement":
    case "whole":
      return pathFrom(folder, target.module.path);
    case "package":
      return target.id;
    case "file":
      return pathFrom(folder, target.path);
  }
}

/** A path from a folder on, with slashes. */
export function pathFrom(folder: string, path: string): string {
  return relative(folder, path).replaceAll("\\", "/");
}

/** The same from a module's folder on; of a package without its version, which is compared by itself. */
export function labelFrom(target: Target, module: Module): string {
  return target.kind === "package"
    ? target.id.replace(/(.)@[^/]*$/, "$1")
    : labelOf(target, dirname(module.path));
}

/** SHA-256 in hexadecimal. */
export function digestOf(...texts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}
