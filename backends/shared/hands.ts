/** The nodes that the run waits for, and what has come of others before it asked. */

import { NotRun, type Pass } from "../../core/executor.ts";

/** What came of a node. */
export type Outcome = { readonly value: unknown } | { readonly error: unknown };

interface Hand {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  isStarted: boolean;
}

/** The hands of one run. */
export class Hands {
  readonly #hands = new Map<number, Hand>();
  readonly #ahead = new Map<number, { readonly outcome: Outcome; readonly durationMs: number }>();

  /** What has come of a node already, or a promise of what will. */
  take(
    i: number,
    pass: Pass,
  ): { readonly value: unknown } | { readonly promise: Promise<unknown> } {
    const ahead = this.#ahead.size > 0 ? this.#ahead.get(i) : undefined;
    if (!ahead) {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      this.#hands.set(i, { resolve, reject, isStarted: false });
      return { promise };
    }
    this.#ahead.delete(i);
    pass.started(i);
    pass.took(i, ahead.durationMs);
    if ("error" in ahead.outcome) throw ahead.outcome.error;
    return ahead.outcome;
  }

  /** Whether the run waits for a node. */
  has(i: number): boolean {
    return this.#hands.has(i);
  }

  /** Whether a node has been run before the run asked for it. */
  isAhead(i: number): boolean {
    return this.#ahead.has(i);
  }

  /** The nodes that the run waits for. */
  all(): number[] {
    return [...this.#hands.keys()];
  }

  /** The run does not wait for a node any more. */
  drop(i: number): void {
    this.#hands.delete(i);
  }

  /** Forgets what came of nodes whose values are gone. */
  forget(isGone: (i: number, value: unknown) => boolean): void {
    for (const [i, { outcome }] of this.#ahead) {
      if ("value" in outcome && isGone(i, outcome.value)) this.#ahead.delete(i);
    }
  }

  /** Tells the run that a node has started, if it waits for it. */
  start(i: number, pass: Pass): void {
    const hand = this.#hands.get(i);
    if (!hand || hand.isStarted) return;
    hand.isStarted = true;
    pass.started(i);
  }

  /** Tells the run what came of a node, now or when it asks. */
  settle(i: number, outcome: Outcome, pass: Pass, durationMs = 0): void {
    const hand = this.#hands.get(i);
    if (!hand) {
      if ("value" in outcome || !(outcome.error instanceof NotRun)) {
        this.#ahead.set(i, { outcome, durationMs });
      }
      return;
    }
    this.#hands.delete(i);
    if ("error" in outcome) return hand.reject(outcome.error);
    if (!hand.isStarted) pass.started(i);
    pass.took(i, durationMs);
    hand.resolve(outcome.value);
  }
}
