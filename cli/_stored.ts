/** Finding what is stored: places, workflows and tasks by names that people type. */

import { closest, distance } from "fastest-levenshtein";
import { existsSync } from "node:fs";
import { basename, extname } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { StorageError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { FileStorage, storageFactory } from "../storage/mod.ts";
import { addConfigOptions, type ConfigFlags, loadConfig, openConfigured } from "./_config.ts";
import { CommandError } from "./_errors.ts";
import { say } from "./_output.ts";
import { redirectConsole } from "./_progress.ts";
import { quoted } from "./_text.ts";

/** Where `fuse run` keeps results if nothing else is said. */
export const DEFAULT_STORAGE = ".fuse";

/** The flags that say where to look. */
export interface PlaceFlags extends ConfigFlags {
  readonly storage?: string;
}

/** Adds the flags, the same for all commands. */
export function addPlaceOptions(command: Command): Command {
  return addConfigOptions(command.option(
    "--storage <place>",
    `folder or URL where results are kept (default: ${DEFAULT_STORAGE})`,
    checkPlace,
  ));
}

function checkRayPlace(place: string): void {
  try {
    storageFactory(place);
  } catch (error) {
    throw new InvalidArgumentError(
      `It must have an absolute path, and the resource of the machine that has it, as in ray:/data/results?_disk. ${
        (error as Error).message
      }`,
    );
  }
}

/** Checks what is given as a place. */
export function checkPlace(place: string): string {
  if (place === "") throw new InvalidArgumentError("It must not be empty.");
  if (/^s3:(?!\/\/[^/])/i.test(place)) {
    throw new InvalidArgumentError("It must have a bucket, as in s3://bucket/prefix.");
  }
  if (/^ray:/i.test(place)) checkRayPlace(place);
  return place;
}

/**
 * Opens a storage that something was stored in: the one named, or that of the configuration of the current folder.
 *
 * @throws {StorageError} If there is no such folder.
 * @throws {ConfigError} If the configuration is wrong.
 */
export async function openStored(flags: PlaceFlags): Promise<Storage> {
  const storage = await openPlace(flags);
  if (!(storage instanceof FileStorage) || existsSync(storage.location)) return storage;
  throw missing(
    storage,
    storage.location,
    `There is no folder ${storage.location}, so nothing is stored there. ` +
      "Run a workflow first (fuse run), or say where it stored its results (--storage).",
  );
}

/**
 * Opens a storage in the same way, whether it is there or not.
 *
 * @throws {ConfigError} If the configuration is wrong.
 */
export async function openPlace(flags: PlaceFlags, isSilent = false): Promise<Storage> {
  if (flags.storage !== undefined) return storageFactory(flags.storage);
  // What the configuration prints is no answer.
  redirectConsole(say);
  const found = await loadConfig(flags, { folder: ".", check: false, isSilent });
  const storage = found && openConfigured(found);
  if (storage !== false) return storage ?? storageFactory(DEFAULT_STORAGE);
  throw new CommandError(
    `${found!.file} says that nothing is stored: name the place to look at (--storage).`,
  );
}

/** The names of all workflows that something is stored of. */
export async function listWorkflows(storage: Storage): Promise<string[]> {
  return await storage.listWorkflows?.() ?? [];
}

/**
 * Checks that something is stored of a workflow.
 *
 * @throws {StorageError} If not, with the name that was probably meant.
 */
export async function checkWorkflow(storage: Storage, workflow: string): Promise<void> {
  const known = await listWorkflows(storage);
  if (known.includes(workflow)) return;
  const isFile = /\.[cm]?[jt]sx?$/.test(workflow);
  const name = isFile ? basename(workflow, extname(workflow)) : workflow;
  const hint = known.includes(name) ? ` Did you mean ${quoted(name)}?` : suggestion(name, known);
  throw missing(
    storage,
    workflow,
    `Nothing of a workflow ${quoted(workflow)} is stored in ${storage.location}.` +
      (isFile ? " A workflow is named here, not its file." : "") +
      (hint || " Nothing at all is."),
  );
}

/**
 * Checks that there is a value of a task.
 *
 * @throws {StorageError} If not, with the name that was probably meant.
 */
export async function checkTask(storage: Storage, workflow: string, task: string): Promise<void> {
  if (await storage.hasTask(workflow, task)) return;
  await checkWorkflow(storage, workflow);
  throw missingTask(storage, workflow, task, await storage.listTasks(workflow));
}

/** The error for a task that there is no value of. */
export function missingTask(
  storage: Storage,
  workflow: string,
  task: string,
  known: readonly string[],
): StorageError {
  return missing(
    storage,
    task,
    `There is no stored value of ${quoted(task)} in the workflow ${quoted(workflow)} in ` +
      `${storage.location}.${suggestion(task, known)}`,
  );
}

/** The tasks that a glob finds; one without wildcards is a name, which must be there. */
export async function findTasks(
  storage: Storage,
  workflow: string,
  glob: string | undefined,
): Promise<string[]> {
  const found = await storage.listTasks(workflow, glob);
  if (found.length > 0) return found;
  await checkWorkflow(storage, workflow);
  if (glob === undefined || /[*?[\]{}!()|+@]/.test(glob)) return [];
  throw missingTask(storage, workflow, glob, await storage.listTasks(workflow));
}

/** Checks what is given as a name. */
export function checkName(text: string): string {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  if (!text.isWellFormed()) throw new InvalidArgumentError("It is no well-formed text.");
  return text;
}

function missing(storage: Storage, key: string, message: string): StorageError {
  const operation = storage.location === key ? "open" : "read";
  return new StorageError(message, { operation, reason: "missing", key });
}

function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return "";
  const best = closest(name, known as string[]);
  if (distance(name, best) <= Math.max(2, name.length / 3)) return ` Did you mean ${quoted(best)}?`;
  const MOST_SHOWN = 8;
  const shown = known.slice(0, MOST_SHOWN).map(quoted).join(", ");
  const rest = known.length > MOST_SHOWN ? ` and ${known.length - MOST_SHOWN} more` : "";
  return known.length === 1 ? ` There is ${shown}.` : ` There are ${shown}${rest}.`;
}
