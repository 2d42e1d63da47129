/** The values that a process holds for nodes that may run there, and what of them can be handed over to another process. */

import { type Bulk, findUnmovable, weigh } from "./movable.ts";

/** What is said of a value that is sent whole anyway, as it is small. */
export const SMALL = -1;
const LONGEST_SMALL_TEXT = 4_096;

/** Values by their nodes' numbers. */
export class Holdings {
  readonly values = new Map<number, unknown>();
  readonly #bulks = new Map<number, Bulk>();
  /** Of each large buffer, how many of the values it is part of: only one that is part of one can be handed over. */
  readonly #users = new Map<ArrayBuffer, number>();
  /** Values that something else may go on using: what an instance gave or was given. */
  readonly #pinned = new Set<number>();
  /** How many of the values have parts that were not looked at, and so may share any buffer. */
  #unseen = 0;

  /**
   * Keeps what a node gave. Tells its size in bytes, or `SMALL`.
   *
   * @throws {TypeError} If it is an array whose memory has been handed over.
   */
  keep(node: number, value: unknown, isPinned: boolean): number {
    if (ArrayBuffer.isView(value) && (value.buffer as ArrayBuffer).detached) throw handedOver();
    if (isPinned) this.#pinned.add(node);
    return this.put(node, value);
  }

  /** Holds a value that comes from elsewhere. */
  put(node: number, value: unknown): number {
    if (this.values.has(node)) this.release(node);
    this.values.set(node, value);
    if (isSmall(value)) return SMALL;
    const bulk = weigh(value);
    if (bulk.buffers.length > 0 || !bulk.isWhole) {
      this.#bulks.set(node, bulk);
      if (!bulk.isWhole) this.#unseen++;
      for (const buffer of bulk.buffers) {
        this.#users.set(buffer, (this.#users.get(buffer) ?? 0) + 1);
      }
    }
    return bulk.bytes;
  }

  /** Lets go of a value. */
  release(node: number): void {
    this.values.delete(node);
    this.#pinned.delete(node);
    const bulk = this.#bulks.get(node);
    if (!bulk) return;
    this.#bulks.delete(node);
    if (!bulk.isWhole) this.#unseen--;
    for (const buffer of bulk.buffers) {
      const users = this.#users.get(buffer)! - 1;
      if (users === 0) this.#users.delete(buffer);
      else this.#users.set(buffer, users);
    }
  }

  /** From now on nothing that is held is handed over: somebody else may go on using it. */
  pinAll(): void {
    for (const node of this.#bulks.keys()) this.#pinned.add(node);
  }

  /** A value to be sent, with what can be handed over of it if nobody here reads it any more; or why it can't be sent. */
  give(
    node: number,
    isLast: boolean,
  ): { value: unknown; handedOver: ArrayBuffer[] } | { problem: string } {
    if (!this.values.has(node)) return { problem: "it is gone" };
    const value = this.values.get(node);
    const problem = findUnmovable(value);
    if (problem !== undefined) return { problem };
    const buffers = this.#bulks.get(node)?.buffers ?? [];
    const isOwn = isLast && this.#unseen === 0 && !this.#pinned.has(node) &&
      buffers.every((buffer) => this.#users.get(buffer) === 1);
    if (isLast) this.release(node);
    return { value, handedOver: isOwn ? [...buffers] : [] };
  }
}

/** Whether a value is sent along with the news that it is there. */
export function isSmall(value: unknown): boolean {
  switch (typeof value) {
    case "object":
      return value === null;
    case "string":
      return value.length <= LONGEST_SMALL_TEXT;
    case "function":
    case "symbol":
      return false;
    default:
      return true;
  }
}

function handedOver(): TypeError {
  return new TypeError(
    "It returned an array that it had returned before, whose memory has been handed over to its reader: " +
      "return a copy, such as array.slice().",
  );
}
