/** Tries of a node: carried out by the backend, limited in time, repeated as the node's policy says. */

import { Broken, type Executor, NotRun } from "./executor.ts";
import { nodeError } from "./failures.ts";
import { type Graph, settingsOf } from "./graph.ts";
import { isPromiseLike, PhaseFailure } from "./node_host.ts";
import { type Policy, retryDelay, timerDelay } from "./policy.ts";
import type { Watchers } from "./watchers.ts";

/** The runtime's own timer, whatever a test puts in its place: for what has to go on. Retries and limits keep to the test's. */
export const later = setTimeout;

/** What tries need of their run. */
export interface TriesSetup {
  readonly graph: Graph;
  readonly executor: Executor;
  readonly watchers: Watchers;
  /** Of each node, how often it was tried again; kept over all passes of a run. */
  readonly retries: Map<number, number>;
}

/** All tries of one pass. */
export class Tries {
  readonly #setup: TriesSetup;
  /** Of each node with a time limit that waits for its start, what to do then. */
  readonly #starts = new Map<number, () => void>();
  /** Of each node with a time limit that is waited for, what stops its timer. */
  readonly #timers = new Map<number, () => void>();
  /** Of each node that waits for its retry, what ends that. */
  readonly #delays = new Map<number, (end: "give up" | "later") => void>();
  #stopped: "give up" | "later" | undefined;

  constructor(setup: TriesSetup) {
    this.#setup = setup;
  }

  /** One try and, if it fails, those that follow. Gives the value, or a promise where there is something to wait for. */
  run(i: number, values: unknown[]): unknown {
    const { graph, executor } = this.#setup;
    const policy = settingsOf(graph, i)?.policy;
    const started = policy ? performance.now() : 0;
    let outcome: unknown;
    try {
      outcome = executor.execute(i, values);
    } catch (error) {
      return this.#retry(i, values, policy, error);
    }
    if (isPromiseLike(outcome)) {
      // As a promise: what a thenable calls, and how often, is its own affair.
      const promise = Promise.resolve(outcome);
      const waited = policy && policy.timeoutMs < Infinity
        ? this.#await(i, promise, policy, started)
        : promise;
      return waited.catch((error) => this.#retry(i, values, policy, error));
    }
    if (policy && performance.now() - started > policy.timeoutMs) {
      return this.#retry(i, values, policy, tooLong(policy));
    }
    return outcome;
  }

  /** A node has really started: from now on its time counts. */
  started(i: number): void {
    if (this.#starts.size > 0) this.#starts.get(i)?.();
  }

  /** Waits for an asynchronous try, up to its time limit. */
  #await(i: number, outcome: Promise<unknown>, policy: Policy, called: number): Promise<unknown> {
    const { executor } = this.#setup;
    return new Promise((resolve, reject) => {
      let started = called;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const giveUp = () => {
        this.#timers.delete(i);
        const error = tooLong(policy);
        executor.abandon(i, error.error);
        reject(error);
      };
      const startTimer = () => {
        const delayMs = timerDelay(Math.max(0, started + policy.timeoutMs - performance.now()));
        if (delayMs !== undefined) timer = setTimeout(giveUp, delayMs);
      };
      const stop = () => {
        clearTimeout(timer);
        this.#starts.delete(i);
      };
      this.#timers.set(i, stop);
      if (!executor.begin) startTimer();
      else {
        this.#starts.set(i, () => {
          started = performance.now();
          startTimer();
        });
      }
      const isOver = () => {
        stop();
        return this.#timers.get(i) === stop && this.#timers.delete(i);
      };
      outcome.then((value) => {
        // It may have kept the timer from firing by computing.
        const isLate = !executor.begin && performance.now() - started > policy.timeoutMs;
        if (isOver()) isLate ? reject(tooLong(policy)) : resolve(value);
      }, (error) => {
        if (isOver()) reject(error);
      });
    });
  }

  #retry(
    i: number,
    values: unknown[],
    policy: Policy | undefined,
    error: unknown,
  ): Promise<unknown> {
    if (error instanceof NotRun) throw error;
    if (error instanceof Broken) throw error.error;
    const { graph, watchers, retries } = this.#setup;
    const failure = nodeError(graph.nodes[i], error);
    const retry = retries.get(i) ?? 0;
    if (policy === undefined || retry >= policy.maxRetries || this.#stopped === "give up") {
      throw failure;
    }
    retries.set(i, retry + 1);
    watchers.nodeError(i, { error: failure, willRetry: true });
    if (this.#stopped === "later") throw new NotRun();
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, retryDelay(policy, retry));
      this.#delays.set(i, (end) => {
        clearTimeout(timer);
        reject(end === "give up" ? failure : new NotRun());
      });
    }).finally(() => this.#delays.delete(i)).then(() => this.run(i, values));
  }

  /** Nothing is tried again in this pass: for good, or because the next pass does it. */
  stop(end: "give up" | "later"): void {
    this.#stopped = end;
    for (const stop of [...this.#delays.values()]) stop(end);
  }

  /** Ends all waiting: what is waited for will never be told. */
  cancel(): void {
    for (const stop of this.#timers.values()) stop();
    this.#timers.clear();
    this.stop("give up");
  }
}

function tooLong(policy: Policy): PhaseFailure {
  return new PhaseFailure(
    "timeout",
    new DOMException(`It took longer than ${policy.timeoutMs} ms.`, "TimeoutError"),
  );
}
