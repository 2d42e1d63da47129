/**
 * Carries out ready nodes on a pool of workers.
 *
 * A worker is sent as many small nodes at a time as take it a few milliseconds, and with a node what can only come after
 * it: a chain travels as one piece. Values stay where they were made, and are moved when a node elsewhere reads them.
 */

import type { ExecutorSetup } from "../../core/passes.ts";
import { explainDenied } from "../../core/denied.ts";
import { type Executor, HELD, type Pass } from "../../core/executor.ts";
import type { Graph } from "../../core/graph.ts";
import { PhaseFailure } from "../../core/node_host.ts";
import type { LoadProblem, NodeMessage, ReportMessage } from "../../core/protocol.ts";
import { forEachReported } from "../../core/report.ts";
import { describeThrown, rebuildThrown } from "../../core/thrown.ts";
import type { WorkerError } from "../../core/errors.ts";
import { Dispatcher, type Parts } from "./dispatcher.ts";
import type { WorkerEnd } from "../shared/ends.ts";
import type { Outcome } from "../shared/hands.ts";

import type { Loading } from "../../core/loading.ts";
import type { Pool } from "./pool.ts";
import type { PoolWorker, WorkerEvents } from "./worker.ts";

// As many nodes are asked for as keep the workers busy, and no more: each that waits takes memory.
const WINDOW = 4_096;
// How long a node that has asked for its signal is given to come to an end.
const GRACE_MS = 1_000;
const MOST_FAILED_STARTS = 3;
const MOST_IDLE_DEATHS = 5;

/** The executor of one run: what the run asks for, and what the workers tell. */
export class ParallelExecutor implements Executor, WorkerEvents {
  readonly #graph: Graph;
  readonly #setup: ExecutorSetup;
  readonly #loading: Loading;
  readonly #pool: Pool;
  readonly #dispatcher: Dispatcher;
  /** Workers that are coming to an end. */
  readonly #endings = new Set<Promise<void>>();
  #pass!: Pass;
  #failedStarts = 0;
  #hasGivenUp = false;
  #idleDeaths = 0;

  constructor(setup: ExecutorSetup, parts: Parts) {
    this.#setup = setup;
    this.#graph = setup.graph;
    this.#loading = parts.loading;
    this.#pool = parts.pool;
    this.#pool.events = this;
    this.#dispatcher = new Dispatcher(setup, parts);
  }

  get slots(): number {
    return WINDOW + this.#dispatcher.waitingCount;
  }

  begin(pass: Pass): void {
    this.#pass = pass;
    this.#dispatcher.begin(pass);
    for (const target of this.#graph.targetIndexes) {
      if (this.#graph.nodes[target].definition.kind !== "constructor") continue;
      this.#loading.keepOnHost(target, "it is a target, and an instance can't leave its worker");
    }
  }

  execute(i: number): unknown {
    const taken = this.#dispatcher.hands.take(i, this.#pass);
    if ("value" in taken) return taken.value;
    // What calls gave before does not count for an instance that is made anew: it has not seen them.
    if (this.#graph.nodes[i].definition.kind === "constructor") {
      this.#dispatcher.hands.forget((call) => this.#graph.instances[call] === i);
    }
    const worker = this.#dispatcher.places.sentTo(i);
    if (worker) this.#dispatcher.tellStart(worker);
    else this.#dispatcher.enqueue(i);
    return taken.promise;
  }

  workerOf(i: number): string | undefined {
    return this.#dispatcher.places.makerOf(i);
  }

  release(i: number): void {
    this.#dispatcher.places.release(i);
    this.#dispatcher.placer.release(i);
  }

  loaded(worker: PoolWorker, problems: readonly LoadProblem[]): void {
    this.#failedStarts = 0;
    this.#loading.note(problems);
    worker.isReady = true;
    this.#dispatcher.schedule();
  }

  report(worker: PoolWorker, report: ReportMessage): void {
    const { failure } = report;
    const done = worker.sent.splice(0, report.values.length);
    worker.latest = done.at(-1) ?? worker.latest;
    forEachReported(report, ({ position, value, durationMs, bytes, problem }) => {
      const i = done[position];
      if (worker.hasEnded(i)) return worker.release(i);
      this.#dispatcher.places.made(i, worker, bytes ?? 0);
      const id = this.#loading.idOf(i);
      if (id !== undefined) this.#dispatcher.costs.took(id, durationMs);
      let outcome: Outcome = { value };
      if (problem !== undefined) outcome = this.#withhold(i, problem);
      else if (bytes !== undefined && !this.#isDelivered(i)) outcome = { value: HELD };
      else if (this.#setup.readsBack) this.#dispatcher.places.release(i);
      this.#dispatcher.settle(i, outcome, durationMs);
    });
    if (failure) this.#fail(worker, failure);
    this.#dispatcher.costs.reported(worker, done.length);
    if (!report.isCut) this.#dispatcher.extend(worker);
    if (report.isCut) this.#dispatcher.requeue(worker, worker.sent.splice(0));
    this.#dispatcher.afterWork(worker);
  }

  #isDelivered(i: number): boolean {
    return this.#pass.isWanted(i) && this.#graph.nodes[i].definition.kind !== "constructor";
  }

  /** The host wants a value that can't be sent: a target is made anew on the host; what is only stored is not stored. */
  #withhold(i: number, problem: string): Outcome {
    this.#dispatcher.places.stuck.set(i, problem);
    if (this.#pass.isTarget(i)) return { error: this.#dispatcher.placer.bringHome(i) };
    this.#setup.warn(
      `"${
        this.#graph.nodes[i].name
      }" will run again next time, as its value can't be stored: ${problem}.`,
    );
    return { value: HELD };
  }

  #fail(worker: PoolWorker, failure: NonNullable<ReportMessage["failure"]>): void {
    const i = worker.sent.shift()!;
    if (worker.hasEnded(i)) return;
    this.#dispatcher.places.sent(i, undefined);
    const { phase, thrown, members } = failure;
    const error = new PhaseFailure(phase, rebuildThrown(thrown), members);
    this.#dispatcher.settle(i, { error });
  }

