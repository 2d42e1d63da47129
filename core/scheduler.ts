/**
 * Runs a graph: the one loop behind every backend.
 *
 * What is constant is the graph and the plan. What changes is here, which nodes are in hand and what they gave, and in the
 * readiness, what nodes wait for. A backend brings the executor that carries
 * out one ready node; serial is an executor with one slot that runs it in place.
 */

import { isFuseError } from "./errors.ts";
import { HELD, NotRun, type Pass } from "./executor.ts";
import { instanceGivenUp, joinFailures, nodeError } from "./failures.ts";
import type { Graph } from "./graph.ts";
import { isHandle } from "./handles.ts";
import { isPromiseLike, nestedNode } from "./node_host.ts";
import { Keeper, UNREADABLE } from "./keeper.ts";
import { CHECK, findBlocked, HAVE, MAYBE_READ, READ, RUN } from "./plan.ts";
import { Readiness } from "./readiness.ts";
import type { RunOutcome, RunSetup } from "./run_setup.ts";
import { later, Tries } from "./tries.ts";

// Long enough to cost nothing, short enough for Ctrl-C, timers and progress to be served.
const YIELD_AFTER_MS = 50;
// If so many nodes take no longer than this, they are small.
const SMALL_NODES = 16;
const SMALL_MS = 1;

/** One pass over a planned graph. */
export class Run implements Pass {
  readonly #setup: RunSetup;
  readonly #graph: Graph;
  readonly actions: Uint8Array;
  readonly values: unknown[];
  readonly #isTimed: boolean;
  /** Whether the executor tells when a node starts and how long it took. */
  readonly #isTold: boolean;
  readonly #durations = new Map<number, number>();
  readonly #readiness: Readiness;
  readonly #keeper: Keeper;
  #inHand = 0;
  #hasFailed = false;
  #error: unknown;
  readonly #unread: number[] = [];
  readonly #lost = new Set<number>();
  /** Whether something was not run that the next pass has to run. */
  #isPutOff = false;
  readonly #isTarget: Uint8Array;
  readonly #hasRun: Uint8Array;
  /** Calls that have to run after all: the next pass runs them, with the earlier calls of their instances. */
  readonly #deferred: number[] = [];
  /** Whether there are calls that may be put off so. */
  readonly #mayReturn: boolean;
  readonly #tries: Tries;
  #lastYield = 0;
  #isYielding = false;
  readonly #result = Promise.withResolvers<RunOutcome>();
  #isSettled = false;

  constructor(setup: RunSetup) {
    this.#setup = setup;
    this.#graph = setup.graph;
    this.actions = setup.actions;
    this.#tries = new Tries(setup);
    this.#isTold = setup.executor.begin !== undefined;
    this.#isTimed = setup.storage !== undefined || setup.watchers.isAny;
    const count = setup.graph.nodes.length;
    this.#isTarget = new Uint8Array(count);
    for (const target of setup.graph.targetIndexes) this.#isTarget[target] = 1;
    this.values = new Array(count);
    this.#hasRun = setup.hasRun;
    this.#keeper = new Keeper(setup);
    this.#readiness = new Readiness(setup.graph, setup.actions);
    this.#mayReturn = setup.reuse !== undefined &&
      setup.actions.some((action, i) => action === CHECK && setup.graph.instances[i] >= 0);
  }

