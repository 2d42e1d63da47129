/**
 * Carries out ready nodes on a pool of workers.
 *
 * A worker is sent as many small nodes at a time as take it a few milliseconds, and with a node what can only come after
 * it: a chain travels as one piece. Values stay where they were made, and are moved when a node elsewhere reads them.
 */

import type { ExecutorSetup } from "../../core/backend.ts";
import { WorkerError } from "../../core/errors.ts";
import { type Executor, HELD, NotRun, type Pass } from "../../core/executor.ts";
import type { Graph } from "../../core/graph.ts";
import { isSmall } from "../../core/holdings.ts";
import { findUnmovable } from "../../core/movable.ts";
import { PhaseFailure } from "../../core/node_host.ts";
import type { LoadProblem, NodeMessage, ReportMessage } from "../../core/protocol.ts";
import { describeThrown, rebuildThrown } from "../../core/thrown.ts";
import { Costs } from "./costs.ts";
import { HostLane } from "./host_lane.ts";
import type { WorkerEnd } from "./link.ts";
import type { Loading } from "./loading.ts";
import { Moves, type Traveller } from "./moves.ts";
import { Places } from "./places.ts";
import type { Pool } from "./pool.ts";
import { type Placement, Queue } from "./queue.ts";
import type { Needs, Resources } from "./resources.ts";
import { Sender } from "./sender.ts";
import type { PoolWorker, WorkerEvents } from "./worker.ts";

/** A node that the run waits for. */
interface Hand {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  isStarted: boolean;
}

/** Where a node had best run, or has to. */
interface Home {
  readonly worker?: PoolWorker;
  readonly isBound: boolean;
}

/** What came of a node. */
type Outcome = { readonly value: unknown } | { readonly error: unknown };

// As many nodes are asked for as keep the workers busy, and no more: each that waits takes memory.
const WINDOW = 4_096;
// If a worker is idle and another one has not been heard of for so long, what waits there is taken back.
const TAKE_BACK_AFTER_MS = 5;
// How long a node that has asked for its signal is given to come to an end.
const GRACE_MS = 1_000;
const MOST_FAILED_STARTS = 3;
// Microtasks from a node's promise to the run's taking note of it; one with a time limit has the most.
const HOPS = 6;

/** What the executor is made of. */
export interface Parts {
  readonly loading: Loading;
  readonly resources: Resources;
  readonly pool: Pool;
}

