/** Objects on another machine of a Ray cluster: each operation is a request to the program that is there. */

import { Buffer } from "node:buffer";
import { isFuseError, type StorageOperation } from "../core/errors.ts";
import type { StorageSpec } from "../core/storage.ts";
import { storageError } from "./_errors.ts";
import { checkedName } from "./_places.ts";
import { type Body, PIECE_BYTES, type PlaceRequest } from "./_ray_messages.ts";
import type { PlaceServer } from "./_ray_server.ts";
import type { ObjectStore, OpenObject, Place } from "./object_store.ts";

/** The way to a place. */
export interface PlaceLink {
  /**
   * Hands requests on, and gives the answers.
   *
   * @throws {Error} Whose message says why there is no answer.
   */
  ask(requests: readonly PlaceRequest[]): Promise<(() => unknown)[]>;
}

type Ask = <M extends keyof PlaceServer>(
  method: M,
  ...args: Parameters<PlaceServer[M]>
) => Promise<Awaited<ReturnType<PlaceServer[M]>>>;

const OPERATIONS: Readonly<Record<keyof PlaceServer, StorageOperation>> = {
  prepare: "open",
  send: "save",
  forget: "save",
  put: "save",
  open: "read",
  read: "read",
  close: "read",
  has: "read",
  list: "list",
  listFolders: "list",
  rename: "save",
  remove: "remove",
  removeFolder: "remove",
  append: "save",
  writeFile: "save",
  sizeOfFile: "read",
  readFile: "read",
  listFiles: "list",
  removeFiles: "remove",
};
// Several pieces are under way at a time, so that the way is never idle; but not all, as each takes memory.
const PIECES_AT_ONCE = 3;

/** Objects at a place. */
export class RayObjects implements ObjectStore {
  readonly location: string;
  readonly spec: StorageSpec;
  readonly #link: PlaceLink;

  constructor(location: string, spec: StorageSpec, link: PlaceLink) {
    this.location = location;
    this.spec = spec;
    this.#link = link;
  }

  prepare(folder: string): Promise<void> {
    return this.#ask("prepare", folder);
  }

  put(folder: string, name: string, chunks: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
    // Copied at once, as the chunks may change.
    const bytes = new Uint8Array(Buffer.concat(chunks));
    return this.#send(bytes, (body) => this.#ask("put", folder, name, body));
  }

  async open(folder: string, name: string): Promise<OpenObject | undefined> {
    const opened = await this.#ask("open", folder, name);
    if (!opened) return undefined;
    const { byteLength, start, handle } = opened;
    return {
      byteLength,
      read: async (offset, length) => {
        if (handle === undefined || offset + length <= start.length) {
          return start.slice(offset, offset + length).buffer;
        }
        const all = await readPieces(
          length,
          (from, most) => this.#ask("read", handle, offset + from, most),
        );
        return all.buffer;
      },
      close: async () => {
        if (handle !== undefined) await this.#ask("close", handle);
      },
    };
  }

  has(folder: string, name: string): Promise<boolean> {
    return this.#ask("has", folder, name);
  }

  list(folder: string): Promise<string[]> {
    return this.#ask("list", folder);
  }

  listFolders(): Promise<string[]> {
    return this.#ask("listFolders");
  }

  rename(folder: string, from: string, to: string): Promise<void> {
    return this.#ask("rename", folder, from, to);
  }

  remove(folder: string, name: string): Promise<boolean> {
    return this.#ask("remove", folder, name);
  }

  removeFolder(folder: string): Promise<boolean> {
    return this.#ask("removeFolder", folder);
  }

  append(folder: string, name: string, text: string): Promise<void> {
    return this.#ask("append", folder, name, text);
  }

  place(folder: string, name: string): Place {
    const location = `${this.location.split("?")[0]}/${folder}/${name}`;
    checkedName(name);
    return {
      path: undefined,
      location,
      write: (file, bytes) =>
        this.#send(
          new Uint8Array(bytes),
          (body) => this.#ask("writeFile", folder, name, checkedName(file), body),
        ),
      size: (file) => this.#ask("sizeOfFile", folder, name, checkedName(file)),
      read: async (file, range) => {
        checkedName(file);
        const size = range ? range.length : await this.#ask("sizeOfFile", folder, name, file);
        if (size === undefined) return undefined;
        let isThere = true;
        const all = await readPieces(size, async (from, length) => {
          const offset = (range?.offset ?? 0) + from;
          const piece = await this.#ask("readFile", folder, name, file, { offset, length });
          isThere &&= piece !== undefined;
          return piece ?? new Uint8Array();
        });
        return isThere ? all : undefined;
      },
      list: () => this.#ask("listFiles", folder, name),
      remove: () => this.#ask("removeFiles", folder, name),
    };
  }

  /** Sends bytes that are large ahead, in pieces; then `use` says what they are for. */
  async #send(bytes: Uint8Array<ArrayBuffer>, use: (body: Body) => Promise<void>): Promise<void> {
    if (bytes.length <= PIECE_BYTES) return await use(bytes);
    const upload = crypto.getRandomValues(new Uint32Array(1))[0];
    try {
      await forEachPiece(bytes.length, async (offset, length) => {
        const piece = bytes.slice(offset, offset + length);
        await this.#ask("send", upload, offset / PIECE_BYTES, piece);
      });
      await use({ upload, byteLength: bytes.length });
    } catch (error) {
      await this.#ask("forget", upload).catch(() => {});
      throw error;
    }
  }

  readonly #ask: Ask = async (method, ...args) => {
    let answer: () => unknown;
    try {
      [answer] = await this.#link.ask([[method, ...args]]);
    } catch (error) {
      if (isFuseError(error, "StorageError")) throw error;
      const operation = OPERATIONS[method];
      throw storageError(
        operation,
        "unavailable",
        this.location,
        `Cannot ${operation} ${this.location}: ${(error as Error).message}`,
        error,
      );
    }
    return answer() as never;
  };
}

/** Goes through something long in pieces. */
async function forEachPiece(
  byteLength: number,
  action: (offset: number, length: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const goOn = async () => {
    while (next < byteLength) {
      const offset = next;
      next += PIECE_BYTES;
      await action(offset, Math.min(PIECE_BYTES, byteLength - offset));
    }
  };
  await Promise.all(Array.from({ length: PIECES_AT_ONCE }, goOn));
}

/** Reads something in pieces; it is shorter if there is no more. */
async function readPieces(
  byteLength: number,
  read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  if (byteLength <= PIECE_BYTES) return await read(0, byteLength);
  const all = new Uint8Array(byteLength);
  let end = byteLength;
  await forEachPiece(byteLength, async (offset, length) => {
    const piece = await read(offset, length);
    all.set(piece, offset);
    if (piece.length < length) end = Math.min(end, offset + piece.length);
  });
  return end < byteLength ? all.slice(0, end) : all;
}