  /**
   * Runs to the end; synchronous nodes run before this returns.
   *
   * @throws The signal's reason, the first `NodeError`, or a `StorageError`.
   */
  start(): Promise<RunOutcome> {
    const { signal } = this.#setup;
    const abort = () => this.#settle({ error: signal!.reason });
    signal?.addEventListener("abort", abort, { once: true });
    this.#lastYield = Date.now();
    this.#setup.executor.begin?.(this);
    // First of all, as a call may need its instance and another value that is there.
    for (const [i, value] of this.#setup.have) if (this.actions[i] === HAVE) this.#finish(i, value);
    if (signal?.aborted) abort();
    else this.#pump();
    return this.#result.promise.finally(() => signal?.removeEventListener("abort", abort));
  }

  #pump = (): void => {
    if (this.#isYielding) return;
    const { executor, signal } = this.#setup;
    // Asking for the time costs as much as a small node, so it is asked more rarely while nodes are small.
    let untilLook = 0;
    let lastLook = -Infinity;
    while (!this.#isStopped && this.#readiness.hasReady && this.#inHand < executor.slots) {
      if (untilLook-- === 0) {
        const now = Date.now();
        if (now - this.#lastYield > YIELD_AFTER_MS) {
          this.#isYielding = true;
          later(this.#resume, 0);
          return;
        }
        untilLook = now - lastLook > SMALL_MS ? 0 : SMALL_NODES;
        lastLook = now;
      }
      const i = this.#readiness.next();
      // What is stored is read all the same: another damaged value is better known now than in the next pass.
      if (this.#isPutOff && this.actions[i] !== READ) continue;
      this.#launch(i);
      if (signal?.aborted) return this.#settle({ error: signal.reason });
    }
    if (this.#inHand === 0 && (this.#isStopped || !this.#readiness.hasReady)) this.#settle();
  };

  #resume = (): void => {
    this.#isYielding = false;
    this.#lastYield = Date.now();
    this.#pump();
  };

  get #isStopped(): boolean {
    return this.#hasFailed || this.#isSettled;
  }

  readersLeft(i: number): number {
    return this.#readiness.readersLeft(i);
  }

  isTarget(i: number): boolean {
    return this.#isTarget[i] === 1;
  }

  isWanted(i: number): boolean {
    return this.#isTarget[i] === 1 || this.#isSaved(i);
  }

  started(i: number): void {
    this.#setup.watchers.nodeStart(i);
    this.#tries.started(i);
  }

  took(i: number, durationMs: number): void {
    if (this.#setup.storage || this.#setup.watchers.isAny) this.#durations.set(i, durationMs);
  }

  #launch(i: number): void {
    const action = this.actions[i];
    if (action === CHECK) return this.#check(i);
    const started = this.#isTimed ? performance.now() : 0;
    if (!this.#isTold || action === READ) this.#setup.watchers.nodeStart(i);
    try {
      const value = action === READ ? this.#read(i) : this.#tries.run(i, this.values);
      const done = isPromiseLike(value)
        ? value.then((value) => this.#keep(i, value, started))
        : this.#keep(i, value, started);
      if (isPromiseLike(done)) this.#track(i, done);
    } catch (error) {
      this.#fail(i, error);
    }
  }

  /** All that the node reads is known: its stored value is right, or it runs. */
  #check(i: number): void {
    if (this.#setup.reuse!.check(i)) return this.#reuse(i);
    if (this.#graph.instances[i] >= 0 && !this.#canFollow(i)) return void this.#deferred.push(i);
    this.actions[i] = RUN;
    for (const input of this.#readiness.reopen(i)) this.#startReading(input);
  }

  /** Whether the call's instance is there as the call before has left it. */
  #canFollow(i: number): boolean {
    const [instance, before] = [this.#graph.instances[i], this.#graph.previous[i]];
    const isSeen = this.#setup.isSeen[before] === 1;
    if (this.actions[before] === RUN) return isSeen;
    return this.actions[instance] === HAVE && (before === instance || isSeen);
  }

  /** The node's stored value is right; it is read if somebody is known to need it. */
  #reuse(i: number): void {
    const { nodes } = this.#graph;
    this.#releaseInputs(i);
    if (this.isTarget(i) || this.#readiness.isNeeded(i)) this.#startReading(i);
    else {
      this.actions[i] = MAYBE_READ;
      if (nodes[i].definition.kind !== "constructor") this.#setup.watchers.nodeReused(i);
      this.#readiness.settle(i);
    }
  }

  #startReading(i: number): void {
    this.actions[i] = READ;
    this.#readiness.add(i);
  }

  /** Waits for a node in hand. */
  #track(i: number, done: PromiseLike<unknown>): void {
    this.#inHand++;
    done.then(this.#land, (error) => {
      this.#fail(i, error);
      this.#land();
    });
  }

  #land = (): void => {
    this.#inHand--;
    if (this.#isSettled) return;
    try {
      // Without a new look at the time: what was waited for may have been no more than a microtask.
      this.#pump();
    } catch (error) {
      // Whatever goes wrong in our own code ends the run: it must not be left waiting.
      this.#settle({ error });
    }
  };

  async #read(i: number): Promise<unknown> {
    const value = await this.#keeper.read(i);
    if (value === UNREADABLE) {
      this.#unread.push(i);
      this.#putOff();
    }
    return value;
  }

  /** What can't be run now is run by the next pass, once the nodes in hand have ended. */
  #putOff(): void {
    if (this.#isPutOff) return;
    this.#isPutOff = true;
    this.#tries.stop("later");
    this.#setup.executor.stop?.();
  }

  /** Saves a computed value, if it is to be stored, before anybody reads it. */
  #keep(i: number, value: unknown, started: number): void | Promise<void> {
    if (this.#isSettled || this.#unread.includes(i)) return;
    if (isHandle(value)) throw nodeError(this.#graph.nodes[i], nestedNode());
    if (this.actions[i] === RUN && value !== HELD && this.#isSaved(i)) {
      return this.#save(i, value, started);
    }
    if (this.actions[i] === RUN) this.#setup.reuse?.hasRun(i, false);
    this.#end(i, value, started);
  }

  #isSaved(i: number): boolean {
    return this.#setup.reuse?.isStorable(i) ?? false;
  }

  async #save(i: number, value: unknown, started: number): Promise<void> {
    const kept = await this.#keeper.save(i, value, this.#durationOf(i, started));
    this.#end(i, kept.value, started, kept.bytes);
  }

  #end(i: number, value: unknown, started: number, bytes?: number): void {
    const { watchers, reuse, executor } = this.#setup;
    if (watchers.isAny) {
      const isStored = this.actions[i] === READ;
      const reason = isStored ? undefined : reuse?.reason(i);
      watchers.nodeEnd(i, {
        durationMs: this.#durationOf(i, started),
        isStored,
        ...(reason !== undefined && { reason }),
        ...(bytes !== undefined && { bytes }),
        ...(!isStored && { worker: executor.workerOf?.(i) ?? "host" }),
      });
    }
    this.#finish(i, value);
  }

