/**
 * Places whose contents are known to the byte: what is read from them is what was written, or it is an error. Formats that
 * take a missing file for zeros, or that have no checksums, are safe in them too.
 */

import { createHash } from "node:crypto";
import { CodecError } from "../core/errors.ts";
import type { Place } from "./object_store.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Range = { offset: number; length: number };

/** A file as it was written: its name, its size in bytes, and the digests of its blocks, one after the other. */
export type SealedFile = readonly [name: string, bytes: number, digests: string];

// A range that is read is read with the rest of its blocks, to be checked: larger blocks cost reading, smaller ones digests.
const BLOCK_BYTES = 1024 * 1024;
// Of SHA-256, enough for 128 bits.
const DIGEST_BYTES = 16;

/** A place that notes what is written to it. */
export class RecordingPlace implements Place {
  readonly path: string | undefined;
  readonly location: string;
  readonly #place: Place;
  readonly #files = new Map<string, SealedFile>();

  constructor(place: Place) {
    this.#place = place;
    this.path = place.path;
    this.location = place.location;
  }

  async write(name: string, bytes: Bytes): Promise<void> {
    this.#files.set(name, [name, bytes.length, digestsOf(bytes)]);
    await this.#place.write(name, bytes);
  }

  size(name: string): Promise<number | undefined> {
    return this.#place.size(name);
  }

  read(name: string, range?: Range): Promise<Bytes | undefined> {
    return this.#place.read(name, range);
  }

  list(): Promise<Map<string, number>> {
    return this.#place.list();
  }

  async remove(): Promise<void> {
    this.#files.clear();
    await this.#place.remove();
  }

  /** All files, sorted by name: also those that libraries have written to the folder by themselves. */
  async seal(): Promise<SealedFile[]> {
    const found = this.path === undefined ? new Map<string, number>() : await this.#place.list();
    for (const [name, bytes] of found) {
      if (this.#files.get(name)?.[1] !== bytes) {
        this.#files.set(name, [name, bytes, await this.#readDigests(name, bytes)]);
      }
    }
    return [...this.#files.values()].sort(([a], [b]) => a < b ? -1 : 1);
  }

  async #readDigests(name: string, bytes: number): Promise<string> {
    let digests = "";
    for (let offset = 0; offset < bytes; offset += BLOCK_BYTES) {
      const block = await this.#place.read(name, { offset, length: BLOCK_BYTES });
      digests += digestsOf(block ?? new Uint8Array());
    }
    return digests;
  }
}

/** A place that is read only, and whose files are checked. */
export class SealedPlace implements Place {
  readonly path: string | undefined;
  readonly location: string;
  readonly digest: string;
  readonly #place: Place;
  readonly #files: ReadonlyMap<string, SealedFile>;
  readonly #setAside: (() => Promise<boolean>) | undefined;

  /** `setAside` sets the whole value aside, whose part this is, and gives whether it did. */
  constructor(place: Place, files: readonly SealedFile[], setAside?: () => Promise<boolean>) {
    this.#place = place;
    this.#setAside = setAside;
    this.path = place.path;
    this.location = place.location;
    this.digest = createHash("sha256").update(JSON.stringify(files)).digest("hex");
    this.#files = new Map(files.map((file) => [file[0], file]));
  }

  /**
   * Looks whether all files are there, of the sizes that they had.
   *
   * @throws {CodecError} If one is not.
   */
  async check(): Promise<void> {
    const found = await this.#place.list();
    for (const [name, bytes] of this.#files.values()) {
      if (found.get(name) !== bytes) throw this.#bad(name, found.has(name));
    }
  }

  write(): Promise<void> {
    return Promise.reject(
      new TypeError(`Cannot write to ${this.location} as what is stored there is complete.`),
    );
  }

  size(name: string): Promise<number | undefined> {
    return Promise.resolve(this.#files.get(name)?.[1]);
  }

  async read(name: string, range?: Range): Promise<Bytes | undefined> {
    const file = this.#files.get(name);
    if (!file) return undefined;
    const [, size, digests] = file;
    const start = Math.min(range?.offset ?? 0, size);
    const end = Math.min(start + (range?.length ?? Infinity), size);
    if (start === end && range) return new Uint8Array();
    const first = Math.floor(start / BLOCK_BYTES);
    const offset = first * BLOCK_BYTES;
    const length = Math.min(Math.ceil(end / BLOCK_BYTES) * BLOCK_BYTES, size) - offset;
    const isWhole = length === size;
    const bytes = await this.#place.read(name, isWhole ? undefined : { offset, length });
    const expected = digests.slice(first * DIGEST_TEXT).slice(0, digestsLength(length));
    if (bytes?.length !== length || digestsOf(bytes) !== expected) {
      const { message } = this.#bad(name, bytes !== undefined);
      const isAside = await this.#setAside?.().catch(() => false);
      throw new CodecError(
        message + (isAside ? " The value was set aside: the next run computes it again." : ""),
      );
    }
    return start === offset && end === offset + length
      ? bytes
      : bytes.slice(start - offset, end - offset);
  }

  list(): Promise<Map<string, number>> {
    return Promise.resolve(new Map([...this.#files.values()].map(([name, size]) => [name, size])));
  }

  remove(): Promise<void> {
    return this.write();
  }

  #bad(name: string, isThere: boolean): CodecError {
    return new CodecError(
      isThere
        ? `The file ${name} in ${this.location} was altered.`
        : `The file ${name} in ${this.location} is not there any more.`,
    );
  }
}

// In hexadecimal digits.
const DIGEST_TEXT = DIGEST_BYTES * 2;

function digestsOf(bytes: Bytes): string {
  let digests = "";
  for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES) {
    const block = bytes.subarray(offset, offset + BLOCK_BYTES);
    digests += createHash("sha256").update(block).digest("hex").slice(0, DIGEST_TEXT);
  }
  return digests;
}

function digestsLength(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * DIGEST_TEXT;
}
