/** Runs on the host what no worker can run: one node at a time, with breaks for everything else that the host does. */

import type { ExecutorSetup } from "../../core/passes.ts";
import { InPlace } from "../../core/in_place.ts";
import { isPromiseLike } from "../../core/node_host.ts";

const BREAK_AFTER_MS = 10;

/** How a node on the host ended. */
export type HostOutcome = { readonly value: unknown } | { readonly error: unknown };

/** The host as a place to run nodes. */
export class HostLane {
  readonly #inPlace: InPlace;
  #isTaken = false;
  #node = -1;
  /** Counts nodes: what a node that is not waited for any more says is not heard. */
  #turn = 0;
  #lastBreak = 0;

  constructor({ graph, initializations }: ExecutorSetup) {
    this.#inPlace = new InPlace(graph, initializations);
  }

  /** Takes the host for a node; gives whether it was free. */
  take(): boolean {
    if (this.#isTaken) return false;
    return this.#isTaken = true;
  }

  /** The host is free again. */
  leave(): void {
    this.#isTaken = false;
  }

  /** Runs a node whose values are all there: tells when it starts, and how it ended and after how many milliseconds. */
  run(
    i: number,
    values: readonly unknown[],
    started: () => void,
    ended: (outcome: HostOutcome, durationMs: number) => void,
  ): void {
    const turn = ++this.#turn;
    this.#node = i;
    const begin = () => {
      if (turn !== this.#turn) return;
      started();
      const at = performance.now();
      this.#execute(i, values, (outcome) => {
        if (turn === this.#turn) ended(outcome, performance.now() - at);
      });
    };
    if (performance.now() - this.#lastBreak <= BREAK_AFTER_MS) return begin();
    setTimeout(() => {
      this.#lastBreak = performance.now();
      begin();
    }, 0);
  }

  #execute(i: number, values: readonly unknown[], tell: (outcome: HostOutcome) => void): void {
    let outcome: unknown;
    try {
      outcome = this.#inPlace.execute(i, values);
    } catch (error) {
      return tell({ error });
    }
    if (isPromiseLike(outcome)) {
      outcome.then((value) => tell({ value }), (error) => tell({ error }));
    } else tell({ value: outcome });
  }

  /** The node is not waited for any more, if it is the one that runs; gives whether it was. */
  abandon(i: number, reason: unknown): boolean {
    if (this.#node !== i) return false;
    this.#turn++;
    this.#node = -1;
    this.#inPlace.abandon(i, reason);
    return true;
  }
}
