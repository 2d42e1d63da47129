/** A storage in a bucket of S3, or of a server that speaks its language. */

import type { StorageSpec } from "../core/storage.ts";
import { Bucket } from "./_s3_bucket.ts";
import type { S3ClientConfig } from "./_libraries.ts";
import { Journals } from "./_s3_journals.ts";
import { S3Place } from "./_s3_place.ts";
import { portableConfig } from "./_s3_spec.ts";
import type { ObjectStore, OpenObject, Place } from "./object_store.ts";
import { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";

export type { S3ClientConfig };

/** Options of {@link S3Storage}. */
export interface S3StorageOptions extends TaskStorageOptions {
  /** `bucket`, `bucket/prefix` or `s3://bucket/prefix`. The bucket must exist. */
  path: string;
  /**
   * Settings of the AWS SDK's client: `endpoint`, `forcePathStyle`, `region`, `profile`, `credentials`, … What is not
   * given is looked for where the SDK does: in the environment, in profiles, and in the machine's role.
   *
   * Defaults beside the SDK's: 5 s to connect, 60 s without a byte, 5 tries, and the region `us-east-1` if none is set.
   */
  client?: S3ClientConfig;
}

/**
 * Keeps results as objects in a bucket, with `prefix/workflow/` before their names.
 *
 * Each value is one object that appears at once and whole, so that several processes and machines can use one prefix. A
 * value of more than 8 MB is not copied: it must not change before `save` has resolved.
 */
export class S3Storage extends TaskStorage {
  /**
   * A storage below `path`; nothing is loaded and no request is made before something is asked of it.
   *
   * @throws {TypeError} If `path` has no bucket, or parts that can't be in a key.
   */
  constructor(options: S3StorageOptions) {
    const { bucket, prefix } = parsePath(options?.path);
    super(new S3Objects(bucket, prefix, options.client ?? {}), options);
  }
}

// So that a bucket that can't be written to is found out before anything is computed.
const MARKER = ".workflow";

/** Objects below a prefix of a bucket. */
export class S3Objects implements ObjectStore {
  readonly location: string;
  readonly #bucket: Bucket;
  readonly #config: S3ClientConfig;
  readonly #journals: Journals;
  /** Empty, or with a slash at its end. */
  readonly #prefix: string;

  constructor(bucket: string, prefix: string, config: S3ClientConfig) {
    this.#bucket = new Bucket(bucket, config);
    this.#config = config;
    this.#journals = new Journals(this.#bucket);
    this.#prefix = prefix;
    this.location = this.#bucket.locationOf(prefix).replace(/\/$/, "");
  }

  get spec(): StorageSpec {
    const client = portableConfig(this.#config, this.location);
    return { kind: "S3", options: { path: this.location, client } };
  }

  prepare(folder: string): Promise<void> {
    // One request that tells all: whether there is such a bucket, and whether these credentials may write to it.
    return this.#bucket.put(this.#key(folder, MARKER), []);
  }

  put(folder: string, name: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    return this.#bucket.put(this.#key(folder, name), chunks);
  }

  open(folder: string, name: string): Promise<OpenObject | undefined> {
    return this.#bucket.open(this.#key(folder, name));
  }

  async has(folder: string, name: string): Promise<boolean> {
    return await this.#bucket.size(this.#key(folder, name)) !== undefined;
  }

  async list(folder: string): Promise<string[]> {
    const prefix = this.#key(folder, "");
    const { keys } = await this.#bucket.list(prefix);
    return keys.map((key) => key.slice(prefix.length)).filter((name) => name !== "");
  }

  async listFolders(): Promise<string[]> {
    const { folders } = await this.#bucket.list(this.#prefix);
    return folders.map((folder) => folder.slice(this.#prefix.length, -1));
  }

  rename(folder: string, from: string, to: string): Promise<void> {
    return this.#bucket.rename(this.#key(folder, from), this.#key(folder, to));
  }

  remove(folder: string, name: string): Promise<boolean> {
    const key = this.#key(folder, name);
    this.#journals.forget(key);
    return this.#bucket.remove(key);
  }

  removeFolder(folder: string): Promise<boolean> {
    const prefix = this.#key(folder, "");
    this.#journals.forget(prefix);
    return this.#bucket.removeAll(prefix);
  }

  append(folder: string, name: string, text: string): Promise<void> {
    return this.#journals.append(this.#key(folder, name), text);
  }

  place(folder: string, name: string): Place {
    return new S3Place(this.#bucket, `${this.#key(folder, name)}/`);
  }

  #key(folder: string, name: string): string {
    return `${this.#prefix}${folder}/${name}`;
  }
}

function parsePath(path: unknown): { bucket: string; prefix: string } {
  const parts = typeof path === "string" ? path.replace(/^s3:\/\//i, "").split("/") : [];
  const [bucket = "", ...rest] = parts;
  const folders = rest.filter((part) => part !== "");
  // Of a URL that lacks a slash, the first part is no bucket.
  const isRight = bucket !== "" && !/^s3:/i.test(bucket) &&
    parts.every((part) => part.isWellFormed() && !/^\.\.?$/.test(part));
  if (isRight) return { bucket, prefix: folders.map((part) => `${part}/`).join("") };
  throw new TypeError(
    `Cannot make an S3 storage as 'path' must be "bucket/prefix" or "s3://bucket/prefix": current value is ${
      JSON.stringify(path)
    }.`,
  );
}
