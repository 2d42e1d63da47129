/** The far end of a storage on Ray: does with the files of its machine what it is asked for. */

import { storageError } from "./_errors.ts";
import { type Body, type Opened, PIECE_BYTES } from "./_ray_messages.ts";
import type { ObjectStore, OpenObject } from "./object_store.ts";

// So much of a larger object comes at once: its header is in it.
const START_BYTES = 64 * 1024;

/** Serves one place; each method may be asked for from elsewhere. */
export class PlaceServer {
  readonly #objects: ObjectStore;
  readonly #opened = new Map<number, OpenObject>();
  readonly #uploads = new Map<number, Uint8Array<ArrayBuffer>[]>();
  #latest = 0;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  prepare = (folder: string): Promise<void> => this.#objects.prepare(folder);

  /** Takes a piece of what a later request is about. */
  send = (upload: number, index: number, piece: Uint8Array<ArrayBuffer>): void => {
    const pieces = this.#uploads.get(upload);
    if (pieces) pieces[index] = piece;
    else this.#uploads.set(upload, Object.assign([], { [index]: piece }));
  };

  /** Forgets pieces that are not needed any more. */
  forget = (upload: number): void => {
    this.#uploads.delete(upload);
  };

  put = (folder: string, name: string, body: Body): Promise<void> =>
    this.#objects.put(folder, name, this.#piecesOf(body));

  open = async (folder: string, name: string): Promise<Opened | undefined> => {
    const object = await this.#objects.open(folder, name);
    if (!object) return undefined;
    const { byteLength } = object;
    const start = new Uint8Array(await object.read(0, Math.min(byteLength, START_BYTES)));
    if (byteLength <= START_BYTES) {
      await object.close();
      return { byteLength, start };
    }
    const handle = ++this.#latest;
    this.#opened.set(handle, object);
    return { byteLength, start, handle };
  };

  read = async (
    handle: number,
    offset: number,
    length: number,
  ): Promise<Uint8Array<ArrayBuffer>> => {
    const object = this.#opened.get(handle);
    if (object) return new Uint8Array(await object.read(offset, length));
    const { location } = this.#objects;
    throw storageError(
      "read",
      "unavailable",
      location,
      `Cannot read ${location}: the program that had opened it has come to an end meanwhile. Try again.`,
    );
  };

  close = async (handle: number): Promise<void> => {
    const object = this.#opened.get(handle);
    this.#opened.delete(handle);
    await object?.close();
  };

  has = (folder: string, name: string): Promise<boolean> => this.#objects.has(folder, name);

  list = (folder: string): Promise<string[]> => this.#objects.list(folder);

  listFolders = (): Promise<string[]> => this.#objects.listFolders();

  rename = (folder: string, from: string, to: string): Promise<void> =>
    this.#objects.rename(folder, from, to);

  remove = (folder: string, name: string): Promise<boolean> => this.#objects.remove(folder, name);

  removeFolder = (folder: string): Promise<boolean> => this.#objects.removeFolder(folder);

  append = (folder: string, name: string, text: string): Promise<void> =>
    this.#objects.append(folder, name, text);

  writeFile = async (folder: string, place: string, file: string, body: Body): Promise<void> => {
    const pieces = this.#piecesOf(body);
    const [whole] = pieces.length === 1 ? pieces : [joined(pieces)];
    await this.#objects.place(folder, place).write(file, whole);
  };

  sizeOfFile = (folder: string, place: string, file: string): Promise<number | undefined> =>
    this.#objects.place(folder, place).size(file);

  readFile = (
    folder: string,
    place: string,
    file: string,
    range: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> =>
    this.#objects.place(folder, place).read(file, {
      ...range,
      length: Math.min(range.length, PIECE_BYTES),
    });

  listFiles = (folder: string, place: string): Promise<Map<string, number>> =>
    this.#objects.place(folder, place).list();

  removeFiles = (folder: string, place: string): Promise<void> =>
    this.#objects.place(folder, place).remove();

  #piecesOf(body: Body): Uint8Array<ArrayBuffer>[] {
    if (body instanceof Uint8Array) return [body];
    const { upload, byteLength } = body;
    const pieces = this.#uploads.get(upload) ?? [];
    this.#uploads.delete(upload);
    if (sizeOf(pieces) === byteLength) return pieces;
    const { location } = this.#objects;
    throw storageError(
      "save",
      "unavailable",
      location,
      `Cannot save to ${location}: the program that had taken a part of it has come to an end meanwhile. Try again.`,
    );
  }
}

function sizeOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(sizeOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
