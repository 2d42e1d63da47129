/** What all storages do alike: names, globs, the format of objects, and what to do with a bad one. */

import { picomatch } from "./_libraries.ts";
import { CodecError, isFuseError, StorageError, type StorageOperation } from "../core/errors.ts";
import type {
  Origin,
  RecipeReader,
  Saved,
  Storage,
  StoredRecord,
  TaskInfo,
  TaskSelection,
} from "../core/storage.ts";
import {
  encodeObject,
  type Header,
  readHeader,
  readValue,
  storedRecord,
  taskInfo,
} from "./codec.ts";
import { keyOf, nameOf } from "./keys.ts";
import type { ObjectStore, OpenObject } from "./object_store.ts";
import { recipes } from "./recipes.ts";

/** What every storage takes. */
export interface TaskStorageOptions {
  /** Whether a node's readers get its value as read back instead of as computed. Default: `false`. */
  alwaysRead?: boolean;
}

const SUFFIX = ".fuse";
const DAMAGED_SUFFIX = ".damaged";
const JOURNAL_SUFFIX = ".jsonl";
const OWN_SUFFIX = /\.(fuse|fuse\.damaged|jsonl)$/;
// Enough for a store over a network to be busy, few enough for it not to refuse.
const RECORDS_AT_ONCE = 32;

/** A storage of tasks in any place that keeps objects. */
export class TaskStorage implements Storage {
  readonly alwaysRead: boolean;
  readonly recipes: RecipeReader = recipes;
  readonly #objects: ObjectStore;

  /** @ignore Made by `storageFactory`. */
  constructor(objects: ObjectStore, options: TaskStorageOptions = {}) {
    this.#objects = objects;
    this.alwaysRead = options.alwaysRead ?? false;
  }

  get location(): string {
    return this.#objects.location;
  }

  async newWorkflow(workflow: string): Promise<void> {
    await this.#objects.prepare(folderOf(workflow));
  }

  async save(workflow: string, task: string, value: unknown, origin?: Origin): Promise<Saved> {
    const folder = folderOf(workflow);
    const object = objectOf(task);
    // Encoded before anything is awaited: the value may change as soon as the caller goes on.
    const { chunks, valueDigest } = encodeObject(workflow, task, value, origin);
    await this.#objects.put(folder, object, chunks);
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    return { valueDigest, bytes, isSerialized: false };
  }

