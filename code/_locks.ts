/** Versions of packages, as lock files tell them. */

import { dirname, join } from "node:path";
import type { Files } from "./_files.ts";

/** A package with all packages that it depends on. */
export interface LockedPackage {
  /** `name@version`. */
  readonly id: string;
  /** The same of all that it depends on, itself included, sorted. */
  readonly all: readonly string[];
}

type Table<T = unknown> = Readonly<Record<string, T>>;

/** The packages of one lock file, or of a folder `node_modules`. */
interface Lock {
  /** The key of a package as it is imported. */
  find(name: string, range: string | undefined): string | undefined;
  /** `name@version`. */
  idOf(key: string): string;
  /** The keys of what it depends on. */
  dependenciesOf(key: string): string[];
}

const isDeno = "Deno" in globalThis;
const READERS: Record<string, (table: Table) => Lock> = {
  "deno.lock": readDenoLock,
  "bun.lock": readBunLock,
  "package-lock.json": readNpmLock,
};
// The one that the running program was started with comes first.
const NAMES = isDeno
  ? ["deno.lock", "bun.lock", "package-lock.json"]
  : ["bun.lock", "package-lock.json", "deno.lock"];

/** Tells which packages imports mean. */
export class Locks {
  readonly #files: Files;
  readonly #locks = new Map<string, Lock | undefined>();
  readonly #found = new Map<string, LockedPackage | undefined>();

  constructor(files: Files) {
    this.#files = files;
  }

