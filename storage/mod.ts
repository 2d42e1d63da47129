/**
 * Storages: where results are kept, and read from in scripts and notebooks.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { UnsupportedError } from "../core/errors.ts";
import type { TaskStorage } from "./task_storage.ts";
import { FileStorage, type FileStorageOptions } from "./file.ts";
import { MemoryStorage, type MemoryStorageOptions } from "./memory.ts";
import { parseRayLocation, type RayPlaceArgs, RayStorage, type RayStorageOptions } from "./ray.ts";
import { type S3ClientConfig, S3Storage, type S3StorageOptions } from "./s3.ts";
import { withSerializers } from "./serializers/stock.ts";

export { FileStorage, type FileStorageOptions, MemoryStorage, type MemoryStorageOptions };
export { type RayPlaceArgs, RayStorage, type RayStorageOptions };
export { type S3ClientConfig, S3Storage, type S3StorageOptions };
export { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";
export type { ObjectStore, OpenObject, Place } from "./object_store.ts";
export type { Notes, Serializer } from "./serializers/serializer.ts";
export type { ArraySource, DType, NdArray, Span, TypedArray } from "./serializers/nd_array.ts";
export { type ArraySelection, LazyArray } from "./serializers/lazy_array.ts";
export {
  type ArrowTable,
  LazyTable,
  type TableColumn,
  type TableSelection,
  type TableSource,
} from "./serializers/lazy_table.ts";
export { openZarr, type ZarrOptions, zarrSerializer } from "./serializers/zarr.ts";
export { type Hdf5Options, hdf5Serializer, openHdf5 } from "./serializers/hdf5.ts";
export { type ArrowOptions, arrowSerializer, openArrow } from "./serializers/arrow.ts";
export { openParquet, type ParquetOptions, parquetSerializer } from "./serializers/parquet.ts";
export type {
  ExpectedValue,
  Origin,
  Storage,
  StorageSpec,
  TaskInfo,
  TaskSelection,
} from "../core/storage.ts";

/** Which storage to make. */
export type StorageConfig =
  | { kind: "file"; options: FileStorageOptions }
  | { kind: "memory"; options?: MemoryStorageOptions }
  | { kind: "ray"; options: RayStorageOptions }
  | { kind: "S3" | "s3"; options: S3StorageOptions };

/**
 * Makes a storage from its kind and options, or from a text: a folder's path, `file:` with a path or URL,
 * `memory:`, `s3://bucket/prefix`, or `ray:` with an absolute path and the resource of the machine that has it, as in
 * `ray:/data/results?_disk=0.001`; there, an amount that is left out is 0.001, and `ray://host:8265/data/results?_disk` also
 * says where the cluster's dashboard is.
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
export function storageFactory(config: StorageConfig | string): TaskStorage {
  if (typeof config === "string") return storageFactory(parseLocation(config));
  switch (config?.kind) {
    case "file":
      return new FileStorage(withSerializers(config.options));
    case "memory":
      return new MemoryStorage(config.options);
    case "ray":
      return new RayStorage(withSerializers(config.options));
    case "S3":
    case "s3":
      return new S3Storage(withSerializers(config.options));
    default: {
      const kind = (config as { kind?: unknown } | null)?.kind;
      throw new UnsupportedError(
        `Cannot make a storage of the kind ${
          JSON.stringify(kind)
        }: known are "file", "memory", "S3" and "ray".`,
      );
    }
  }
}

function parseLocation(location: string): StorageConfig {
  // One letter before the colon is a Windows drive.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(location)?.[1].toLowerCase();
  if (scheme === undefined) return { kind: "file", options: { path: location } };
  if (scheme === "memory") return { kind: "memory" };
  if (scheme === "ray") return { kind: "ray", options: parseRayLocation(location) };
  if (scheme === "s3") return { kind: "S3", options: { path: location } };
  if (scheme !== "file") return { kind: scheme } as never;
  const path = location.startsWith("file://")
    ? fileURLToPath(location)
    : location.slice("file:".length);
  return { kind: "file", options: { path } };
}
