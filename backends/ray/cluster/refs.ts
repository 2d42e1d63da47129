/** Which values lie in Ray's object store, as far as the run needs them there. */

import type { DriverLink } from "./driver_link.ts";
import { encodeValue } from "./wire.ts";

/** The values of one run. */
export class Refs {
  readonly #link: DriverLink;
  readonly #held = new Set<number>();
  #dropped: number[] = [];

  constructor(link: DriverLink) {
    this.#link = link;
  }

  has(i: number): boolean {
    return this.#held.has(i);
  }

  /** A node's value has been kept there. */
  add(i: number): void {
    this.#held.add(i);
  }

  /** Puts a value that the host has there. */
  put(i: number, value: unknown): void {
    // A value of before must not be dropped after this one has taken its place.
    this.flush();
    this.#link.send({ op: "put", node: i }, encodeValue(value));
    this.#held.add(i);
  }

  /** It is gone, or nobody can have it. */
  lost(i: number): void {
    this.#held.delete(i);
  }

  /** Nobody needs the value there any more. */
  drop(i: number): void {
    if (this.#held.delete(i)) this.#dropped.push(i);
  }

  /** Tells the driver what is not needed any more. */
  flush(): void {
    if (this.#dropped.length === 0) return;
    this.#link.send({ op: "drop", nodes: this.#dropped });
    this.#dropped = [];
  }

  /** The run is over. */
  close(): void {
    for (const i of [...this.#held]) this.drop(i);
    this.flush();
  }
}
