/** What all storages do alike: names, globs, the format of objects, and what to do with a bad one. */

import { forEachAtOnce } from "./_at_once.ts";
import { Journals } from "./_journals.ts";
import { checkSelection, compileGlob, folderOf, objectOf, SUFFIX } from "./_names.ts";
import { PartPlaces } from "./_part_places.ts";
import { loadTaken, removeTaken, Serializers, writeTaken } from "./_taken.ts";
import { encodeValue } from "../encoding/mod.ts";
import { CodecError, isFuseError, type StorageError } from "../core/errors.ts";
import { storageError } from "./_errors.ts";
import type {
  ExpectedValue,
  Origin,
  RecipeReader,
  Saved,
  Storage,
  StorageSpec,
  StoredRecord,
  TaskInfo,
  TaskSelection,
} from "../core/storage.ts";
import {
  type Header,
  packObject,
  readHeader,
  readTaken,
  readValue,
  storedRecord,
  taskInfo,
} from "./codec.ts";
import { keyOf, nameOf } from "./keys.ts";
import type { ObjectStore, OpenObject } from "./object_store.ts";
import { recipes } from "./recipes.ts";
import type { Serializer } from "./serializers/serializer.ts";
import { stockSerializers, storageSpec } from "./serializers/stock.ts";

/** What every storage takes. */
export interface TaskStorageOptions {
  /** Whether a node's readers get its value as read back instead of as computed. Default: `false`. */
  alwaysRead?: boolean;
  /** What keeps big values in formats of their own; the first one that takes a value has it. Default: none. */
  serializers?: readonly Serializer[];
}

const DAMAGED_SUFFIX = ".damaged";
const REPLACED = Symbol("replaced");
const OWN_SUFFIX = /\.(fuse|fuse\.damaged|jsonl)$/;

/** A storage of tasks in any place that keeps objects. */
export class TaskStorage implements Storage {
  readonly alwaysRead: boolean;
  /** @internal */
  readonly recipes: RecipeReader = recipes;
  readonly #objects: ObjectStore;
  readonly #places: PartPlaces;
  readonly #journals: Journals;
  readonly #serializers = new Serializers(stockSerializers);

