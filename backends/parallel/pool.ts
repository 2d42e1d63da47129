/** The workers of one run: started when there is work for them, replaced when they die. */

import type { LoadItem } from "../../core/protocol.ts";
import type { OpenLink } from "./link.ts";
import { PoolWorker, type WorkerEvents } from "./worker.ts";

/** What a pool is made with. */
export interface PoolOptions {
  /** How many workers there are usually: as many as there are CPUs to be used. */
  readonly size: number;
  readonly items: readonly LoadItem[];
  readonly open: OpenLink;
  /** For nodes with a time limit, where the usual workers can't be stopped. */
  readonly openStoppable: OpenLink | undefined;
}

// Nodes that need less than a CPU can be more than there are CPUs; each has a worker.
const MOST_PER_CPU = 8;

/** The pool. */
export class Pool {
  /** All workers that there ever were, by their numbers; those that are gone are not alive. */
  readonly workers: PoolWorker[] = [];
  readonly #options: PoolOptions;
  events!: WorkerEvents;
  isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Starts workers for so many nodes that wait, as far as there may be more. */
  grow(isLimited: boolean, waiting: number): void {
    const { size, open, openStoppable } = this.#options;
    const isStoppable = isLimited && openStoppable !== undefined;
    const isOfKind = (worker: PoolWorker) =>
      worker.isAlive && (openStoppable === undefined || worker.canStop === isStoppable);
    const alive = this.workers.filter(isOfKind);
    const starting = alive.filter((worker) => !worker.isReady).length;
    const canBeMore = starting === 0 && alive.length < MOST_PER_CPU * size;
    const room = alive.length < size ? size - alive.length : canBeMore ? 1 : 0;
    for (let count = Math.min(room, waiting - starting); count > 0; count--) {
      const id = this.workers.length;
      const canStop = isStoppable || openStoppable === undefined;
      const worker = new PoolWorker(id, canStop, isStoppable ? openStoppable : open, this.events);
      this.workers.push(worker);
      worker.post({ type: "load", items: this.#options.items });
    }
  }

  /** Ends all workers. */
  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all(this.workers.filter(({ isAlive }) => isAlive).map((worker) => worker.kill()));
  }
}
