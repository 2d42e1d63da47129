/** A bucket: what is done to objects by their whole keys. Failures are the storage's own. */

import { isFuseError, type StorageOperation } from "../core/errors.ts";
import type { S3ClientConfig } from "./_libraries.ts";
import { connect, type Connection } from "./_s3_connection.ts";
import { explainS3, isAnswer } from "./_s3_errors.ts";
import { fillAtOnce, openOnS3 } from "./_s3_reading.ts";
import { contentOf, writeToS3 } from "./_s3_writing.ts";
import type { OpenObject } from "./object_store.ts";

const MOST_ETAGS = 1_000;

/** Objects by their keys. */
export class Bucket {
  readonly #name: string;
  readonly #config: S3ClientConfig;
  #connection: Promise<Connection> | undefined;
  /** The versions opened last: what is renamed is what was read, not what was written since. */
  readonly #etags = new Map<string, string | undefined>();

  /** Makes no request. */
  constructor(name: string, config: S3ClientConfig) {
    this.#name = name;
    this.#config = config;
  }

  /** The URL of a key. */
  locationOf(key: string): string {
    return `s3://${this.#name}/${key}`;
  }

  put(key: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    // Before anything is awaited.
    const content = contentOf(chunks);
    return this.#attempt("save", key, (s3, location) => writeToS3(s3, location, content));
  }

  open(key: string): Promise<OpenObject | undefined> {
    return this.#attempt("read", key, async (s3, location) => {
      const opened = await openOnS3(s3, location);
      if (!opened) return undefined;
      const { object, version } = opened;
      this.#noteEtag(key, version.etag);
      return {
        byteLength: object.byteLength,
        read: (offset, length) => this.#attempt("read", key, () => object.read(offset, length)),
        close: () => object.close(),
      };
    });
  }

  /** Reads a range, or what there is of it. */
  readRange(
    key: string,
    range: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#attempt("read", key, async (s3, location) => {
      const found = await this.#head(s3, location);
      if (!found) return undefined;
      const length = Math.max(0, Math.min(range.length, found.size - range.offset));
      const bytes = new Uint8Array(length);
      await fillAtOnce(s3, { ...location, etag: found.etag }, range.offset, bytes);
      return bytes;
    });
  }

  size(key: string): Promise<number | undefined> {
    return this.#attempt(
      "read",
      key,
      async (s3, location) => (await this.#head(s3, location))?.size,
    );
  }

  /** The keys below a prefix, without those that have another slash; `folders` are what comes before these slashes. */
  list(prefix: string): Promise<{ keys: string[]; folders: string[] }> {
    return this.#attempt("list", prefix, async (s3, { Bucket }) => {
      const keys: string[] = [];
      const folders: string[] = [];
      const wanted = { Bucket, Prefix: prefix, Delimiter: "/" };
      for await (const page of s3.sdk.paginateListObjectsV2({ client: s3.client }, wanted)) {
        keys.push(...(page.Contents ?? []).map(({ Key }) => Key!));
        folders.push(...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix!));
      }
      return { keys, folders };
    });
  }

  /** All keys below a prefix, with the sizes of their objects. */
  listAll(prefix: string): Promise<Map<string, number>> {
    return this.#attempt("list", prefix, async (s3) => {
      const sizes = new Map<string, number>();
      for await (const page of this.#pages(s3, prefix)) {
        for (const { Key, Size } of page) sizes.set(Key!, Size ?? 0);
      }
      return sizes;
    });
  }

  /** Gives another key to the object that was opened last under a key, if it still is the same. */
  rename(from: string, to: string): Promise<void> {
    return this.#attempt("save", from, async (s3, location) => {
      const { Bucket } = location;
      const etag = this.#etags.get(from);
      const CopySource = [Bucket, ...from.split("/")].map(encodeURIComponent).join("/");
      try {
        await s3.client.send(
          new s3.sdk.CopyObjectCommand({ Bucket, Key: to, CopySource, CopySourceIfMatch: etag }),
        );
        await s3.client.send(new s3.sdk.DeleteObjectCommand({ ...location, IfMatch: etag }));
      } catch (error) {
        if (!isAnswer(error, 404, 412)) throw error;
        if (isAnswer(error, "NoSuchBucket")) throw error;
      }
    });
  }

  remove(key: string): Promise<boolean> {
    return this.#attempt("remove", key, async (s3, location) => {
      // A removal does not tell whether there was something.
      if (!await this.#head(s3, location)) return false;
      await s3.client.send(new s3.sdk.DeleteObjectCommand(location));
      return true;
    });
  }

  /** Removes everything below a prefix, and gives whether there was something. */
  removeAll(prefix: string): Promise<boolean> {
    return this.#attempt("remove", prefix, async (s3, { Bucket }) => {
      let isFound = false;
      for await (const page of this.#pages(s3, prefix)) {
        isFound = true;
        const Objects = page.map(({ Key }) => ({ Key }));
        const { Errors } = await s3.client.send(
          new s3.sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
        );
        if (Errors?.length) {
          const { Code = "Error", Message = "" } = Errors[0];
          const $metadata = Code === "AccessDenied" ? { httpStatusCode: 403 } : {};
          throw Object.assign(new Error(Message), { name: Code, $metadata });
        }
      }
      return isFound;
    });
  }

  async *#pages(s3: Connection, Prefix: string): AsyncGenerator<{ Key?: string; Size?: number }[]> {
    const wanted = { Bucket: this.#name, Prefix };
    for await (const page of s3.sdk.paginateListObjectsV2({ client: s3.client }, wanted)) {
      if (page.Contents?.length) yield page.Contents;
    }
  }

  /** By reading a byte, as a refusal tells its reason only to those who read. */
  async #head(
    s3: Connection,
    location: { Bucket: string; Key: string },
  ): Promise<{ size: number; etag: string | undefined } | undefined> {
    const opened = await openOnS3(s3, location, 1);
    return opened && { size: opened.object.byteLength, etag: opened.version.etag };
  }

  #noteEtag(key: string, etag: string | undefined): void {
    this.#etags.delete(key);
    this.#etags.set(key, etag);
    for (const oldest of this.#etags.keys()) {
      if (this.#etags.size <= MOST_ETAGS) break;
      this.#etags.delete(oldest);
    }
  }

  async #attempt<T>(
    operation: StorageOperation,
    key: string,
    action: (s3: Connection, location: { Bucket: string; Key: string }) => Promise<T>,
  ): Promise<T> {
    let s3: Connection | undefined;
    try {
      s3 = await (this.#connection ??= connect(this.#config));
      return await action(s3, { Bucket: this.#name, Key: key });
    } catch (error) {
      if (isFuseError(error)) throw error;
      const target = { bucket: this.#name, endpoint: s3?.endpoint };
      throw explainS3(operation, this.locationOf(key), error, target);
    }
  }
}