  async readTask(workflow: string, task: string): Promise<unknown> {
    const read = await this.#open(workflow, task, async (object, header) => ({
      value: await readValue(object, header),
    }));
    if (!read) throw await this.#missing(workflow, task);
    return read.value;
  }

  async taskInfo(workflow: string, task: string): Promise<TaskInfo> {
    const info = await this.#open(
      workflow,
      task,
      (object, header) => taskInfo(header, object.byteLength),
    );
    return info ?? Promise.reject(await this.#missing(workflow, task));
  }

  async readRecords(
    workflow: string,
    tasks: readonly string[],
  ): Promise<Map<string, StoredRecord | StorageError>> {
    const records = new Map<string, StoredRecord | StorageError>();
    const waiting = tasks.values();
    const readOn = async () => {
      for (const task of waiting) {
        try {
          const record = await this.#open(
            workflow,
            task,
            (object, header) => storedRecord(header, object.byteLength),
          );
          if (record) records.set(task, record);
        } catch (error) {
          if (!isFuseError(error, "StorageError") || !isBad(error)) throw error;
          records.set(task, error);
        }
      }
    };
    await Promise.all(Array.from({ length: RECORDS_AT_ONCE }, readOn));
    return records;
  }

  async addToJournal(workflow: string, run: string, lines: string): Promise<void> {
    await this.#objects.append(folderOf(workflow), keyOf(run) + JOURNAL_SUFFIX, lines);
  }

  async listRuns(workflow: string): Promise<string[]> {
    const runs: string[] = [];
    for (const object of await this.#objects.list(folderOf(workflow))) {
      if (!object.endsWith(JOURNAL_SUFFIX)) continue;
      const run = nameOf(object.slice(0, -JOURNAL_SUFFIX.length));
      if (run !== undefined) runs.push(run);
    }
    return runs.sort();
  }

  async readJournal(workflow: string, run: string): Promise<string | undefined> {
    const object = await this.#objects.open(folderOf(workflow), keyOf(run) + JOURNAL_SUFFIX);
    if (!object) return undefined;
    try {
      return new TextDecoder().decode(await object.read(0, object.byteLength));
    } finally {
      await object.close();
    }
  }

  async hasTask(workflow: string, task: string): Promise<boolean> {
    return await this.#objects.has(folderOf(workflow), objectOf(task));
  }

  async listTasks(workflow: string, glob = "*"): Promise<string[]> {
    const folder = folderOf(workflow);
    const matches = compileGlob(glob);
    const names: string[] = [];
    for (const object of await this.#objects.list(folder)) {
      if (!object.endsWith(SUFFIX)) continue;
      const name = nameOf(object.slice(0, -SUFFIX.length)) ??
        (await this.#readNames(folder, object))?.task;
      if (name !== undefined && matches(name)) names.push(name);
    }
    return names.sort();
  }

  async listWorkflows(): Promise<string[]> {
    const names: string[] = [];
    for (const folder of await this.#objects.listFolders()) {
      const name = await this.#workflowOf(folder, await this.#objects.list(folder));
      if (name !== undefined) names.push(name);
    }
    return names.sort();
  }

  async removeTask(workflow: string, selection: TaskSelection): Promise<number> {
    const { taskName, pattern } = checkSelection(selection);
    const names = taskName === undefined ? await this.listTasks(workflow, pattern) : [taskName];
    let removed = 0;
    for (const name of names) {
      if (await this.#objects.remove(folderOf(workflow), objectOf(name))) removed++;
    }
    return removed;
  }

  async removeWorkflow(workflow: string): Promise<boolean> {
    return await this.#objects.removeFolder(folderOf(workflow));
  }

  /** Reads of an object what `use` wants, if it is there; a bad one is set aside, so that it is met only once. */
  async #open<T>(
    workflow: string,
    task: string,
    use: (object: OpenObject, header: Header) => T | Promise<T>,
  ): Promise<T | undefined> {
    const read = () => this.#read(workflow, task, use);
    try {
      // A second time, as somebody may have written it anew meanwhile: only what stays bad is set aside.
      return await read().catch((error) => {
        if (isFuseError(error, "CodecError")) return read();
        throw error;
      });
    } catch (error) {
      if (!isFuseError(error, "CodecError", "UnsupportedError")) throw error;
      const isDamaged = isFuseError(error, "CodecError");
      const name = objectOf(task);
      const aside = name + DAMAGED_SUFFIX;
      if (isDamaged) await this.#objects.rename(folderOf(workflow), name, aside);
      throw storageError(
        "read",
        isDamaged ? "damaged" : "unsupported",
        task,
        `Cannot read the stored value of "${task}" in ${this.location}: ${error.message}` +
          (isDamaged ? ` It was set aside as ${aside}.` : ""),
        error,
      );
    }
  }

  async #read<T>(
    workflow: string,
    task: string,
    use: (object: OpenObject, header: Header) => T | Promise<T>,
  ): Promise<T | undefined> {
    const object = await this.#objects.open(folderOf(workflow), objectOf(task));
    if (!object) return undefined;
    try {
      const header = await readHeader(object);
      if (header.task !== task) {
        throw new CodecError(`It is the object of another task, "${header.task}".`);
      }
      return await use(object, header);
    } finally {
      await object.close();
    }
  }

  async #missing(workflow: string, task: string): Promise<StorageError> {
    const known = await this.listTasks(workflow);
    const MOST_SHOWN = 10;
    const shown = known.slice(0, MOST_SHOWN).map((name) => JSON.stringify(name)).join(", ");
    const rest = known.length > MOST_SHOWN ? ` and ${known.length - MOST_SHOWN} more` : "";
    return storageError(
      "read",
      "missing",
      task,
      `There is no stored value of "${task}" in the workflow "${workflow}" in ${this.location}. ` +
        (known.length ? `Stored are ${shown}${rest}.` : "Nothing of this workflow is stored."),
    );
  }

  /** The workflow of a folder with these objects; `undefined` for one that is none of ours, or holds nothing of ours. */
  async #workflowOf(folder: string, objects: readonly string[]): Promise<string | undefined> {
    if (!objects.some((name) => OWN_SUFFIX.test(name))) return undefined;
    const written = nameOf(folder);
    if (written !== undefined) return keyOf(written) === folder ? written : undefined;
    for (const object of objects.filter((name) => name.endsWith(SUFFIX))) {
      const name = (await this.#readNames(folder, object))?.workflow;
      if (name !== undefined && keyOf(name) === folder) return name;
    }
  }

  /** The names in an object, for where keys were cut; `undefined` if it can't be read, which `readTask` will report. */
  async #readNames(
    folder: string,
    name: string,
  ): Promise<Pick<Header, "workflow" | "task"> | undefined> {
    const object = await this.#objects.open(folder, name);
    try {
      return object && await readHeader(object);
    } catch (error) {
      if (isFuseError(error, "CodecError", "UnsupportedError")) return undefined;
      throw error;
    } finally {
      await object?.close();
    }
  }
}

/** Whether a value is of no use, rather than the storage out of order. */
function isBad(error: StorageError): boolean {
  return error.reason === "damaged" || error.reason === "unsupported";
}

/** A `StorageError`, in one line. */
export function storageError(
  operation: StorageOperation,
  reason: StorageError["reason"],
  key: string,
  message: string,
  cause?: unknown,
): StorageError {
  return new StorageError(message, {
    operation,
    key,
    reason,
    ...(cause !== undefined && { cause }),
  });
}

function folderOf(workflow: string): string {
  checkName("workflow", workflow);
  return keyOf(workflow);
}

function objectOf(task: string): string {
  checkName("task", task);
  return keyOf(task) + SUFFIX;
}

function checkSelection(selection: TaskSelection): { taskName?: string; pattern?: string } {
  const { taskName, pattern } = (selection ?? {}) as { taskName?: string; pattern?: string };
  if ((typeof taskName === "string") !== (typeof pattern === "string")) {
    return { taskName, pattern };
  }
  throw new TypeError(
    "Cannot remove tasks as either 'taskName' or 'pattern' must be a text: " +
      (taskName === undefined ? "both are missing." : "both are there."),
  );
}

function checkName(what: string, name: string): void {
  if (typeof name === "string" && name !== "" && name.isWellFormed()) return;
  throw new TypeError(
    `Cannot use a storage as '${what}' must be a well-formed text of at least one character: current value is ${
      typeof name === "string" ? JSON.stringify(name) : typeof name
    }.`,
  );
}

/** Globs here know no folders: `*` and `?` match slashes too, as they do in the names that people give. */
function compileGlob(glob: string): (name: string) => boolean {
  if (glob === "*") return () => true;
  const flat = (text: string) => `=${text.replaceAll("/", "\u001f")}`;
  const matches = picomatch(flat(glob), { bash: true, dot: true, windows: false, flags: "s" });
  return (name) => matches(flat(name));
}
