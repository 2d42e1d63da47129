/** A place for what serializers write: the keys below one. */

import type { Bucket } from "./_s3_bucket.ts";
import { checkedName } from "./_places.ts";
import type { Place } from "./object_store.ts";

/** A place in a bucket. */
export class S3Place implements Place {
  readonly path = undefined;
  readonly location: string;
  readonly #bucket: Bucket;
  readonly #prefix: string;

  /** `prefix` ends with a slash. */
  constructor(bucket: Bucket, prefix: string) {
    this.location = bucket.locationOf(prefix.slice(0, -1));
    this.#bucket = bucket;
    this.#prefix = prefix;
  }

  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#bucket.put(this.#key(name), [bytes]);
  }

  async size(name: string): Promise<number | undefined> {
    return await this.#bucket.size(this.#key(name));
  }

  async read(
    name: string,
    range?: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const key = this.#key(name);
    if (range) return await this.#bucket.readRange(key, range);
    const object = await this.#bucket.open(key);
    return object && new Uint8Array(await object.read(0, object.byteLength));
  }

  async list(): Promise<Map<string, number>> {
    const sizes = await this.#bucket.listAll(this.#prefix);
    return new Map([...sizes].map(([key, size]) => [key.slice(this.#prefix.length), size]));
  }

  async remove(): Promise<void> {
    await this.#bucket.removeAll(this.#prefix);
  }

  #key(name: string): string {
    return this.#prefix + checkedName(name);
  }
}
