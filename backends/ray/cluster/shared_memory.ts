/**
 * Ray's object store as memory that node.ts has in common with others: values are mapped instead of being copied, and large
 * parts of results are copied to where they are to be.
 *
 * What is mapped of values is private: who writes to it writes to a copy of his own. Python keeps the value where it is for as long as
 * it can be seen here.
 */

import v8 from "node:v8";
import vm from "node:vm";
import { addressOf, bufferAt, openFile, type Pointer, type System } from "./system.ts";

/** Smaller parts travel through the pipe. */
export const SHARED_BYTES = 1 << 20;

/** A part that lies in a file: from where on, and how long it is. */
export type Span = readonly [offset: number, bytes: number];

/** A file that is written to, as memory. */
interface Window {
  readonly pointer: Pointer;
  readonly bytes: number;
}
const [READ_WRITE, SHARED, PRIVATE] = [3, 1, 2];
const [OPEN_TO_READ, OPEN_TO_READ_AND_WRITE] = [0, 2];
/** What offsets are multiples of: the largest pages that Linux has. */
const PAGE_BYTES = 1 << 16;
const FAILED = 2n ** 64n - 1n;

interface Mapping {
  readonly pin: number;
  readonly pointer: Pointer;
  readonly bytes: number;
  readonly buffer: WeakRef<ArrayBuffer>;
}

/** What collects garbage at once; nodes don't see it. */
function exposeCollector(): () => void {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void;
  v8.setFlagsFromString("--no-expose-gc");
  return collect;
}

/** What can be shared with the worker's process. */
export class SharedMemory {
  readonly #system: System;
  readonly #collect = exposeCollector();
  readonly #windows = new Map<string, Window>();
  readonly #files = new Map<string, number>();
  #mappings: Mapping[] = [];
  /** What a run can see: nothing of it is let go of before the run is over. */
  #visible: ArrayBuffer[] = [];
  #hasNew = false;

  /** @throws {Error} If memory can't be shared. */
  constructor(system: System) {
    this.#system = system;
  }

  #map(file: number, offset: number, bytes: number, flags: number): Pointer {
    const size = BigInt(bytes);
    const pointer = this.#system.mmap(null, size, READ_WRITE, flags, file, BigInt(offset));
    if (addressOf(pointer) === FAILED) {
      throw new Error(`${bytes} bytes can't be mapped.`);
    }
    return pointer;
  }

  /**
   * Copies a part into a file of so many bytes. The file stays mapped, as that is what takes time.
   *
   * @throws {Error} If that is not possible.
   */
  copy(part: Uint8Array, path: string, fileBytes: number, offset: number): void {
    let window = this.#windows.get(path);
    if (window?.bytes !== fileBytes) {
      const file = this.#open(path, OPEN_TO_READ_AND_WRITE);
      const pointer = this.#map(file, 0, fileBytes, SHARED);
      if (window) this.#system.munmap(window.pointer, BigInt(window.bytes));
      this.#windows.set(path, window = { pointer, bytes: fileBytes });
    }
    new Uint8Array(bufferAt(window.pointer, part.byteLength, offset)).set(part);
  }

  #open(path: string, flags: number): number {
    const key = `${path} ${flags}`;
    let file = this.#files.get(key);
    if (file === undefined) this.#files.set(key, file = openFile(this.#system, path, flags));
    return file;
  }

  /** A part of a file as it is, until `end` says that `pin` is not seen any more. */
  see(path: string, [offset, bytes]: Span, pin: number): Uint8Array {
    const file = this.#open(path, OPEN_TO_READ);
    const before = offset % PAGE_BYTES;
    const pointer = this.#map(file, offset - before, before + bytes, PRIVATE);
    const buffer = bufferAt(pointer, bytes, before);
    this.#visible.push(buffer);
    this.#mappings.push({ pin, pointer, bytes: before + bytes, buffer: new WeakRef(buffer) });
    this.#hasNew = true;
    return new Uint8Array(buffer);
  }

  /** Whether something may be seen, so that `end` is to be called. */
  get isUsed(): boolean {
    return this.#mappings.length > 0;
  }

  /** A run begins. */
  begin(): void {
    for (const { buffer } of this.#mappings) {
      const kept = buffer.deref();
      if (kept) this.#visible.push(kept);
    }
  }

  /** A run is over, and what it saw may be let go of: gives the pins of what nobody sees any more. */
  async end(): Promise<number[]> {
    // What was handed over lives on as another buffer, of which nothing is known.
    const gone = new Set(this.#visible.filter((buffer) => buffer.detached));
    this.#mappings = this.#mappings.filter(({ buffer }) => !gone.has(buffer.deref()!));
    gone.clear();
    this.#visible = [];
    const hasNew = this.#hasNew;
    this.#hasNew = false;
    // What was looked at in this turn stays until the next one.
    await new Promise((done) => setImmediate(done));
    if (hasNew) this.#collect();
    const isSeen = ({ buffer }: Mapping) => buffer.deref() !== undefined;
    const unseen = this.#mappings.filter((mapping) => !isSeen(mapping));
    this.#mappings = this.#mappings.filter((mapping) => !unseen.includes(mapping));
    for (const { pointer, bytes } of unseen) this.#system.munmap(pointer, BigInt(bytes));
    return unseen.map(({ pin }) => pin);
  }
}
