/** Journals on S3, whose objects can't be added to: what this process writes is kept, and written anew as a whole. */

import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import type { Bucket } from "./_s3_bucket.ts";

// A long run's journal is written no more often than this, a short one's a little after each addition.
const LONGEST_PAUSE_MS = 2_000;
const PAUSE_SHARE = 0.1;

/** The journals that this process writes. */
export class Journals {
  readonly #bucket: Bucket;
  readonly #journals = new Map<string, Journal>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** Adds to the end of one; what it resolved for is stored. */
  append(key: string, text: string): Promise<void> {
    let journal = this.#journals.get(key);
    if (!journal) this.#journals.set(key, journal = new Journal(this.#bucket, key));
    return journal.append(text);
  }

  /** Forgets those whose keys begin with a prefix. */
  forget(prefix: string): void {
    for (const key of this.#journals.keys()) {
      if (key.startsWith(prefix)) this.#journals.delete(key);
    }
  }
}

class Journal {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  readonly #startedMs = performance.now();
  #writtenMs = -Infinity;
  #isFound = false;
  /** The writing that begins next, which takes along what is added until then. */
  #next: Promise<void> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(bucket: Bucket, key: string) {
    this.#bucket = bucket;
    this.#key = key;
  }

  append(text: string): Promise<void> {
    this.#chunks.push(Buffer.from(text));
    if (!this.#next) {
      const before = this.#last;
      this.#next = this.#write(before);
      this.#last = this.#next.catch(() => {});
    }
    return this.#next;
  }

  async #write(before: Promise<unknown>): Promise<void> {
    await before;
    await this.#findBeginning();
    const pauseMs = Math.min(
      LONGEST_PAUSE_MS,
      (performance.now() - this.#startedMs) * PAUSE_SHARE,
    );
    const waitMs = this.#writtenMs + pauseMs - performance.now();
    if (waitMs > 0) await delay(waitMs);
    this.#next = undefined;
    const written = this.#bucket.put(this.#key, [Buffer.concat(this.#chunks)]);
    await written.finally(() => this.#writtenMs = performance.now());
  }

  /** What an earlier process wrote stays where it is. */
  async #findBeginning(): Promise<void> {
    if (this.#isFound) return;
    const object = await this.#bucket.open(this.#key);
    if (object) this.#chunks.unshift(new Uint8Array(await object.read(0, object.byteLength)));
    this.#isFound = true;
  }
}
