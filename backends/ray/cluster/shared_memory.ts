/**
 * Memory that node.ts has in common with others: a file of its worker's, into which large parts of results are copied, and
 * Ray's object store, whose values are mapped instead of being copied.
 *
 * Mapped memory is private: who writes to it writes to a copy of his own. Python keeps the value where it is for as long as
 * it can be seen here.
 */

import v8 from "node:v8";
import vm from "node:vm";
import { addressOf, bufferAt, openFile, type Pointer, type System } from "./system.ts";

/** Smaller parts travel through the pipe. */
export const SHARED_BYTES = 1 << 20;

/** A part that lies in a file: from where on, and how long it is. */
export type Span = readonly [offset: number, bytes: number];

const [READ_WRITE, SHARED, PRIVATE] = [3, 1, 2];
const [OPEN_TO_READ, OPEN_TO_WRITE] = [0, 2];
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
  readonly #outbox: number;
  /** The beginning of the outbox. */
  #window: { readonly pointer: Pointer; readonly bytes: Uint8Array } | undefined;
  readonly #files = new Map<string, number>();
  #mappings: Mapping[] = [];
  /** What a run can see: nothing of it is let go of before the run is over. */
  #visible: ArrayBuffer[] = [];
  #hasNew = false;

  /**
   * @param outbox The path of the worker's file.
   * @throws {Error} If memory can't be shared.
   */
  constructor(system: System, outbox: string) {
    this.#system = system;
    this.#outbox = openFile(system, outbox, OPEN_TO_WRITE);
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
   * Copies parts to the outbox, in the place of what was there; gives where each is.
   *
   * @param kept So many bytes of the outbox have memory, from its beginning.
   */
  put(parts: readonly Uint8Array[], kept: number): Span[] {
    let end = 0;
    const spans = parts.map(({ byteLength }): Span => {
      const offset = end;
      end = Math.ceil((offset + byteLength) / PAGE_BYTES) * PAGE_BYTES;
      return [offset, byteLength];
    });
    parts.forEach((part, at) => this.#write(part, spans[at][0], kept));
    return spans;
  }

  /** Memory that is there is fastest filled where it is mapped, new memory by the system. */
  #write(part: Uint8Array, offset: number, kept: number): void {
    let at = Math.max(0, Math.min(part.byteLength, kept - offset));
    if (at > 0) this.#open(kept).set(part.subarray(0, at), offset);
    while (at < part.byteLength) {
      const rest = part.subarray(at);
      const [size, place] = [BigInt(rest.byteLength), BigInt(offset + at)];
      const written = Number(this.#system.pwrite(this.#outbox, rest, size, place));
      if (written <= 0) throw new Error(`${size} bytes can't be shared with the worker.`);
      at += written;
    }
  }

  /** At least so many bytes of the outbox, which doesn't become shorter. */
  #open(bytes: number): Uint8Array {
    const before = this.#window;
    if (before && before.bytes.byteLength >= bytes) return before.bytes;
    if (before) this.#system.munmap(before.pointer, BigInt(before.bytes.byteLength));
    this.#window = undefined;
    const pointer = this.#map(this.#outbox, 0, bytes, SHARED);
    this.#window = { pointer, bytes: new Uint8Array(bufferAt(pointer, bytes)) };
    return this.#window.bytes;
  }

  /** A part of a file as it is, until `end` says that `pin` is not seen any more. */
  see(path: string, [offset, bytes]: Span, pin: number): Uint8Array {
    let file = this.#files.get(path);
    if (file === undefined) {
      this.#files.set(path, file = openFile(this.#system, path, OPEN_TO_READ));
    }
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
