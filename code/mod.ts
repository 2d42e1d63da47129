/** What a function uses of the user's code: followed through modules, by a parser and scope analysis. */

import type { Origin } from "../core/carried.ts";
import type { CodePrint } from "../core/storage.ts";
import { VERSION } from "../core/version.ts";
import { loadJsonc } from "./_libraries.ts";
import { Files } from "./_files.ts";
import { Follower } from "./_follow.ts";
import { followImports, type Imports } from "./_imports.ts";
import { followModules, type ModuleGraph } from "./_modules.ts";
import { loadReader } from "./_module.ts";
import { digestOf, Project } from "./_project.ts";
import { isLibraryUrl } from "./_resolve.ts";
import { STOCK_PRINTS } from "./_stock.ts";

/**
 * Follows code, each with all it uses: functions, classes and constants of its module and of those that it imports, as
 * far as they are reached, and the versions of the packages that these import.
 *
 * Types, comments and formatting do not count, nor does the folder that the project lies in. All files are read anew.
 */
export async function readCode(origins: readonly Origin[]): Promise<readonly CodePrint[]> {
  if (origins.length === 0) return [];
  const [reader, jsonc] = await Promise.all([loadReader(), loadJsonc()]);
  const project = new Project(new Files(jsonc.parse), reader);
  const follower = new Follower(project);
  const prints = new Map<Origin, CodePrint>();
  for (const origin of new Set(origins)) {
    prints.set(origin, printStock(origin) ?? follower.print(origin) ?? printOwn(origin));
  }
  project.keep();
  return origins.map((origin) => prints.get(origin)!);
}

export type { Imports, MissingImport } from "./_imports.ts";
export type { ModuleGraph } from "./_modules.ts";
export { isLibraryUrl, type Resolved } from "./_resolve.ts";

/** Everything that the modules at some paths import, directly or through others. */
export async function readImports(paths: readonly string[]): Promise<Imports> {
  const [read, jsonc] = await Promise.all([loadReader(), loadJsonc()]);
  return followImports(new Files(jsonc.parse), read, paths);
}

/** The modules that some import, directly or through others, with what each specifier in them means; packages apart. */
export async function readModules(paths: readonly string[]): Promise<ModuleGraph> {
  const [read, jsonc] = await Promise.all([loadReader(), loadJsonc()]);
  return followModules(new Files(jsonc.parse), read, paths);
}

function printStock({ module, name }: Origin): CodePrint | undefined {
  const isStock = module !== undefined && isLibraryUrl(module) && Object.hasOwn(STOCK_PRINTS, name);
  return isStock ? STOCK_PRINTS[name] : undefined;
}

/** What can be told where there is no module to read. */
function printOwn({ name, code, module }: Origin): CodePrint {
  const source = Function.prototype.toString.call(code);
  // A plugin of this library, which was imported by URL: its version tells what it uses.
  const isOwn = module !== undefined && isLibraryUrl(module);
  const digest = digestOf(JSON.stringify([isOwn ? VERSION : module ?? "", source]));
  const reason = source.includes("[native code]")
    ? `Of "${name}", only the name is compared, as the runtime shows no source of it: to have changes noticed, define it ` +
      `in a file.`
    : `Of "${name}", only its own text is compared and not what it uses, as it was not defined in a file that can be ` +
      `read: to have changes noticed, define it in a file.`;
  const unfollowed = isOwn ? undefined : reason;
  return { digest, parts: { [name]: digest.slice(0, 16) }, unfollowed };
}
