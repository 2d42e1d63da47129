/** How long functions take, learnt while they run: how many nodes a worker is sent at a time follows from it. */

import type { PoolWorker } from "./worker.ts";

// Enough to keep a worker busy while the next message is on its way; little enough to leave work for the others.
const ROOM_MS = 4;
const MOST_SENT = 2_000;
// What can't be taken back is sent sparingly.
const ROOM_FOR_GOOD_MS = 1;
const MOST_SENT_FOR_GOOD = 32;
// How much the latest call counts.
const WEIGHT = 0.3;

/** The costs of the functions of one run, by their numbers. */
export class Costs {
  readonly #ms: number[] = [];

  /** Whether a worker may be sent one more small node. */
  hasRoom(worker: PoolWorker): boolean {
    const canTakeBack = worker.link.control !== undefined;
    const most = canTakeBack ? MOST_SENT : MOST_SENT_FOR_GOOD;
    const roomMs = canTakeBack ? ROOM_MS : ROOM_FOR_GOOD_MS;
    return worker.sent.length < most && worker.sentMs < roomMs;
  }

  /** Whether a function is known to be so quick that nothing is gained by running its nodes side by side. */
  isTiny(id: number): boolean {
    const TINY_MS = 0.05;
    return this.#ms[id] < TINY_MS;
  }

  /** A call was sent; one whose cost is not known fills the worker. */
  sent(worker: PoolWorker, id: number): void {
    worker.sentMs += this.#ms[id] ?? ROOM_MS;
  }

  /** A call took so long. */
  took(id: number, durationMs: number): void {
    const known = this.#ms[id];
    this.#ms[id] = known === undefined ? durationMs : known + WEIGHT * (durationMs - known);
  }

  /** A worker has reported `count` calls, or they were taken back. */
  reported(worker: PoolWorker, count: number): void {
    const left = worker.sent.length;
    worker.sentMs = left === 0 ? 0 : worker.sentMs * left / (left + count);
  }
}
