/** The workers of one run: started when there is work for them, replaced when they die. */

import type { LoadItem, ProgramItem } from "../../core/protocol.ts";
import type { OpenLink } from "./link.ts";
import { PoolWorker, type WorkerEvents } from "./worker.ts";

/** What a pool is made with. */
export interface PoolOptions {
  /** How many workers there are usually: as many as there are CPUs to be used. */
  readonly size: number;
  readonly items: readonly (LoadItem | ProgramItem)[];
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
    const { alive, starting } = this.#count(isStoppable);
    const canBeMore = starting === 0 && alive < MOST_PER_CPU * size;
    const room = alive < size ? size - alive : canBeMore ? 1 : 0;
    for (let count = Math.min(room, waiting - starting); count > 0; count--) {
      const id = this.workers.length;
      const canStop = isStoppable || openStoppable === undefined;
      const worker = new PoolWorker(id, canStop, isStoppable ? openStoppable : open, this.events);
      this.workers.push(worker);
      worker.post({ type: "load", items: this.#options.items });
    }
  }

  /** Whether there are, or will be, more workers than those that are ready. */
  canGrow(isLimited: boolean): boolean {
    const isStoppable = isLimited && this.#options.openStoppable !== undefined;
    const { alive, starting } = this.#count(isStoppable);
    return starting > 0 || alive < this.#options.size;
  }

  /** How many workers there are of a kind, and how many of these are not ready. */
  #count(isStoppable: boolean): { alive: number; starting: number } {
    const isOnly = this.#options.openStoppable === undefined;
    const workers = this.workers.filter((worker) =>
      worker.isAlive && (isOnly || worker.canStop === isStoppable)
    );
    const starting = workers.filter((worker) => !worker.isReady).length;
    return { alive: workers.length, starting };
  }

  /** Ends all workers, or leaves them for another run. */
  async close(): Promise<void> {
    this.isClosed = true;
    const alive = this.workers.filter(({ isAlive }) => isAlive);
    await Promise.all(alive.map((worker) => worker.leave()));
  }
}