  gave(_worker: PoolWorker, message: NodeMessage & { type: "gave" | "withheld" }): void {
    const input = message.node;
    if (message.type === "withheld") {
      this.#dispatcher.places.stuck.set(input, message.problem);
      for (const traveller of this.#dispatcher.moves.failed(input)) {
        this.#dispatcher.strand(traveller);
      }
    } else {
      const { complete, isForHost } = this.#dispatcher.moves.arrived(input, message.value);
      if (isForHost) this.#pass.values[input] = message.value;
      for (const traveller of complete) this.#dispatcher.resume(traveller);
    }
    this.#dispatcher.schedule();
  }

  log(node: number, text: string): void {
    const name = node < 0 ? undefined : this.#graph.nodes[node].name;
    console.error(name === undefined ? text : text.replace(/^/gm, `${name} | `));
  }

  died(worker: PoolWorker, end: WorkerEnd): void {
    const running = worker.runningAtEnd();
    const sent = this.#bury(worker);
    const latest = sent[running - 1] ?? worker.latest;
    const name = latest === undefined ? undefined : this.#graph.nodes[latest].name;
    const error = worker.errorOf(end, name);
    if (!worker.isReady) this.#noteFailedStart(error);
    else if (running < 0) this.#noteIdleDeath(error);
    const culprit = sent[running];
    if (culprit !== undefined) {
      this.#dispatcher.settle(culprit, { error: new PhaseFailure("worker", error) });
    }
    this.#dispatcher.requeue(worker, sent.filter((i) => i !== culprit));
  }

  /** Forgets a worker that is gone, and gives the nodes that it had been sent. */
  #bury(worker: PoolWorker): number[] {
    worker.isAlive = false;
    const sent = worker.sent.splice(0);
    for (const i of sent) this.#dispatcher.places.sent(i, undefined);
    this.#dispatcher.hands.forget((i, value) =>
      value === HELD && !this.#dispatcher.places.holderOf(i)
    );
    for (const traveller of this.#dispatcher.moves.lost(worker)) this.#dispatcher.strand(traveller);
    worker.isCutting = false;
    this.#dispatcher.afterWork(worker);
    return sent;
  }

  /** What a node has left behind may end its worker again and again. */
  #noteIdleDeath(error: WorkerError): void {
    this.#setup.warn(`${error.message} No node was running in it; what it held is computed again.`);
    // One that was killed may fare better next time.
    if (error.cause !== undefined && ++this.#idleDeaths >= MOST_IDLE_DEATHS) {
      this.#dispatcher.giveUp(error);
    }
  }

  #noteFailedStart(error: WorkerError): void {
    const denied = explainDenied(error.cause);
    if (++this.#failedStarts < MOST_FAILED_STARTS && !denied) return;
    if (this.#hasGivenUp) return;
    this.#hasGivenUp = true;
    this.#setup.warn(
      `No worker can be started, so all nodes run on the host, one at a time: ${
        denied ?? error.message
      }`,
    );
    this.#loading.giveUp();
  }

  stop(): void {
    this.#dispatcher.stop();
  }

  abandon(i: number, reason: unknown): void {
    this.#dispatcher.hands.drop(i);
    for (const traveller of this.#dispatcher.moves.cancel(i)) this.#dispatcher.strand(traveller);
    if (this.#dispatcher.host.abandon(i, reason)) return this.#dispatcher.leaveHost();
    const worker = this.#dispatcher.places.sentTo(i);
    if (worker?.head === i) this.#interrupt(i, worker, reason);
  }

  cancel(reason: unknown): void {
    this.stop();
    for (const i of this.#dispatcher.hands.all()) this.abandon(i, reason);
    // Those that ran ahead of what the run has asked for.
    for (const worker of this.#pool.workers) {
      if (worker.isAlive && worker.head !== undefined) this.#interrupt(worker.head, worker, reason);
    }
  }

  /** Stops the running node of a worker: by asking it to, if it listens; else with the worker. */
  #interrupt(i: number, worker: PoolWorker, reason: unknown): void {
    if (worker.isAbandoned) return;
    this.#dispatcher.places.sent(i, undefined);
    const terminate = () => {
      this.#endings.add(worker.kill());
      this.#dispatcher.requeue(worker, this.#bury(worker));
    };
    const ended = worker.abandon(i, describeThrown(reason), GRACE_MS);
    if (!worker.hasAsked) return terminate();
    this.#endings.add(ended.then((hasEnded) => {
      if (!hasEnded && worker.isAlive) terminate();
    }));
  }

  async close(): Promise<void> {
    this.#dispatcher.stop();
    // One ending may be the beginning of another one.
    for (const ending of this.#endings) await ending;
    await this.#pool.close();
  }
}