  /** A package of npm that a module imports; `undefined` if nothing tells its version. */
  npm(from: string, name: string, range?: string): LockedPackage | undefined {
    const key = `${dirname(from)}\0${name}\0${range}`;
    if (!this.#found.has(key)) this.#found.set(key, this.#find(from, name, range));
    return this.#found.get(key);
  }

  #find(from: string, name: string, range?: string): LockedPackage | undefined {
    const wanted = range ?? this.#wanted(from, name);
    for (const lock of this.#above(from)) {
      const found = lock.find(name, wanted);
      if (found !== undefined) return collect(lock, found);
    }
    const installed = readInstalled(this.#files, from);
    const found = installed.find(name, wanted);
    return found === undefined ? undefined : collect(installed, found);
  }

  /** The version of a package of JSR. */
  jsr(from: string, specifier: string): string | undefined {
    for (const path of this.#files.above(from, "deno.lock")) {
      const table = this.#files.json(path)?.specifiers as Table<string> | undefined;
      if (table?.[specifier] !== undefined) return table[specifier];
    }
    return undefined;
  }

  /** The digest of a module by its URL. */
  remote(from: string, url: string): string | undefined {
    for (const path of this.#files.above(from, "deno.lock")) {
      const lock = this.#files.json(path);
      const target = (lock?.redirects as Table<string> | undefined)?.[url] ?? url;
      const digest = (lock?.remote as Table<string> | undefined)?.[target];
      if (digest !== undefined) return digest;
    }
    return undefined;
  }

  /** All lock files above a module: nearest first, and of one folder the running program's own first. */
  #above(from: string): Lock[] {
    const paths = NAMES.flatMap((name) => this.#files.above(from, name));
    const depth = (path: string) => dirname(path).length;
    return paths.sort((a, b) => depth(b) - depth(a)).flatMap((path) => this.#lock(path) ?? []);
  }

  #lock(path: string): Lock | undefined {
    if (!this.#locks.has(path)) {
      const table = this.#files.json(path);
      const name = NAMES.find((name) => path.endsWith(name))!;
      this.#locks.set(path, table && READERS[name](table));
    }
    return this.#locks.get(path);
  }

  /** The range that the nearest `package.json` with the package asks for. */
  #wanted(from: string, name: string): string | undefined {
    for (const path of this.#files.above(from, "package.json")) {
      const range = rangesIn(this.#files.json(path) ?? {})[name];
      if (range !== undefined) return range;
    }
    return undefined;
  }
}

function rangesIn(table: Table): Table<string> {
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = table;
  return Object.assign(
    {},
    peerDependencies,
    optionalDependencies,
    devDependencies,
    dependencies,
  );
}

/** What a package depends on where it runs. */
function dependencyNames(table: Table): string[] {
  return Object.keys(rangesIn({ ...table, devDependencies: undefined }));
}

function collect(lock: Lock, first: string): LockedPackage {
  const seen = new Set([first]);
  for (const key of seen) {
    for (const dependency of lock.dependenciesOf(key)) seen.add(dependency);
  }
  const all = new Set([...seen].map((key) => lock.idOf(key)));
  return { id: lock.idOf(first), all: [...all].sort() };
}

function readDenoLock(table: Table): Lock {
  const specifiers = (table.specifiers ?? {}) as Table<string>;
  const packages = (table.npm ?? {}) as Table<Table<string[]>>;
  const byName = new Map<string, string[]>();
  for (const key of Object.keys(packages)) {
    const name = nameOf(key);
    byName.set(name, [...(byName.get(name) ?? []), key]);
  }
  const keyOf = (entry: string) => {
    const plain = entry.replace(/^.+@npm:/, "");
    if (Object.hasOwn(packages, plain)) return plain;
    return byName.get(nameOf(plain))?.find((key) =>
      key.startsWith(`${plain}_`) || key.startsWith(`${plain}@`)
    );
  };
  return {
    find(name, range) {
      const exact = `npm:${name}@${range ?? "*"}`;
      const wanted = Object.hasOwn(specifiers, exact)
        ? exact
        : Object.keys(specifiers).sort().find((key) => key.startsWith(`npm:${name}@`));
      return wanted === undefined ? undefined : keyOf(`${name}@${specifiers[wanted]}`);
    },
    // What follows "_" are the packages that it met there.
    idOf: (key) => key.replace(/^(.+?@[^_]+)_.*$/, "$1"),
    dependenciesOf(key) {
      const { dependencies = [], optionalDependencies = [] } = packages[key];
      return [...dependencies, ...optionalDependencies].flatMap((entry) => keyOf(entry) ?? []);
    },
  };
}

/** `@a/b` of `@a/b@1.0.0`. */
function nameOf(id: string): string {
  const at = id.indexOf("@", 1);
  return at < 0 ? id : id.slice(0, at);
}

function readBunLock(table: Table): Lock {
  const packages = (table.packages ?? {}) as Table<unknown[]>;
  return {
    find: (name) => Object.hasOwn(packages, name) ? name : undefined,
    idOf: (key) => String(packages[key][0]),
    dependenciesOf(key) {
      const info = packages[key].find((part) => typeof part === "object" && part !== null);
      return dependencyNames((info ?? {}) as Table).flatMap((name) => {
        // The nearest one: its own, its parent's, or that of all.
        for (let at = key; at !== ""; at = parentOf(at)) {
          if (Object.hasOwn(packages, `${at}/${name}`)) return `${at}/${name}`;
        }
        return Object.hasOwn(packages, name) ? name : [];
      });
    },
  };
}

/** The key `a/@b/c` without its last package. */
function parentOf(key: string): string {
  return key.replace(/(?:^|\/)(?:@[^/]+\/)?[^/@]+$/, "");
}

function readNpmLock(table: Table): Lock {
  const packages = (table.packages ?? {}) as Table<Table>;
  const keyFrom = (at: string, name: string): string | undefined => {
    for (let folder = at;;) {
      const key = `${folder}${folder && "/"}node_modules/${name}`;
      if (Object.hasOwn(packages, key)) return key;
      if (folder === "") return undefined;
      const cut = folder.lastIndexOf("node_modules/");
      folder = cut <= 0 ? "" : folder.slice(0, cut - 1);
    }
  };
  return {
    find: (name) => keyFrom("", name),
    idOf: (key) => `${key.slice(key.lastIndexOf("node_modules/") + 13)}@${packages[key].version}`,
    dependenciesOf: (key) =>
      dependencyNames(packages[key]).flatMap((name) => keyFrom(key, name) ?? []),
  };
}

/** Packages as they lie in folders `node_modules`; keys are folders. */
function readInstalled(files: Files, from: string): Lock {
  const folderOf = (path: string, name: string) => {
    const [found] = files.above(path, join("node_modules", name, "package.json"));
    return found === undefined ? undefined : files.folder(dirname(found));
  };
  const read = (folder: string) => files.json(join(folder, "package.json")) ?? {};
  return {
    find: (name) => folderOf(from, name),
    idOf: (folder) => `${read(folder).name}@${read(folder).version}`,
    dependenciesOf: (folder) =>
      dependencyNames(read(folder)).flatMap((name) =>
        folderOf(join(folder, "package.json"), name) ?? []
      ),
  };
}
