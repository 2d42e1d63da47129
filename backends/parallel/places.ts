/** Which workers hold which values. */

import type { PoolWorker } from "./worker.ts";

/** The places of all nodes' values. */
export class Places {
  /** Of each node, one more than the number of the worker that holds its value; 0 if none does. */
  readonly #holders: Int32Array;
  /** Of each node, one more than the number of the worker that made its value latest. */
  readonly #makers: Int32Array;
  /** Of each node that was sent and not reported, one more than the number of the worker. */
  readonly #sentTo: Int32Array;
  /** Of values that several workers hold, the others. */
  readonly #copies = new Map<number, Set<PoolWorker>>();
  /** Sizes in bytes of large values. */
  readonly #sizes = new Map<number, number>();
  readonly #workers: readonly PoolWorker[];
  /** Of each value that can't be sent, why. */
  readonly stuck = new Map<number, string>();

  constructor(count: number, workers: readonly PoolWorker[]) {
    this.#holders = new Int32Array(count);
    this.#sentTo = new Int32Array(count);
    this.#makers = new Int32Array(count);
    this.#workers = workers;
  }

  /** A worker that is alive and holds the value. */
  holderOf(i: number): PoolWorker | undefined {
    const holder = this.#holders[i] === 0 ? undefined : this.#workers[this.#holders[i] - 1];
    if (holder?.isAlive) return holder;
    return this.#copies.size > 0 ? this.#copies.get(i)?.values().find((w) => w.isAlive) : undefined;
  }

  /** The name of the worker that made the value; `undefined` for the host. */
  makerOf(i: number): string | undefined {
    return this.#makers[i] === 0 ? undefined : `worker ${this.#makers[i]}`;
  }

  isAt(i: number, worker: PoolWorker): boolean {
    return this.#holders[i] === worker.id + 1 ||
      (this.#copies.size > 0 && this.#copies.get(i)?.has(worker) === true);
  }

  /** Whether the worker holds the value, or will when it comes to what it is sent next. */
  willBeAt(i: number, worker: PoolWorker): boolean {
    return this.#sentTo[i] === worker.id + 1 || this.isAt(i, worker);
  }

  /** The worker that a node was sent to and that has not reported it. */
  sentTo(i: number): PoolWorker | undefined {
    return this.#sentTo[i] === 0 ? undefined : this.#workers[this.#sentTo[i] - 1];
  }

  /** A node has been sent to a worker, or is with none any more. */
  sent(i: number, worker: PoolWorker | undefined): void {
    this.#sentTo[i] = worker ? worker.id + 1 : 0;
  }

  sizeOf(i: number): number {
    return this.#sizes.size > 0 ? this.#sizes.get(i) ?? 0 : 0;
  }

  /** A node's value has been made by a worker. */
  made(i: number, worker: PoolWorker, bytes: number): void {
    const LARGE = 4_096;
    this.#holders[i] = this.#makers[i] = worker.id + 1;
    this.#sentTo[i] = 0;
    if (this.#copies.size > 0) this.#copies.delete(i);
    if (this.stuck.size > 0) this.stuck.delete(i);
    if (bytes > LARGE) this.#sizes.set(i, bytes);
  }

  /** A value has been copied to a worker. */
  copied(i: number, worker: PoolWorker): void {
    if (this.holderOf(i) === undefined) {
      this.#holders[i] = worker.id + 1;
      return;
    }
    const copies = this.#copies.get(i);
    if (copies) copies.add(worker);
    else this.#copies.set(i, new Set([worker]));
  }

  /** A worker has handed its value over. */
  left(i: number): void {
    this.#holders[i] = 0;
  }

  /** Nobody needs the value any more: those who hold it let go of it. */
  release(i: number): void {
    const holder = this.#holders[i];
    if (holder !== 0) this.#workers[holder - 1].release(i);
    this.#holders[i] = 0;
    if (this.#copies.size > 0) {
      for (const worker of this.#copies.get(i) ?? []) worker.release(i);
      this.#copies.delete(i);
    }
    if (this.#sizes.size > 0) this.#sizes.delete(i);
    if (this.stuck.size > 0) this.stuck.delete(i);
  }
}
