/** A storage in a folder of files. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { explainDenied } from "../core/denied.ts";
import type { StorageOperation, StorageReason } from "../core/errors.ts";
import type { StorageSpec } from "../core/storage.ts";
import { checkedName, FilePlace } from "./_places.ts";
import { type ObjectStore, openBytes, type OpenObject, type Place } from "./object_store.ts";
import { storageError } from "./_errors.ts";
import { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";

/** Options of {@link FileStorage}. */
export interface FileStorageOptions extends TaskStorageOptions {
  /** The folder; it is made when first written to. */
  path: string;
}

/**
 * Keeps results in files, a folder for each workflow.
 *
 * Each value is a file of its own that appears at once and whole, so that a killed process leaves only whole values, and
 * several processes can use one folder.
 */
export class FileStorage extends TaskStorage {
  /**
   * A storage in the folder `path`.
   *
   * @throws {TypeError} If `path` is no text, or empty.
   */
  constructor(options: FileStorageOptions) {
    if (typeof options?.path !== "string" || options.path === "") {
      throw new TypeError(
        `Cannot make a file storage as 'path' must be a text of at least one character: current value is ${
          JSON.stringify(options?.path)
        }.`,
      );
    }
    super(new FileObjects(options.path), options);
  }
}

// Small files are written and read in one piece.
const SMALL_BYTES = 64 * 1024;
// Used from one moment to the next only: clearing a new one would take longer than reading.
const SCRATCH = new Uint8Array(SMALL_BYTES);
// What systems read at once is limited.
const LONGEST_READ_BYTES = 1024 * 1024 * 1024;
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1_000;

/** Objects in files. */
export class FileObjects implements ObjectStore {
  readonly location: string;
  readonly #root: string;

  constructor(path: string) {
    this.location = path;
    this.#root = resolve(path);
  }

  get spec(): StorageSpec {
    return { kind: "file", options: { path: this.#root } };
  }

  prepare(folder: string): Promise<void> {
    return this.#attempt("open", this.#root, () => {
      const path = join(this.#root, folder);
      fs.mkdirSync(path, { recursive: true });
      tryWriting(path);
      removeLeftovers(path);
    });
  }

  put(folder: string, name: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    const path = join(this.#root, folder, name);
    const temporary = join(this.#root, folder, temporaryName());
    // In place, as the chunks are still the user's values, which the next node may change.
    return this.#attempt("save", path, () => {
      try {
        this.#inFolder(folder, () => writeChunks(temporary, chunks));
        fs.renameSync(temporary, path);
      } catch (error) {
        fs.rmSync(temporary, { force: true });
        throw error;
      }
    });
  }

  open(folder: string, name: string): Promise<OpenObject | undefined> {
    const path = join(this.#root, folder, name);
    return this.#attempt("read", path, () => {
      // Opened before anything is asked of it: whatever is written meanwhile is another file.
      const file = openIfThere(path);
      if (file === undefined) return undefined;
      try {
        // A small file is read at once, which costs less than asking for its size.
        const count = fs.readSync(file, SCRATCH, 0, SMALL_BYTES, 0);
        if (count < SMALL_BYTES) {
          fs.closeSync(file);
          return openBytes(SCRATCH.slice(0, count));
        }
        return this.#openLarge(path, file);
      } catch (error) {
        fs.closeSync(file);
        throw error;
      }
    });
  }