/** The executor of one run. */
export class ParallelExecutor implements Executor, WorkerEvents {
  readonly #graph: Graph;
  readonly #setup: ExecutorSetup;
  readonly #loading: Loading;
  readonly #resources: Resources;
  readonly #pool: Pool;
  readonly #places: Places;
  readonly #moves: Moves;
  readonly #sender: Sender;
  readonly #host: HostLane;
  readonly #queue = new Queue();
  readonly #costs = new Costs();
  readonly #hands = new Map<number, Hand>();
  /** What has come of nodes that the run has not asked for yet. */
  readonly #ahead = new Map<number, { readonly outcome: Outcome; readonly durationMs: number }>();
  /** Of each value on the host that was looked at, why it can't be sent, or an empty text. */
  readonly #hostProblems = new Map<number, string>();
  /** Workers that are coming to an end. */
  readonly #endings = new Set<Promise<void>>();
  #pass!: Pass;
  #isStopped = false;
  #isDispatching = false;
  #failedStarts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(setup: ExecutorSetup, { loading, resources, pool }: Parts) {
    this.#setup = setup;
    this.#graph = setup.graph;
    this.#loading = loading;
    this.#resources = resources;
    this.#pool = pool;
    pool.events = this;
    this.#places = new Places(setup.graph.nodes.length, pool.workers);
    this.#moves = new Moves(this.#places);
    this.#host = new HostLane(setup);
    this.#sender = new Sender(setup, {
      loading,
      resources,
      costs: this.#costs,
      places: this.#places,
      isDone: (i) => this.#ahead.has(i),
    });
  }

  get slots(): number {
    return WINDOW + this.#queue.waitingCount;
  }

  begin(pass: Pass): void {
    this.#pass = pass;
    this.#isStopped = false;
    for (const target of this.#graph.targetIndexes) {
      if (this.#graph.nodes[target].definition.kind !== "constructor") continue;
      this.#loading.keepOnHost(target, "it is a target, and an instance can't leave its worker");
    }
  }

  execute(i: number): unknown {
    const ahead = this.#ahead.size > 0 ? this.#ahead.get(i) : undefined;
    if (ahead) {
      this.#ahead.delete(i);
      this.#pass.started(i);
      this.#pass.took(i, ahead.durationMs);
      if ("error" in ahead.outcome) throw ahead.outcome.error;
      return ahead.outcome.value;
    }
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#hands.set(i, { resolve, reject, isStarted: false });
    const worker = this.#places.sentTo(i);
    if (worker) this.#tellStart(worker);
    else this.#enqueue(i);
    return promise;
  }

  release(i: number): void {
    this.#places.release(i);
    if (this.#hostProblems.size > 0) this.#hostProblems.delete(i);
  }

  #enqueue(i: number): void {
    if (!this.#hands.has(i)) return;
    if (this.#isStopped) return this.#settle(i, { error: new NotRun() });
    this.#queue.add(i, this.#resources.of(i));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    // Only once the run has taken note of what was settled, so that observers hear of an end before the next start.
    let hops = HOPS;
    const hop = () => {
      if (hops-- > 0) return queueMicrotask(hop);
      this.#isDispatching = false;
      this.#dispatch();
    };
    hop();
  }

  /** Gives workers, and the host, what they can take now. */
  #dispatch(): void {
    if (this.#pool.isClosed) return;
    this.#queue.forEachFitting(this.#resources, (i, needs) => this.#place(i, needs));
    for (const worker of this.#pool.workers) {
      worker.flush();
      this.#tellStart(worker);
    }
    this.#watchIdlers();
  }

  #place(i: number, needs: Needs): Placement {
    if (!this.#hands.has(i)) return "placed";
    const changed = this.#loading.changedFor(i);
    if (changed !== undefined) {
      return this.#end(i, { error: failureOf(`${changed}: start the run again.`) });
    }
    if (this.#loading.idOf(i) !== undefined && this.#readsStuckOnHost(i)) this.#loading.follow(i);
    const home = this.#findHome(i);
    if ("outcome" in home) return this.#end(i, home.outcome);
    if (this.#loading.idOf(i) === undefined) return this.#placeOnHost(i, needs);
    const isInstance = this.#graph.nodes[i].definition.kind === "constructor";
    const worker = this.#choose({ ...home, isInstance }, needs);
    if (!worker) return home.isBound ? "waits" : "full";
    if (this.#loading.keepsArguments(i)) return this.#placeOnHost(i, needs);
    this.#assign(i, worker, needs);
    return "placed";
  }

  #end(i: number, outcome: Outcome): Placement {
    this.#settle(i, outcome);
    return "placed";
  }

  /** Whether a value on the host that can't be sent is among what a node reads. */
  #readsStuckOnHost(i: number): boolean {
    const { inputs, inputOffsets } = this.#graph;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      const value = this.#pass.values[input];
      if (value === HELD || isSmall(value) || this.#places.holderOf(input)) continue;
      let problem = this.#hostProblems.get(input);
      if (problem === undefined) {
        this.#hostProblems.set(input, problem = findUnmovable(value) ?? "");
      }
      if (problem !== "") return true;
    }
    return false;
  }

  /** The worker where a node has to run, or had best run; or why it can't run now. */
  #findHome(i: number): Home | { outcome: Outcome } {
    const { instances, inputs, inputOffsets } = this.#graph;
    const isHosted = this.#loading.idOf(i) === undefined;
    const own = instances[i];
    if (isHosted && own >= 0 && this.#pass.values[own] === HELD) {
      // The instance was made before anybody knew: it is made anew on the host.
      return { outcome: { error: new NotRun([own]) } };
    }
    const instance = isHosted ? -1 : own;
    let worker = instance < 0 ? undefined : this.#places.holderOf(instance);
    if (instance >= 0 && !worker) return { outcome: { error: new NotRun([instance]) } };
    let isBound = worker !== undefined;
    let largest = 0;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (this.#pass.values[input] !== HELD) continue;
      const holder = this.#places.holderOf(input);
      if (!holder) return { outcome: { error: new NotRun([input]) } };
      const size = this.#places.sizeOf(input);
      if (this.#places.stuck.has(input)) {
        if (isHosted || (isBound && worker !== holder)) return { outcome: this.#bringHome(input) };
        worker = holder;
        isBound = true;
      } else if (!isBound && size >= largest) {
        worker = holder;
        largest = size;
      }
    }
    return { worker, isBound };
  }

  /** A value that can't leave its worker is needed elsewhere: the host, which sends nothing, makes it anew. */
  #bringHome(input: number): Outcome {
    const instance = this.#graph.instances[input];
    this.#loading.keepOnHost(input, `its value can't be sent: ${this.#places.stuck.get(input)}`);
    const lost = instance < 0 ? [input] : [input, instance];
    for (const i of lost) this.#places.release(i);
    return { error: new NotRun(lost) };
  }

  /** The worker for a node: where most of what it reads lies, unless another one would be idle. */
  #choose(
    { worker: preferred, isBound, isInstance }: Home & { readonly isInstance: boolean },
    needs: Needs,
  ): PoolWorker | undefined {
    if (!isInstance && preferred && this.#canTake(preferred, needs, isBound)) return preferred;
    if (isBound) return undefined;
    let best: PoolWorker | undefined;
    for (const worker of this.#pool.workers) {
      if (this.#canTake(worker, needs, false) && (!best || worker.load < best.load)) best = worker;
    }
    // Instances stay where they are made, so they are spread over all workers that there may be.
    const isTooEarly = isInstance && best !== undefined && best.instances > 0 &&
      this.#pool.canGrow(needs.isLimited);
    if (best?.isIdle && !isTooEarly) return best;
    // Before the workers are given more than they are at: another one, if there may be.
    if (this.#resources.fit(needs).cpus) this.#pool.grow(needs.isLimited, this.#queue.size);
    return isTooEarly ? undefined : best;
  }

  #canTake(worker: PoolWorker, needs: Needs, isBound: boolean): boolean {
    if (!worker.isReady || !worker.isAlive || worker.isCutting) return false;
    // A node that is bound to a worker has no choice: if that can't be stopped, its time limit is only looked at.
    if (needs.isLimited && !worker.canStop && !isBound) return false;
    if (worker.isIdle) return this.#resources.fit(needs).cpus;
    return needs.isPlain && worker.needs === needs && this.#costs.hasRoom(worker);
  }

  #assign(i: number, worker: PoolWorker, needs: Needs): void {
    if (!worker.needs) {
      worker.needs = needs;
      this.#resources.take(needs);
    }
    const traveller = this.#fetchInputs(i, worker);
    if (traveller.missing > 0) worker.incoming++;
    else this.#send(i, worker);
  }

  /** Sees to it that all that a node reads is, or will be, where it runs. */
  #fetchInputs(i: number, to: PoolWorker | "host"): Traveller {
    const { inputs, inputOffsets } = this.#graph;
    const { values } = this.#pass;
    const traveller: Traveller = { node: i, to, missing: 0, isOff: false };
    const asked = new Set<number>();
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (values[input] === HELD) {
        if (asked.has(input) || (to !== "host" && this.#places.isAt(input, to))) continue;
        asked.add(input);
        this.#moves.ask(input, traveller, this.#pass.readersLeft(input) === 1);
      } else if (to !== "host" && !isSmall(values[input]) && !this.#places.isAt(input, to)) {
        to.put(input, values[input]);
        this.#places.copied(input, to);
      }
    }
    return traveller;
  }

  #send(i: number, worker: PoolWorker): void {
    try {
      this.#sender.send(i, worker, this.#pass);
    } catch (error) {
      this.#settle(i, { error: new PhaseFailure("initialize", error) });
      this.#afterWork(worker);
    }
  }

  #placeOnHost(i: number, needs: Needs): Placement {
    if (this.#host.needs) return "waits";
    this.#host.needs = this.#resources.withoutCpus(needs);
    this.#resources.take(this.#host.needs);
    if (this.#fetchInputs(i, "host").missing === 0) this.#runOnHost(i);
    return "placed";
  }

  #runOnHost(i: number): void {
    const started = () => {
      const hand = this.#hands.get(i);
      if (hand) hand.isStarted = true;
      this.#pass.started(i);
    };
    this.#host.run(i, this.#pass.values, started, (outcome, durationMs) => {
      this.#leaveHost();
      this.#settle(i, outcome, durationMs);
    });
  }

  #leaveHost(): void {
    if (this.#host.needs) this.#resources.giveBack(this.#host.needs);
    this.#host.needs = undefined;
    this.#schedule();
  }

  /** Tells the run that the node at a worker's head has started. */
  #tellStart(worker: PoolWorker): void {
    const i = worker.head;
    const hand = i === undefined ? undefined : this.#hands.get(i);
    if (!hand || hand.isStarted) return;
    hand.isStarted = true;
    this.#pass.started(i!);
  }

  /** Tells the run what came of a node, now or when it asks. */
  #settle(i: number, outcome: Outcome, durationMs = 0): void {
    const hand = this.#hands.get(i);
    if (!hand) {
      if (!("error" in outcome && outcome.error instanceof NotRun)) {
        this.#ahead.set(i, { outcome, durationMs });
      }
      return;
    }
    this.#hands.delete(i);
    if ("error" in outcome) return hand.reject(outcome.error);
    if (!hand.isStarted) this.#pass.started(i);
    this.#pass.took(i, durationMs);
    hand.resolve(outcome.value);
  }

  loaded(worker: PoolWorker, problems: readonly LoadProblem[]): void {
    this.#failedStarts = 0;
    this.#loading.note(problems);
    worker.isReady = true;
    this.#schedule();
  }

  report(worker: PoolWorker, report: ReportMessage): void {
    const { values, durations, held = [], unsendable = [], failure } = report;
    const done = worker.sent.splice(0, values.length);
    let nextHeld = 0;
    let nextStuck = 0;
    for (let k = 0; k < done.length; k++) {
      const i = done[k];
      const isHeld = held[nextHeld] === k;
      const bytes = isHeld ? held[nextHeld + 1] : 0;
      if (isHeld) nextHeld += 2;
      if (worker.hasEnded(i)) {
        worker.release(i);
        continue;
      }
      this.#places.made(i, worker, bytes);
      const id = this.#loading.idOf(i);
      if (id !== undefined) this.#costs.took(id, durations[k]);
      let outcome: Outcome = { value: values[k] };
      if (unsendable[nextStuck] === k) {
        outcome = this.#withhold(i, unsendable[nextStuck + 1] as string);
        nextStuck += 2;
      } else if (isHeld && !this.#isDelivered(i)) outcome = { value: HELD };
      else if (this.#setup.readsBack) this.#places.release(i);
      this.#settle(i, outcome, durations[k]);
    }
    if (failure) this.#fail(worker, failure);
    this.#costs.reported(worker, done.length);
    if (!report.isCut && !this.#isStopped && worker.frontier.length > 0) {
      this.#sender.extend(worker, this.#pass);
      worker.flush();
    }
    if (report.isCut) this.#requeue(worker, worker.sent.splice(0));
    this.#afterWork(worker);
  }

  #isDelivered(i: number): boolean {
    return this.#pass.isWanted(i) && this.#graph.nodes[i].definition.kind !== "constructor";
  }

  /** The host wants a value that can't be sent: a target is made anew on the host; what is only stored is not stored. */
  #withhold(i: number, problem: string): Outcome {
    this.#places.stuck.set(i, problem);
    if (this.#pass.isTarget(i)) return this.#bringHome(i);
    this.#setup.warn(
      `"${
        this.#graph.nodes[i].name
      }" will run again next time, as its value can't be stored: ${problem}.`,
    );
    return { value: HELD };
  }

  #fail(worker: PoolWorker, { phase, thrown }: NonNullable<ReportMessage["failure"]>): void {
    const i = worker.sent.shift()!;
    if (worker.hasEnded(i)) return;
    this.#places.sent(i, undefined);
    const error = rebuildThrown(thrown);
    this.#settle(i, { error: phase === "run" ? error : new PhaseFailure(phase, error) });
  }

  /** Nodes that a worker was sent and has not begun wait again. */
  #requeue(worker: PoolWorker, nodes: readonly number[]): void {
    worker.frontier.length = 0;
    for (const i of nodes) {
      this.#places.sent(i, undefined);
      this.#enqueue(i);
    }
    this.#costs.reported(worker, nodes.length);
  }

  #afterWork(worker: PoolWorker): void {
    if (worker.isIdle && worker.needs) {
      this.#resources.giveBack(worker.needs);
      worker.needs = undefined;
    }
    this.#schedule();
  }

  gave(_worker: PoolWorker, message: NodeMessage & { type: "gave" | "withheld" }): void {
    const input = message.node;
    if (message.type === "withheld") {
      this.#places.stuck.set(input, message.problem);
      for (const traveller of this.#moves.failed(input)) this.#strand(traveller);
    } else {
      for (const { node, to } of this.#moves.arrived(input, message.value)) {
        if (to !== "host") {
          to.incoming--;
          if (this.#isStopped) this.#settle(node, { error: new NotRun() });
          else if (this.#hands.has(node)) this.#send(node, to);
          this.#afterWork(to);
        } else if (this.#hands.has(node)) {
          this.#pass.values[input] = message.value;
          this.#runOnHost(node);
        } else this.#leaveHost();
      }
    }
    this.#schedule();
  }

  /** A node that waited for values waits for a place again. */
  #strand({ node, to }: Traveller): void {
    if (to === "host") this.#leaveHost();
    else {
      to.incoming--;
      this.#afterWork(to);
    }
    this.#enqueue(node);
  }

  log(node: number, text: string): void {
    const name = node < 0 ? undefined : this.#graph.nodes[node].name;
    console.error(name === undefined ? text : text.replace(/^/gm, `${name} | `));
  }

  died(worker: PoolWorker, end: WorkerEnd): void {
    const running = worker.runningAtEnd();
    const sent = this.#bury(worker);
    const error = worker.errorOf(end);
    if (!worker.isReady) this.#noteFailedStart(error);
    else if (running < 0) {
      this.#setup.warn(
        `${error.message} No node was running in it; what it held is computed again.`,
      );
    }
    const culprit = sent[running];
    if (culprit !== undefined) {
      this.#settle(culprit, { error: new PhaseFailure("worker", error) });
    }
    this.#requeue(worker, sent.filter((i) => i !== culprit));
  }

  /** Forgets a worker that is gone, and gives the nodes that it had been sent. */
  #bury(worker: PoolWorker): number[] {
    worker.isAlive = false;
    const sent = worker.sent.splice(0);
    for (const i of sent) this.#places.sent(i, undefined);
    for (const [i, { outcome }] of this.#ahead) {
      if ("value" in outcome && outcome.value === HELD && !this.#places.holderOf(i)) {
        this.#ahead.delete(i);
      }
    }
    for (const traveller of this.#moves.lost(worker)) this.#strand(traveller);
    worker.isCutting = false;
    this.#afterWork(worker);
    return sent;
  }

  #noteFailedStart(error: WorkerError): void {
    if (++this.#failedStarts < MOST_FAILED_STARTS) return;
    this.#setup.warn(`No worker can be started. ${error.message}`);
    this.#loading.giveUp();
  }

  /** Takes back what waits behind a long node while other workers have nothing to do. */
  #watchIdlers(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isStopped || this.#queue.size > 0) return;
    const isIdle = (worker: PoolWorker) => worker.isAlive && worker.isReady && worker.isIdle;
    if (!this.#pool.workers.some(isIdle)) return;
    let soonest = Infinity;
    const now = performance.now();
    for (const worker of this.#pool.workers) {
      if (!worker.isAlive || worker.isCutting || !worker.link.control) continue;
      if (!worker.sent.some((i, at) => at > 0 && this.#canGoElsewhere(i))) continue;
      const wait = worker.heardAt + TAKE_BACK_AFTER_MS - now;
      if (wait <= 0) this.#takeBack(worker);
      else soonest = Math.min(soonest, wait);
    }
    if (soonest < Infinity) this.#timer = setTimeout(() => this.#dispatch(), soonest);
  }

  #canGoElsewhere(i: number): boolean {
    return this.#hands.has(i) && this.#graph.instances[i] < 0;
  }

  #takeBack(worker: PoolWorker): void {
    const kept = worker.takeBack();
    this.#requeue(worker, worker.sent.splice(kept));
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const i of this.#queue.takeAll()) this.#enqueue(i);
    for (const worker of this.#pool.workers) if (worker.isAlive) this.#takeBack(worker);
  }

  abandon(i: number, reason: unknown): void {
    this.#hands.delete(i);
    for (const { to } of this.#moves.cancel(i)) {
      if (to === "host") this.#leaveHost();
      else {
        to.incoming--;
        this.#afterWork(to);
      }
    }
    if (this.#host.abandon(i, reason)) return this.#leaveHost();
    const worker = this.#places.sentTo(i);
    if (worker?.head === i) this.#interrupt(i, worker, reason);
  }

  cancel(reason: unknown): void {
    this.stop();
    for (const i of [...this.#hands.keys()]) this.abandon(i, reason);
    // Those that ran ahead of what the run has asked for.
    for (const worker of this.#pool.workers) {
      if (worker.isAlive && worker.head !== undefined) this.#interrupt(worker.head, worker, reason);
    }
  }

  /** Stops the running node of a worker: by asking it to, if it listens; else with the worker. */
  #interrupt(i: number, worker: PoolWorker, reason: unknown): void {
    if (worker.isAbandoned) return;
    this.#places.sent(i, undefined);
    const ended = worker.abandon(i, describeThrown(reason), GRACE_MS);
    if (!worker.hasAsked) return this.#terminate(worker);
    const ending = ended.then((hasEnded) => {
      this.#endings.delete(ending);
      if (!hasEnded && worker.isAlive) this.#terminate(worker);
    });
    this.#endings.add(ending);
  }

  #terminate(worker: PoolWorker): void {
    const ending = worker.kill().finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    this.#requeue(worker, this.#bury(worker));
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    while (this.#endings.size > 0) await Promise.all(this.#endings);
    await this.#pool.close();
  }
}

function failureOf(message: string): PhaseFailure {
  return new PhaseFailure("worker", new WorkerError(message));
}
