/**
 * Storages: where results are kept, and read from in scripts and notebooks.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { UnsupportedError } from "../core/errors.ts";
import type { Storage } from "../core/storage.ts";
import { FileStorage, type FileStorageOptions } from "./file.ts";
import { MemoryStorage, type MemoryStorageOptions } from "./memory.ts";

export { FileStorage, type FileStorageOptions, MemoryStorage, type MemoryStorageOptions };
export { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";
export type { ObjectStore, OpenObject } from "./object_store.ts";
export type { Origin, Storage, TaskInfo, TaskSelection } from "../core/storage.ts";

/** Which storage to make. */
export type StorageConfig =
  | { kind: "file"; options: FileStorageOptions }
  | { kind: "memory"; options?: MemoryStorageOptions };

/**
 * Makes a storage from its kind and options, or from a text: a folder's path, `file:` with a path or URL, or `memory:`.
 *
 * @throws {TypeError} If the configuration is wrong.
 * @throws {UnsupportedError} If the kind of storage is not known.
 * @example
 * ```ts
 * import { storageFactory } from "functionfuse/storage";
 * import assert from "node:assert/strict";
 *
 * const storage = storageFactory({ kind: "memory" });
 * await storage.save("classifier", "accuracy", new Map([["knn", 0.95]]));
 *
 * assert.deepEqual(await storage.listTasks("classifier"), ["accuracy"]);
 * assert.deepEqual(await storage.readTask("classifier", "accuracy"), new Map([["knn", 0.95]]));
 * ```
 */
export function storageFactory(config: StorageConfig | string): Storage {
  if (typeof config === "string") return storageFactory(parseLocation(config));
  switch (config?.kind) {
    case "file":
      return new FileStorage(config.options);
    case "memory":
      return new MemoryStorage(config.options);
    default: {
      const kind = (config as { kind?: unknown } | null)?.kind;
      throw new UnsupportedError(
        `Cannot make a storage of the kind ${JSON.stringify(kind)}: known are "file" and "memory".`,
      );
    }
  }
}

function parseLocation(location: string): StorageConfig {
  // One letter before the colon is a Windows drive.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1].toLowerCase();
  if (scheme === undefined) return { kind: "file", options: { path: location } };
  if (scheme === "memory") return { kind: "memory" };
  if (scheme !== "file") return { kind: scheme } as never;
  const path = location.startsWith("file://")
    ? fileURLToPath(location)
    : location.slice("file:".length);
  return { kind: "file", options: { path } };
}