  #openLarge(path: string, file: number): OpenObject {
    return {
      byteLength: fs.fstatSync(file).size,
      read: (offset, length) => this.#attempt("read", path, () => readRange(file, offset, length)),
      close: () => Promise.resolve(fs.closeSync(file)),
    };
  }

  has(folder: string, name: string): Promise<boolean> {
    return Promise.resolve(fs.existsSync(join(this.#root, folder, name)));
  }

  list(folder: string): Promise<string[]> {
    const path = join(this.#root, folder);
    return this.#attempt("list", path, () => readdir(path).catch(ifMissing([])));
  }

  listFolders(): Promise<string[]> {
    return this.#attempt("list", this.#root, async () => {
      const entries = await readdir(this.#root, { withFileTypes: true }).catch(ifMissing([]));
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    });
  }

  rename(folder: string, from: string, to: string): Promise<void> {
    const path = join(this.#root, folder, from);
    return this.#attempt(
      "save",
      path,
      () => rename(path, join(this.#root, folder, to)).catch(ifMissing(undefined)),
    );
  }

  remove(folder: string, name: string): Promise<boolean> {
    const path = join(this.#root, folder, name);
    return this.#attempt("remove", path, () => rm(path).then(() => true, ifMissing(false)));
  }

  removeFolder(folder: string): Promise<boolean> {
    const path = join(this.#root, folder);
    return this.#attempt(
      "remove",
      path,
      () => rm(path, { recursive: true }).then(() => true, ifMissing(false)),
    );
  }

  append(folder: string, name: string, text: string): Promise<void> {
    const path = join(this.#root, folder, name);
    return this.#attempt("save", path, () => {
      this.#inFolder(folder, () => fs.appendFileSync(path, text));
    });
  }

  /** Writes to a folder, which is made if it is not there: to ask each time would cost as much as writing. */
  #inFolder(folder: string, write: () => void): void {
    try {
      write();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      fs.mkdirSync(join(this.#root, folder), { recursive: true });
      write();
    }
  }

  hasPlace(folder: string, name: string): boolean {
    return fs.existsSync(join(this.#root, folder, name));
  }

  place(folder: string, name: string): Place {
    return new FilePlace(
      join(this.#root, folder, checkedName(name)),
      (operation, path, action) => this.#attempt(operation, path, action),
    );
  }

  async #attempt<T>(
    operation: StorageOperation,
    path: string,
    action: () => T | Promise<T>,
  ): Promise<T> {
    try {
      return await action();
    } catch (error) {
      const denied = explainDenied(error, { write: this.location });
      const [reason, advice] = denied
        ? ["denied", denied] as const
        : explain(error as NodeJS.ErrnoException);
      throw storageError(
        operation,
        reason,
        path,
        `Cannot ${operation} ${reason === "unavailable" ? fileIn(path) : path}: ${advice}` +
          (operation === "save" ? " What was saved before is still there." : ""),
        error,
      );
    }
  }
}

const temporaryName = () => `.${randomBytes(12).toString("hex")}.tmp`;

/** By a file, as asking for rights takes another permission in Deno, and does not know of all that may hinder. */
function tryWriting(folder: string): void {
  const path = join(folder, temporaryName());
  fs.writeFileSync(path, "");
  fs.rmSync(path);
}

/** What killed processes left half-written; a file of a process that still lives is younger. */
function removeLeftovers(folder: string): void {
  const oldest = Date.now() - LEFTOVER_AGE_MS;
  for (const name of fs.readdirSync(folder)) {
    if (!/^\.[0-9a-f]{24}\.tmp$/.test(name)) continue;
    const path = join(folder, name);
    const found = fs.statSync(path, { throwIfNoEntry: false });
    if (found && found.mtimeMs < oldest) fs.rmSync(path, { force: true });
  }
}

function writeChunks(path: string, chunks: readonly Uint8Array<ArrayBuffer>[]): void {
  const byteLength = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  if (byteLength <= SMALL_BYTES) return fs.writeFileSync(path, Buffer.concat(chunks));
  const file = fs.openSync(path, "w");
  try {
    for (const chunk of chunks) fs.writeFileSync(file, chunk);
  } finally {
    fs.closeSync(file);
  }
}

async function readRange(file: number, offset: number, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = await readSome(file, bytes, done, offset + done);
    // Cut off meanwhile; the checksum will say so.
    if (count === 0) break;
    done += count;
  }
  return bytes.buffer;
}

const readSome = (file: number, into: Uint8Array, at: number, from: number) =>
  new Promise<number>((resolve, reject) => {
    const length = Math.min(into.length - at, LONGEST_READ_BYTES);
    fs.read(file, into, at, length, from, (error, count) => error ? reject(error) : resolve(count));
  });

function openIfThere(path: string): number | undefined {
  try {
    return fs.openSync(path, "r");
  } catch (error) {
    return ifMissing(undefined)(error as NodeJS.ErrnoException);
  }
}

function ifMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
}

/** The part of a path that is a file, if others are said to be in it: that is what has to be named. */
function fileIn(path: string): string {
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    if (fs.existsSync(at)) return fs.statSync(at).isFile() ? at : path;
  }
  return path;
}

function explain(error: NodeJS.ErrnoException): [StorageReason, string] {
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return ["full", "the disk is full. Make room, or choose another folder, and run again."];
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return [
        "denied",
        "this user may not write or read there. Change the folder's rights, or choose another one.",
      ];
    case "ENOTDIR":
    case "EEXIST":
      return [
        "unavailable",
        "there is a file where a folder must be. Choose another folder.",
      ];
    case "EISDIR":
      return [
        "unavailable",
        "there is a folder where a file must be. Remove it, or give it another name.",
      ];
    default:
      return ["unavailable", `${error.message}.`];
  }
}