  /** @ignore Made by `storageFactory`. */
  constructor(objects: ObjectStore, options: TaskStorageOptions = {}) {
    this.#objects = objects;
    this.#journals = new Journals(objects);
    this.#places = new PartPlaces(objects, async (object, header, placeOf) => {
      const records = await readTaken(object, header);
      return () => removeTaken(records, this.#serializers, placeOf);
    });
    this.alwaysRead = options.alwaysRead ?? false;
    this.registerSerializers(...options.serializers ?? []);
  }

  /**
   * Has serializers keep big values in formats of their own, beside the objects; the first one that takes a value has it.
   *
   * @returns This storage.
   * @throws {TypeError} If one of that name is there already.
   */
  registerSerializers(...serializers: Serializer[]): this {
    this.#serializers.register(serializers);
    return this;
  }

  get location(): string {
    return this.#objects.location;
  }

  /**
   * The kind and the options by which `storageFactory` makes the same storage in another process; `undefined` for one that
   * only this process has. Credentials are never among them.
   *
   * @throws {UnsupportedError} If a part of it can't be taken there, such as a serializer of one's own.
   */
  get spec(): StorageSpec | undefined {
    const { alwaysRead, location } = this;
    const { registered } = this.#serializers;
    return this.#objects.spec &&
      storageSpec(this.#objects.spec, { alwaysRead, registered, location });
  }

  async newWorkflow(workflow: string): Promise<void> {
    await this.#objects.prepare(folderOf(workflow));
    await this.#places.removeLeftovers(folderOf(workflow));
  }

  async save(workflow: string, task: string, value: unknown, origin?: Origin): Promise<Saved> {
    const folder = folderOf(workflow);
    const object = objectOf(task);
    const label = { workflow, task, ...(origin && { origin }) };
    // Encoded before anything is awaited: the value may change as soon as the caller goes on.
    const encoded = encodeValue(value, this.#serializers.finder);
    const { taken } = encoded;
    if (taken.length === 0 && this.#places.isUnused(folder)) {
      const { chunks, ...saved } = packObject(label, encoded);
      await this.#objects.put(folder, object, chunks);
      return { ...saved, isSerialized: false };
    }
    const copies = encoded.parts.map((part) => part.slice());
    return await this.#places.replace(folder, object, taken.length, async (places) => {
      const placeOf = (index: number) => this.#places.at(folder, object, places[index]);
      const kept = taken.length > 0 ? await writeTaken(taken, placeOf) : undefined;
      const { chunks, ...saved } = kept
        ? packObject({ ...label, places, placeBytes: kept.bytes }, {
          ...encoded,
          parts: [...copies, kept.records],
        })
        : packObject(label, { ...encoded, parts: copies });
      await this.#objects.put(folder, object, chunks);
      return { ...saved, isSerialized: taken.length > 0 };
    });
  }

  async readTask(workflow: string, task: string, expected?: ExpectedValue): Promise<unknown> {
    const placesOf = ({ places = [] }: Header) => ({
      placeOf: (index: number) =>
        this.#places.at(folderOf(workflow), objectOf(task), places[index]),
      setAside: () => this.#setAsideIfStill(workflow, task, places),
    });
    const read = await this.#open(workflow, task, async (object, header) => {
      if (expected && expected.valueDigest !== header.payloadDigest) return REPLACED;
      const load = (records: ArrayBuffer) =>
        loadTaken(records, this.#serializers, placesOf(header));
      return { value: await readValue(object, header, load) };
    });
    if (!read) throw await this.#missing(workflow, task);
    if (read !== REPLACED) return read.value;
    throw storageError(
      "read",
      "missing",
      task,
      `The stored value of "${task}" in ${this.location} has been replaced meanwhile, by another run.`,
    );
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
    await forEachAtOnce(tasks, async (task) => {
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
    });
    return records;
  }

  addToJournal(workflow: string, run: string, lines: string): Promise<void> {
    return this.#journals.add(folderOf(workflow), run, lines);
  }

  listRuns(workflow: string): Promise<string[]> {
    return this.#journals.list(folderOf(workflow));
  }

  readJournal(workflow: string, run: string): Promise<string | undefined> {
    return this.#journals.read(folderOf(workflow), run);
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
    await forEachAtOnce(names, async (name) => {
      if (await this.#places.removeObject(folderOf(workflow), objectOf(name))) removed++;
    });
    return removed;
  }

  async removeWorkflow(workflow: string): Promise<boolean> {
    if (this.#serializers.removesMore) await this.removeTask(workflow, { pattern: "*" });
    this.#places.forget(folderOf(workflow));
    return await this.#objects.removeFolder(folderOf(workflow));
  }

  /** Reads of an object what `use` wants, if it is there; a bad one is set aside, so that it is met only once. */
  async #open<T>(
    workflow: string,
    task: string,
    use: (object: OpenObject, header: Header) => T | Promise<T>,
  ): Promise<T | undefined> {
    let places: readonly string[] = [];
    const read = () =>
      this.#read(workflow, task, (object, header) => {
        places = header.places ?? [];
        return use(object, header);
      });
    // Once more, as somebody may have written it anew meanwhile: only what stays bad is set aside.
    const readAgain = (before?: readonly string[]): Promise<T | undefined> =>
      read().catch((error) => {
        const isReplaced = String(before) !== String(places);
        if (isFuseError(error, "CodecError") && isReplaced) return readAgain(places);
        throw error;
      });
    try {
      return await readAgain();
    } catch (error) {
      if (!isFuseError(error, "CodecError", "UnsupportedError")) throw error;
      const isDamaged = isFuseError(error, "CodecError");
      const name = objectOf(task);
      const aside = name + DAMAGED_SUFFIX;
      const isAside = isDamaged && await this.#setAside(folderOf(workflow), name, aside, places);
      throw storageError(
        "read",
        isDamaged ? "damaged" : "unsupported",
        task,
        `Cannot read the stored value of "${task}" in ${this.location}: ${error.message}` +
          (isAside ? ` It was set aside as ${aside}.` : ""),
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

  /** A value of which a part is damaged is set aside, unless it has been replaced since it was read. */
  async #setAsideIfStill(workflow: string, task: string, places: readonly string[]) {
    const header = await this.#read(workflow, task, (_, header) => header);
    if (String(header?.places) !== String(places)) return false;
    const object = objectOf(task);
    return await this.#setAside(folderOf(workflow), object, object + DAMAGED_SUFFIX, places);
  }

  /** Whether it could be: where nothing may be written, it stays. What serializers kept of it is not lost at once either. */
  async #setAside(folder: string, name: string, aside: string, places: readonly string[]) {
    try {
      if (places.length > 0) await this.#places.announce(folder, name, places);
      await this.#objects.rename(folder, name, aside);
      return true;
    } catch (error) {
      if (isFuseError(error, "StorageError")) return false;
      throw error;
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
