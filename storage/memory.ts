/** A storage in this process's memory: for tests, and for notebooks that run a graph again and again. */

import { Buffer } from "node:buffer";
import { MemoryPlace } from "./_places.ts";
import { type ObjectStore, openBytes, type OpenObject, type Place } from "./object_store.ts";
import { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";

/** Options of {@link MemoryStorage}. */
export type MemoryStorageOptions = TaskStorageOptions;

/** Keeps results in memory, in the format of all storages: what is read is a copy, as from a file. */
export class MemoryStorage extends TaskStorage {
  /** An empty storage. */
  constructor(options: MemoryStorageOptions = {}) {
    super(new MemoryObjects(), options);
  }
}

/** Objects in memory. */
export class MemoryObjects implements ObjectStore {
  readonly location = "memory";
  readonly #folders = new Map<string, Map<string, Uint8Array>>();
  readonly #places = new Map<string, Uint8Array<ArrayBuffer>>();

  prepare(folder: string): Promise<void> {
    this.#folder(folder);
    return Promise.resolve();
  }

  put(folder: string, name: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    this.#folder(folder).set(name, Buffer.concat(chunks));
    return Promise.resolve();
  }

  open(folder: string, name: string): Promise<OpenObject | undefined> {
    const bytes = this.#folders.get(folder)?.get(name);
    return Promise.resolve(bytes && openBytes(bytes));
  }

  has(folder: string, name: string): Promise<boolean> {
    return Promise.resolve(this.#folders.get(folder)?.has(name) ?? false);
  }

  list(folder: string): Promise<string[]> {
    return Promise.resolve([...this.#folders.get(folder)?.keys() ?? []]);
  }

  listFolders(): Promise<string[]> {
    return Promise.resolve([...this.#folders.keys()]);
  }

  rename(folder: string, from: string, to: string): Promise<void> {
    const objects = this.#folder(folder);
    const bytes = objects.get(from);
    if (bytes) {
      objects.delete(from);
      objects.set(to, bytes);
    }
    return Promise.resolve();
  }

  remove(folder: string, name: string): Promise<boolean> {
    return Promise.resolve(this.#folders.get(folder)?.delete(name) ?? false);
  }

  async removeFolder(folder: string): Promise<boolean> {
    await new MemoryPlace(this.#places, folder).remove();
    return this.#folders.delete(folder);
  }

  append(folder: string, name: string, text: string): Promise<void> {
    const before = this.#folder(folder).get(name) ?? new Uint8Array();
    return this.put(folder, name, [Buffer.from(before), Buffer.from(text)]);
  }

  hasPlace(folder: string, name: string): boolean {
    return this.#places.keys().some((key) => key.startsWith(`${folder}/${name}/`));
  }

  place(folder: string, name: string): Place {
    return new MemoryPlace(this.#places, `${folder}/${name}`);
  }

  #folder(name: string): Map<string, Uint8Array> {
    let folder = this.#folders.get(name);
    if (!folder) this.#folders.set(name, folder = new Map());
    return folder;
  }
}
