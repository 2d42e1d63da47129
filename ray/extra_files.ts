/** Files that go along beside what modules import. */

import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { UnsupportedError } from "../core/errors.ts";
import { loadGlobs } from "./_libraries.ts";

// What a package never has: histories, results, and what is installed anew.
const NEVER = new Set([".git", ".fuse", "node_modules"]);

/**
 * The files that patterns mean: paths of files, of folders with all that is in them, or globs; all from `folder` on. Links
 * in folders are left out, as they may lead anywhere.
 *
 * @throws {UnsupportedError} If one means nothing.
 */
export async function findExtraFiles(
  patterns: readonly string[],
  folder: string,
): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    const before = found.size;
    const path = resolve(folder, pattern);
    if (lookAt(path)) { for (const file of filesIn(realpathSync(path))) found.add(file); }
    else for (const file of await matching(pattern, folder)) found.add(file);
    if (found.size > before || lookAt(path)) continue;
    throw new UnsupportedError(
      `Cannot pack ${JSON.stringify(pattern)} of 'files' as it means no file in ${folder}.`,
    );
  }
  return [...found];
}

async function matching(pattern: string, folder: string): Promise<string[]> {
  const { default: picomatch } = await loadGlobs();
  const { base, glob } = picomatch.scan(pattern);
  const from = isAbsolute(base) ? base : resolve(folder, base);
  if (glob === "" || !lookAt(from)?.isDirectory()) return [];
  const isMatch = picomatch(glob);
  return filesIn(realpathSync(from))
    .filter((path) => isMatch(relative(realpathSync(from), path).replaceAll("\\", "/")));
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function filesIn(path: string): string[] {
  if (!lstatSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !NEVER.has(name))
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .flatMap(({ name }) => filesIn(join(path, name)));
}

/** Whether a path lies in a folder that no package has. */
export function isNeverPacked(path: string): boolean {
  return path.split(/[/\\]/).some((part) => NEVER.has(part));
}
