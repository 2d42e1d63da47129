/** What a kind of storage brings: a place for whole objects under keys. Everything else is the same for all. */

import type { StorageSpec } from "../core/storage.ts";

/** An object that is open for reading. */
export interface OpenObject {
  /** Its size. */
  readonly byteLength: number;
  /** Reads a range into a buffer of its own. */
  read(offset: number, length: number): Promise<ArrayBuffer>;
  /** Ends the reading. */
  close(): Promise<void>;
}

/**
 * Keeps objects in folders, under names that are safe everywhere.
 *
 * A miss is `undefined` or `false`; what is thrown is a failure.
 */
export interface ObjectStore {
  /** Where the objects are, for messages. */
  readonly location: string;
  /**
   * The kind of storage, and the options by which another process reaches the same objects; without a secret.
   * @throws {UnsupportedError} If it can't, saying why.
   */
  readonly spec?: StorageSpec;
  /** Makes a folder ready to be written to. */
  prepare(folder: string): Promise<void>;
  /**
   * Writes an object as a whole: whoever reads sees the old one or the new one. The chunks are the caller's memory, which
   * may change after this returns: they are written or copied before.
   */
  put(folder: string, name: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void>;
  /** Opens an object for reading. */
  open(folder: string, name: string): Promise<OpenObject | undefined>;
  /** Whether there is an object. */
  has(folder: string, name: string): Promise<boolean>;
  /** The names of a folder's objects, in any order. */
  list(folder: string): Promise<string[]>;
  /** The names of all folders, in any order; also of some that are none of ours. */
  listFolders(): Promise<string[]>;
  /** Renames an object, if it is still there. */
  rename(folder: string, from: string, to: string): Promise<void>;
  /** Removes an object, and gives whether there was one. */
  remove(folder: string, name: string): Promise<boolean>;
  /** Removes a folder with all that is in it, and gives whether there was one. */
  removeFolder(folder: string): Promise<boolean>;
  /**
   * Adds to the end of an object that only one process writes; it need not be whole if that is killed. The object is a
   * journal: small, and never read while it is written by those who need all of it.
   */
  append(folder: string, name: string, text: string): Promise<void>;
  /** Whether there is a place, where that can be told at once: so that no value has to be copied while it is found out. */
  hasPlace?(folder: string, name: string): boolean;
  /** A place for files beside the objects of a folder; `list` does not give them. */
  place(folder: string, name: string): Place;
}

/**
 * A place of its own for what a serializer writes: files by names, which may have slashes.
 *
 * A miss is `undefined`; what is thrown is a failure.
 */
export interface Place {
  /** The real folder, where it is one: for libraries that open files by themselves. It is made by `write`. */
  readonly path: string | undefined;
  /** Where it is, for messages. */
  readonly location: string;
  /** What tells what is in it from anything else, where that is known: when something is loaded. */
  readonly digest?: string;
  /** Writes a file as a whole. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The size of a file in bytes. */
  size(name: string): Promise<number | undefined>;
  /** Reads a file, or a part of it. */
  read(
    name: string,
    range?: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** All files, in any order: their names, with their sizes in bytes. */
  list(): Promise<Map<string, number>>;
  /** Removes everything. */
  remove(): Promise<void>;
}

/** An object whose bytes are in memory already. */
export function openBytes(bytes: Uint8Array): OpenObject {
  return {
    byteLength: bytes.length,
    read: (offset, length) =>
      Promise.resolve(new Uint8Array(bytes.subarray(offset, offset + length)).buffer),
    close: () => Promise.resolve(),
  };
}
