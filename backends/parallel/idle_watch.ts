/** Finds what waits behind a long node while other workers have nothing to do. */

import type { PoolWorker } from "./worker.ts";

// If a worker is idle and another one has not been heard of for so long, what waits there is taken back.
const TAKE_BACK_AFTER_MS = 5;

/** Looks from time to time, as long as there is reason to. */
export class IdleWatch {
  readonly #workers: readonly PoolWorker[];
  readonly #canGoElsewhere: (node: number) => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(workers: readonly PoolWorker[], canGoElsewhere: (node: number) => boolean) {
    this.#workers = workers;
    this.#canGoElsewhere = canGoElsewhere;
  }

  /** The workers from which to take back what they have not begun; `again` is called when there may be more. */
  look(again: () => void): PoolWorker[] {
    this.stop();
    const isIdle = (worker: PoolWorker) => worker.isAlive && worker.isReady && worker.isIdle;
    if (!this.#workers.some(isIdle)) return [];
    const now = performance.now();
    const stalled: PoolWorker[] = [];
    let soonest = Infinity;
    for (const worker of this.#workers) {
      if (!worker.isAlive || worker.isCutting || !worker.link.control) continue;
      if (!worker.sent.some((i, at) => at > 0 && this.#canGoElsewhere(i))) continue;
      const wait = worker.heardAt + TAKE_BACK_AFTER_MS - now;
      if (wait <= 0) stalled.push(worker);
      else soonest = Math.min(soonest, wait);
    }
    if (soonest < Infinity) this.#timer = setTimeout(again, soonest);
    return stalled;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
