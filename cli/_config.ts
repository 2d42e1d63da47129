/** The engineer's side as a file: finding `fuse.config.ts`, loading it, and saying what is wrong with it. */

import type { Command } from "commander";
import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { FuseConfig } from "../config.ts";
import { ConfigError, isFuseError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { type StorageConfig, storageFactory } from "../storage/mod.ts";
import { WorkflowFileError } from "./_errors.ts";
import { checkTypes, importModule } from "./_load.ts";
import { provideLibrary } from "./_library.ts";
import { say } from "./_output.ts";
import { isUnpacked } from "./_payload.ts";
import { waitFor } from "./_waiting.ts";

/** The flags that say which configuration. */
export interface ConfigFlags {
  /** A file; `false` for none; else the nearest one is looked for. */
  readonly config?: string | false;
}

/** A configuration and where it is from. */
export interface LoadedConfig {
  /** The file, as people would type it. */
  readonly file: string;
  readonly config: Readonly<FuseConfig>;
}

/** What such a file is called. */
export const CONFIG_NAMES: readonly string[] = [
  "fuse.config.ts",
  "fuse.config.js",
  "fuse.config.mjs",
];

/** Adds the flags. */
export function addConfigOptions(command: Command): Command {
  return command
    .option(
      "--config <file>",
      `the engineer's side (default: the nearest ${CONFIG_NAMES[0]} from the folder upward)`,
    )
    .option("--no-config", "leave out such a file");
}

/**
 * Finds the configuration of a folder: in it, or in the nearest one above it.
 *
 * @throws {ConfigError} If there are two in one folder.
 */
export function findConfig(folder: string): string | undefined {
  for (let at = resolve(folder);; at = dirname(at)) {
    const [found, other] = CONFIG_NAMES.map((name) => join(at, name)).filter(isFile);
    if (other !== undefined) {
      throw new ConfigError(
        `There are two configurations, ${shown(found)} and ${shown(other)}: ` +
          "remove one, or name one of them (--config).",
      );
    }
    if (found !== undefined) return found;
    if (dirname(at) === at) return undefined;
  }
}

function isFile(path: string): boolean {
  try {
    return existsSync(path) && statSync(path).isFile();
  } catch {
    // What may not be read, as folders above may not, is nothing to go by.
    return false;
  }
}

/** What is needed to load a configuration. */
export interface LoadConfigOptions {
  /** Where to look for it. */
  readonly folder: string;
  /** Whether to check its types first. */
  readonly check: boolean;
  /** Whether to say nothing of what was found. Default: `false`. */
  readonly isSilent?: boolean;
}

/**
 * Loads the configuration that is in force, and says which one; `undefined` if there is none.
 *
 * @throws {ConfigError} If it is wrong or can't be loaded.
 */
export async function loadConfig(
  flags: ConfigFlags,
  options: LoadConfigOptions,
): Promise<LoadedConfig | undefined> {
  if (flags.config === false) return undefined;
  const path = flags.config === undefined ? findConfig(options.folder) : resolve(flags.config);
  if (path === undefined) return undefined;
  const file = shown(path);
  if (!existsSync(path)) throw new ConfigError(`There is no configuration ${file}.`);
  if (!isFile(path)) throw new ConfigError(`The configuration ${file} is no file.`);
  if (options.check) await explain(file, () => checkTypes(file));
  await provideLibrary();
  const module = await explain(file, () => importModule(file, pathToFileURL(path).href));
  const config = await readDefault(file, module);
  if (!options.isSilent && !isUnpacked(path)) say(`Using ${file}.`);
  return { file, config };
}

async function readDefault(
  file: string,
  module: Readonly<Record<string, unknown>>,
): Promise<Readonly<FuseConfig>> {
  // Only now, as it costs time where there is no configuration.
  const { isConfig } = await import("../config.ts");
  const exported = await waitFor(file, () => module.default);
  if (isConfig(exported)) return exported;
  const wrong = "default" in module
    ? "its default export is not what defineConfig returned"
    : "it has no default export";
  throw new ConfigError(
    `${file} is no configuration, as ${wrong}: write "export default defineConfig({ … })", ` +
      `with defineConfig from "functionfuse/config".`,
  );
}

/** Does something with a configuration; errors of it name the file and what was probably meant. */
export async function explain<T>(file: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const cause = error instanceof WorkflowFileError ? error.cause : error;
    if (!isFuseError(cause, "ConfigError")) throw error;
    const { path, unknown, known } = cause;
    const hint = unknown === undefined ? "" : await suggest(unknown, known);
    throw new ConfigError(`${file}: ${cause.message}${hint}`, { path, unknown, known, cause });
  }
}

/** The name that was probably meant; by a pattern, the one that begins most like its letters. */
async function suggest(unknown: string, known: readonly string[]): Promise<string> {
  if (known.length === 0) return "";
  const { closest } = await import("fastest-levenshtein");
  const letters = unknown.replace(/\\[a-zA-Z]|[\\^$.*+?()[\]{}|]/g, "");
  const beginning = (name: string) => letters === unknown ? name : name.slice(0, letters.length);
  const nearest = closest(letters, known.map(beginning));
  return ` Did you mean ${JSON.stringify(known.find((name) => beginning(name) === nearest))}?`;
}

/**
 * Opens the storage that a configuration names; a relative folder is one beside the configuration's file.
 *
 * @returns `undefined` if it names none, `false` if nothing is to be kept.
 * @throws {ConfigError} If it is wrong.
 */
export function openConfigured({ file, config }: LoadedConfig): Storage | false | undefined {
  const { storage } = config;
  if (storage === undefined || storage === false) return storage;
  if (typeof storage === "object" && !("kind" in storage)) return storage;
  try {
    // One that came with an executable was beside it when that was made; its results are for whoever runs it.
    const folder = isUnpacked(file) ? process.cwd() : dirname(resolve(file));
    return storageFactory(besides(folder, storage));
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`${file}: The storage can't be used. ${message}`, {
      path: "storage",
      cause: error,
    });
  }
}

function besides(folder: string, storage: string | StorageConfig): string | StorageConfig {
  if (typeof storage === "string") {
    // One letter before the colon is a Windows drive; "file:" may be followed by a relative path.
    if (/^(?!file:)[a-z][a-z0-9+.-]+:/i.test(storage)) return storage;
    const path = storage.startsWith("file://")
      ? fileURLToPath(storage)
      : storage.replace(/^file:/i, "");
    return besides(folder, { kind: "file", options: { path } });
  }
  const path: unknown = storage.kind === "file" ? storage.options?.path : undefined;
  if (storage.kind !== "file" || typeof path !== "string" || path === "") return storage;
  return { kind: "file", options: { ...storage.options, path: shown(resolve(folder, path)) } };
}

/** A path as people would type it in the current folder. */
function shown(path: string): string {
  const here = relative(process.cwd(), path);
  return here === "" ? "." : here.length < path.length ? here : path;
}
