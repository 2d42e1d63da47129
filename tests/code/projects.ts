/** Small projects in folders of their own, whose workflows are imported and read. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findCarried, keepCarried, type Origin } from "../../core/carried.ts";
import { CallSite } from "../../core/place.ts";
import type { CodePrint } from "../../core/storage.ts";
import { readCode } from "../../code/mod.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Files by their paths. */
export type Files = Readonly<Record<string, string>>;
/** What is read of each origin, by its name. */
export type Prints = Readonly<Record<string, CodePrint>>;

/** A project, a change of it, and what the change is expected to do. */
export interface Case {
  readonly name: string;
  readonly files: Files;
  /** Files to replace, or in a file a text and what comes in its place; `null` removes the file. */
  readonly change: Readonly<Record<string, string | null | readonly [from: string, to: string]>>;
  /** The names of those whose digests change; no others do. */
  readonly changes: readonly string[];
  /** Those that can't be followed, and why. */
  readonly unfollowed?: Readonly<Record<string, RegExp>>;
}

keepCarried();
const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** Writes files into a new folder. */
export function makeProject(files: Files): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "functionfuse-code-")));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) writeInto(folder, path, text);
  return folder;
}

/** Writes a file; what it imports of this library comes from this very copy. */
export function writeInto(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  const own = text
    .replaceAll('from "functionfuse"', `from "${ROOT}mod.ts"`)
    .replaceAll('from "functionfuse/plugins"', `from "${ROOT}plugins/mod.ts"`);
  writeFileSync(join(folder, path), own);
}

/** What a module has made, in its order. */
export function madeBy(path: string): Origin[] {
  const module = pathToFileURL(path).href;
  const kinds = ["definition", "plugin", "pluginUse", "replacement"] as const;
  return kinds.flatMap((kind) => {
    const found: Origin[] = [];
    for (let ordinal = 0;; ordinal++) {
      const origin = findCarried({ kind, module, ordinal, name: "", digest: "" });
      if (!origin) return found;
      found.push(origin);
    }
  });
}

/** Imports a project's `main.ts`, and reads all that it and the modules named have made. */
export async function readProject(folder: string, modules = ["main.ts"]): Promise<Prints> {
  for (const module of modules) await import(pathToFileURL(join(folder, module)).href);
  return await readOrigins(modules.flatMap((module) => madeBy(join(folder, module))));
}

/** The same without importing: the calls of `workflow` are found by their text. */
export async function readUnrun(folder: string, text: string, module = "main.ts"): Promise<Prints> {
  const url = pathToFileURL(join(folder, module)).href;
  const calls = [...text.matchAll(/\bworkflow\("(\w+)"/g)];
  return await readOrigins(calls.map(([, name], ordinal) => {
    const before = text.slice(0, calls[ordinal].index).split("\n");
    const site = new CallSite();
    site.stack = `Error\n    at ${url}:${before.length}:${before.at(-1)!.length + 1}`;
    return { kind: "definition", module: url, site, ordinal, name, code: () => 0, value: 0 };
  }));
}

async function readOrigins(origins: readonly Origin[]): Promise<Prints> {
  const prints = await readCode(origins);
  return Object.fromEntries(origins.map(({ name }, i) => [name, prints[i]]));
}

/** Files with a change. */
export function changed(files: Files, change: Case["change"]): Files {
  const after: Record<string, string> = { ...files };
  for (const [path, what] of Object.entries(change)) {
    if (what === null) delete after[path];
    else if (typeof what === "string") after[path] = what;
    else {
      assert.ok(files[path].includes(what[0]), `${path} has ${what[0]}`);
      after[path] = files[path].replace(what[0], () => what[1]);
    }
  }
  return after;
}

export const digests = (prints: Prints): Record<string, string> =>
  Object.fromEntries(Object.entries(prints).map(([name, { digest }]) => [name, digest]));

/** The names whose digests differ. */
export function differences(before: Prints, after: Prints): string[] {
  return Object.keys(before).filter((name) => before[name].digest !== after[name]?.digest).sort();
}

/** One test for each case. */
export function testCases(cases: readonly Case[]): void {
  for (const { name, files, change, changes, unfollowed = {} } of cases) {
    it(name, async () => {
      const before = await readProject(makeProject(files));
      const elsewhere = await readProject(makeProject(files));
      assert.deepEqual(elsewhere, withoutFolders(before, elsewhere), "the folder does not count");
      for (const [own, print] of Object.entries(before)) {
        if (unfollowed[own]) assert.match(print.unfollowed ?? "", unfollowed[own]);
        else assert.equal(print.unfollowed, undefined);
      }
      const after = await readProject(makeProject(changed(files, change)));
      assert.deepEqual(differences(before, after), [...changes].sort());
    });
  }
}

/** Messages tell paths. */
function withoutFolders(prints: Prints, others: Prints): Prints {
  return Object.fromEntries(
    Object.entries(prints).map(([name, print]) => [name, {
      ...print,
      unfollowed: print.unfollowed && others[name].unfollowed,
    }]),
  );
}