  #durationOf(i: number, started: number): number {
    return this.#durations.get(i) ?? performance.now() - started;
  }

  /** Hands the value on, and frees those that were read for the last time. */
  #finish(i: number, value: unknown): void {
    if (this.actions[i] === RUN) this.#hasRun[i] = this.#setup.isSeen[i] = 1;
    if (this.#isKept(i)) this.values[i] = value;
    else this.#setup.executor.release?.(i);
    if (this.actions[i] === RUN) this.#releaseInputs(i);
    this.#readiness.finish(i);
  }

  /** Whether somebody may still read the value: in the next pass too, if it can't be read from the storage then. */
  #isKept(i: number): boolean {
    if (this.#readiness.readersLeft(i) > 0) return true;
    return this.#mayReturn && this.#hasRun[i] === 1 &&
      this.#setup.reuse!.standing(i) !== "right" &&
      this.#graph.nodes[i].definition.kind !== "constructor";
  }

  #releaseInputs(i: number): void {
    const { inputs, inputOffsets, instances } = this.#graph;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) this.#release(inputs[at]);
    if (instances[i] >= 0) this.#release(instances[i]);
  }

  #release(i: number): void {
    if (!this.#readiness.dropReader(i) || this.#isKept(i)) return;
    this.values[i] = undefined;
    this.#setup.executor.release?.(i);
  }

  #fail(i: number, error: unknown): void {
    if (this.#isSettled) return;
    if (error instanceof NotRun) {
      for (const lost of error.lost) this.#lost.add(lost);
      if (!this.#hasFailed) this.#putOff();
      return;
    }
    const { watchers, failures, onFailure, executor } = this.#setup;
    if (isFuseError(error, "NodeError")) {
      watchers.nodeError(i, { error, willRetry: false });
      failures.set(i, error);
      if (onFailure === "continue") return executor.release?.(instanceGivenUp(this.#graph, i));
    }
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#error = error;
    this.#tries.stop("give up");
    executor.stop?.();
  }

  #settle(early?: { error: unknown }): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const { failures, onFailure } = this.#setup;
    this.#tries.cancel();
    if (early) this.#setup.executor.cancel(early.error);
    if (early) this.#result.reject(early.error);
    else if (this.#hasFailed) this.#result.reject(this.#error);
    else if (this.#isPutOff || this.#deferred.length > 0) {
      this.#result.resolve({ kind: "missing", unread: this.#unread, have: this.#held() });
    } else if (onFailure === "continue" && failures.size > 0) {
      const isSkipped = (blocked: number, i: number) =>
        blocked === 1 && !this.#hasRun[i] && !failures.has(i);
      const skipped = findBlocked(this.#graph, this.#setup.available).filter(isSkipped).length;
      this.#result.reject(joinFailures([...failures.values()], skipped));
    } else {
      const values = this.#graph.targetIndexes.map((target) => this.values[target]);
      this.#result.resolve({ kind: "done", values });
    }
  }

  /** The values that nobody needs to compute or read again, and the instances as their latest calls have left them. */
  #held(): Map<number, unknown> {
    const have = new Map<number, unknown>();
    const isMissing = new Set(this.#unread).union(this.#lost);
    for (let i = 0; i < this.values.length; i++) {
      if (i in this.values && this.#isKept(i) && !isMissing.has(i)) {
        have.set(i, this.values[i]);
      }
    }
    return have;
  }
}
