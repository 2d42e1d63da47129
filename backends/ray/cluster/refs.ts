/** Which values lie in Ray's object store, as far as the run needs them there. */

import type { DriverLink } from "./driver_link.ts";
import { encodeValue } from "./wire.ts";

// Smaller values wait for company before they are dropped.
const LARGE_BYTES = 1024 * 1024;
const MOST_DROPPED = 256;

/** The values of one run. */
export class Refs {
  readonly #link: DriverLink;
  /** With their sizes in bytes. */
  readonly #held = new Map<number, number>();
  readonly #dropped = new Set<number>();
  #hasLarge = false;

  constructor(link: DriverLink) {
    this.#link = link;
  }

  has(i: number): boolean {
    return this.#held.has(i);
  }

  /** A node's value has been kept there. */
  add(i: number, bytes: number): void {
    this.#held.set(i, bytes);
  }

  /** Puts a value that the host has there. */
  put(i: number, value: unknown): void {
    this.expect([i]);
    const pieces = encodeValue(value);
    this.#link.send({ op: "put", node: i }, pieces);
    this.add(i, pieces.reduce((sum, { byteLength }) => sum + byteLength, 0));
  }

  /** It is gone. */
  lost(i: number): void {
    this.#held.delete(i);
  }

  /** Nobody needs the value there any more. */
  drop(i: number): void {
    const bytes = this.#held.get(i);
    if (bytes === undefined) return;
    this.#held.delete(i);
    this.#dropped.add(i);
    if (bytes >= LARGE_BYTES) this.#hasLarge = true;
  }

  /** New values of nodes are about to be kept: what was there before must not be dropped after that. */
  expect(nodes: readonly number[]): void {
    if (this.#dropped.size > 0 && nodes.some((i) => this.#dropped.has(i))) this.#flush();
  }

  /** Tells the driver what is not needed any more, if it is worth it. */
  tidy(): void {
    if (this.#hasLarge || this.#dropped.size >= MOST_DROPPED) this.#flush();
  }

  #flush(): void {
    if (this.#dropped.size === 0) return;
    this.#link.send({ op: "drop", nodes: [...this.#dropped] });
    this.#dropped.clear();
    this.#hasLarge = false;
  }

  /** The run is over. */
  close(): void {
    for (const i of [...this.#held.keys()]) this.drop(i);
    this.#flush();
  }
}
