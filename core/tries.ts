/** Tries of a node: carried out by the backend, limited in time, repeated as the node's policy says. */

import { nodeError } from "./failures.ts";
import type { Graph } from "./graph.ts";
import { isPromiseLike, PhaseFailure } from "./node_host.ts";
import { type Policy, retryDelay, timerDelay } from "./policy.ts";
import type { Watchers } from "./watchers.ts";

/** Carries out ready nodes. */
export interface Executor {
  /** How many nodes may be in hand at once. */
  readonly slots: number;
  /** Gives the node's value or a promise of it; throws or rejects with what the node threw. */
  execute(node: number, values: readonly unknown[]): unknown;
  /** The node's promise is not waited for any more. */
  abandon(node: number): void;
}

/** All tries of one run. */
export class Tries {
  readonly #setup: { graph: Graph; executor: Executor; watchers: Watchers };
  readonly #isStopped: () => boolean;
  /** Of each node that is waited for, what ends the waiting. */
  readonly #cancels = new Map<number, () => void>();

  constructor(
    setup: { graph: Graph; executor: Executor; watchers: Watchers },
    isStopped: () => boolean,
  ) {
    this.#setup = setup;
    this.#isStopped = isStopped;
  }

  /** One try and, if it fails, those that follow. Gives the value, or a promise where there is something to wait for. */
  run(i: number, values: readonly unknown[], retry = 0): unknown {
    const policy = this.#setup.graph.settings.size > 0
      ? this.#setup.graph.settings.get(i)?.policy
      : undefined;
    const started = policy ? performance.now() : 0;
    let outcome: unknown;
    try {
      outcome = this.#setup.executor.execute(i, values);
    } catch (error) {
      return this.#retry(i, values, policy, retry, error);
    }
    if (isPromiseLike(outcome)) {
      return this.#await(i, outcome, policy, started)
        .catch((error) => this.#retry(i, values, policy, retry, error));
    }
    if (policy && performance.now() - started > policy.timeoutMs) {
      return this.#retry(i, values, policy, retry, tooLong(policy));
    }
    return outcome;
  }

  /** Waits for an asynchronous try, up to its time limit. */
  #await(
    i: number,
    outcome: PromiseLike<unknown>,
    policy: Policy | undefined,
    started: number,
  ): Promise<unknown> {
    const { executor } = this.#setup;
    const elapsedMs = policy ? performance.now() - started : 0;
    const delayMs = policy && timerDelay(Math.max(0, policy.timeoutMs - elapsedMs));
    return new Promise((resolve, reject) => {
      const timer = delayMs === undefined ? undefined : setTimeout(() => {
        this.#cancels.delete(i);
        executor.abandon(i);
        reject(tooLong(policy!));
      }, delayMs);
      const cancel = () => {
        clearTimeout(timer);
        executor.abandon(i);
      };
      this.#cancels.set(i, cancel);
      const isOver = () => {
        clearTimeout(timer);
        return this.#cancels.get(i) === cancel && this.#cancels.delete(i);
      };
      // As a promise: what a thenable calls, and how often, is its own affair.
      Promise.resolve(outcome).then((value) => {
        // It may have kept the timer from firing by computing.
        const isLate = policy && performance.now() - started > policy.timeoutMs;
        if (isOver()) isLate ? reject(tooLong(policy)) : resolve(value);
      }, (error) => {
        if (isOver()) reject(error);
      });
    });
  }

  #retry(
    i: number,
    values: readonly unknown[],
    policy: Policy | undefined,
    retry: number,
    error: unknown,
  ): Promise<unknown> {
    const failure = nodeError(this.#setup.graph.nodes[i], error);
    if (policy === undefined || retry >= policy.maxRetries || this.#isStopped()) throw failure;
    this.#setup.watchers.nodeError(i, { error: failure, willRetry: true });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, retryDelay(policy, retry));
      this.#cancels.set(i, () => clearTimeout(timer));
    }).then(() => {
      this.#cancels.delete(i);
      return this.run(i, values, retry + 1);
    });
  }

  /** Ends all waiting: what is waited for will never be told. */
  cancel(): void {
    for (const cancel of this.#cancels.values()) cancel();
    this.#cancels.clear();
  }
}

function tooLong(policy: Policy): PhaseFailure {
  return new PhaseFailure(
    "timeout",
    new DOMException(`It took longer than ${policy.timeoutMs} ms.`, "TimeoutError"),
  );
}
