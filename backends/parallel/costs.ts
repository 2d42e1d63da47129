/** How many nodes a worker is sent at a time. */

import { Costs } from "../shared/costs.ts";
import type { PoolWorker } from "./worker.ts";

// Enough to keep a worker busy while the next message is on its way; little enough to leave work for the others.
const ROOM_MS = 4;
const MOST_SENT = 2_000;
// What can't be taken back is sent sparingly.
const ROOM_FOR_GOOD_MS = 1;
const MOST_SENT_FOR_GOOD = 32;

/** The costs of one run, and what they make of workers. */
export class WorkerCosts extends Costs {
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
    return (this.msOf(id) ?? Infinity) < TINY_MS;
  }

  /** A call was sent; one whose cost is not known fills the worker. */
  sent(worker: PoolWorker, id: number): void {
    worker.sentMs += this.msOf(id) ?? ROOM_MS;
  }

  /** A worker has reported `count` calls, or they were taken back. */
  reported(worker: PoolWorker, count: number): void {
    const left = worker.sent.length;
    worker.sentMs = left === 0 ? 0 : worker.sentMs * left / (left + count);
  }
}
