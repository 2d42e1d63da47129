/**
 * Carries out ready nodes on a Ray cluster, over the line to `driver.py`.
 *
 * Nodes become Ray's tasks, instances its actors; large values stay in its object store, and only the numbers of their nodes
 * travel. What can't leave this process runs here.
 */

import { EngineError } from "../../../core/errors.ts";
import { Broken, type Executor, HELD, NotRun, type Pass } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import { Loading } from "../../../core/loading.ts";
import { PhaseFailure } from "../../../core/node_host.ts";
import type { ExecutorSetup } from "../../../core/passes.ts";
import type { ReportMessage } from "../../../core/protocol.ts";
import { forEachReported, type ReportEntry } from "../../../core/report.ts";
import { rebuildThrown, type ThrownRecord } from "../../../core/thrown.ts";
import { Costs } from "../../shared/costs.ts";
import { Hands, type Outcome } from "../../shared/hands.ts";
import type { Cluster, DriverEvents, DriverLink } from "./driver_link.ts";
import { Failures } from "./failures.ts";
import { type Batch, Grouping } from "./grouping.ts";
import { Homes } from "./homes.ts";
import { HostWork } from "./host_work.ts";
import { countCpus, NeedsOfNodes } from "./needs.ts";
import { TaskWriter } from "./task_writer.ts";
import { type RayTask, Tasks } from "./tasks.ts";
import { type DriverFrame, encodeValue, type Where } from "./wire.ts";

/** What an executor for Ray is to know. */
export interface RayExecutorOptions {
  /** By what URL workers ask for the module that has one here. */
  readonly moduleInPackage: (url: string) => string;
  /** Takes what a node printed, or with `undefined` what its worker said outside of nodes. */
  readonly onLog: (node: number | undefined, text: string, worker: string) => void;
}

/**
 * Makes the executor of one run.
 *
 * @throws {EngineError} If a node needs what no machine of the cluster has, or there is no driver.
 */
export async function createRayExecutor(
  setup: ExecutorSetup,
  driver: DriverLink,
  options: RayExecutorOptions,
): Promise<Executor> {
  let cluster: Cluster;
  try {
    cluster = await driver.hello();
  } catch (error) {
    throw new EngineError(`The cluster can't be asked for anything: ${(error as Error).message}`);
  }
  const needs = new NeedsOfNodes(setup.graph);
  needs.check(cluster);
  const loading = await Loading.of(setup.graph, setup.initializations, setup.warn);
  const load = driver.nextNumber();
  driver.send({ op: "load", load }, encodeValue(inPackage(loading, options)));
  return new RayExecutor(setup, { driver, options, cluster, needs, loading, load });
}

/** What is to be looked up, with modules of the package as they are found wherever it is unpacked. */
function inPackage({ messages }: Loading, { moduleInPackage }: RayExecutorOptions) {
  return messages.map((item) => {
    if ("program" in item) return item;
    const module = moduleInPackage(item.reference.module);
    return { ...item, reference: { ...item.reference, module } };
  });
}

interface Parts {
  readonly driver: DriverLink;
  readonly options: RayExecutorOptions;
  readonly cluster: Cluster;
  readonly needs: NeedsOfNodes;
  readonly loading: Loading;
  readonly load: number;
}

// As many nodes are asked for as keep a large cluster busy, and no more: each that waits takes memory.
const WINDOW = 10_000;
// Microtasks from a node's promise to the run's taking note of it; one with a time limit has the most.
const HOPS = 6;
// What a node takes at least of which it is told that it runs.
const RUNNING_MS = 1_000;
// How much of Ray's ids tells its nodes apart.
const SHORT_ID = 8;
// So long it is waited for that what was cancelled has come to its end.
const LONGEST_END_MS = 15_000;

/** The executor of one run: what the run asks for, and what the driver tells. */
class RayExecutor implements Executor, DriverEvents {
  readonly slots = WINDOW;
  readonly #graph: Graph;
  readonly #setup: ExecutorSetup;
  readonly #driver: DriverLink;
  readonly #onLog: RayExecutorOptions["onLog"];
  readonly #loading: Loading;
  readonly #hands = new Hands();
  readonly #costs = new Costs();
  readonly #homes: Homes;
  readonly #writer: TaskWriter;
  readonly #tasks: Tasks;
  readonly #grouping: Grouping;
  readonly #failures: Failures;
  readonly #host: HostWork;
  /** Ready nodes that were not looked at yet. */
  #queue: number[] = [];
  #pass!: Pass;
  #isStopped = false;
  #isDispatching = false;
  #broken: Broken | undefined;
  /** Of each node that ran in the cluster, where. */
  readonly #workers = new Map<number, string>();
  readonly #isIpUnique: boolean;

  constructor(setup: ExecutorSetup, { driver, options, cluster, needs, loading, load }: Parts) {
    const { graph } = setup;
    this.#setup = setup;
    this.#graph = graph;
    this.#driver = driver;
    this.#onLog = options.onLog;
    this.#loading = loading;
    const homes = this.#homes = new Homes(setup, loading, driver);
    const writer = this.#writer = new TaskWriter(graph, loading, homes.refs);
    this.#tasks = new Tasks({ graph, driver, needs, homes, writer, load });
    this.#failures = new Failures(graph, homes);
    this.#grouping = new Grouping({
      graph,
      loading,
      needs,
      costs: this.#costs,
      cpus: countCpus(cluster),
      canGoAhead: (i) =>
        !this.#hands.has(i) && !this.#hands.isAhead(i) && !this.#tasks.of(i) &&
        !homes.obstacle(i, this.#pass.values) && !homes.isHosted(i),
      isLoner: (i) => setup.readsBack || this.#failures.isLoner(i),
    });
    this.#host = new HostWork(setup, {
      hands: this.#hands,
      driver,
      settle: (i, outcome, durationMs) => this.#settle(i, outcome, durationMs),
    });
    const addresses = cluster.nodes.filter(({ alive }) => alive).map(({ address }) => address);
    this.#isIpUnique = new Set(addresses).size === addresses.length;
    driver.events = this;
    if (driver.end !== undefined) this.ended(driver.end);
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
    const taken = this.#hands.take(i, this.#pass);
    if ("value" in taken) return taken.value;
    // What calls gave before does not count for an instance that is made anew: it has not seen them.
    if (this.#graph.nodes[i].definition.kind === "constructor") {
      this.#hands.forget((call) => this.#graph.instances[call] === i);
    }
    const task = this.#tasks.of(i);
    if (!task) this.#enqueue(i);
    else if (task.isStarted) this.#hands.start(i, this.#pass);
    return taken.promise;
  }

  workerOf(i: number): string | undefined {
    return this.#workers.get(i);
  }

  release(i: number): void {
    this.#homes.release(i);
    this.#writer.release(i);
    this.#schedule();
  }

  #enqueue(i: number): void {
    if (!this.#hands.has(i)) return;
    if (this.#broken) return this.#settle(i, { error: this.#broken });
    if (this.#isStopped) return this.#settle(i, { error: new NotRun() });
    this.#queue.push(i);
    this.#schedule();
  }

  #settle(i: number, outcome: Outcome, durationMs = 0): void {
    if ("error" in outcome && outcome.error instanceof Broken) this.#breakDown(outcome.error);
    this.#hands.settle(i, outcome, this.#pass, durationMs);
  }

  /** Nothing can be run any more: whatever waits ends. */
  #breakDown(broken: Broken): void {
    if (this.#broken) return;
    this.#broken = broken;
    for (const i of this.#takeWaiting()) this.#enqueue(i);
  }

  #takeWaiting(): number[] {
    return [...this.#queue.splice(0), ...this.#grouping.takeAll(), ...this.#host.takeAll()];
  }

  #schedule(): void {
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    // Only once the run has taken note of what was settled, so that what becomes ready together goes together.
    let hops = HOPS;
    const hop = () => {
      if (hops-- > 0) return queueMicrotask(hop);
      this.#isDispatching = false;
      this.#dispatch();
    };
    hop();
  }

  #dispatch(): void {
    for (const i of this.#queue.splice(0)) if (this.#hands.has(i)) this.#place(i);
    const isWaiting = (i: number) => this.#hands.has(i) && !this.#tasks.of(i);
    for (const batch of this.#grouping.take(this.#pass, isWaiting)) this.#send(batch);
    this.#host.pump(this.#pass);
    this.#homes.refs.flush();
  }

  #place(i: number): void {
    const obstacle = this.#homes.obstacle(i, this.#pass.values);
    if (obstacle) return this.#settle(i, { error: obstacle });
    if (this.#homes.isHosted(i)) return this.#host.add(i);
    const isConstructor = this.#graph.nodes[i].definition.kind === "constructor";
    const mayShare = !isConstructor && this.#grouping.mayShare(i);
    if (mayShare && this.#graph.instances[i] < 0) return this.#grouping.add(i);
    const nodes = [i];
    if (mayShare) this.#grouping.follow(nodes, this.#pass);
    this.#send({ nodes, isQuick: false });
  }

  #send(batch: Batch): void {
    try {
      this.#grouping.sent(this.#tasks.send(batch, this.#pass));
    } catch (error) {
      // One that can't be sent is not to fail the others.
      if (batch.nodes.length === 1) return this.#settle(batch.nodes[0], { error });
      for (const i of batch.nodes) {
        if (this.#hands.has(i)) this.#send({ nodes: [i], isQuick: false });
      }
    }
  }

  /** A task is over; gives which it was, unless nobody knows it any more. */
  #take(number: number): RayTask | undefined {
    const task = this.#tasks.find(number);
    if (!task) return undefined;
    this.#tasks.ended(task);
    this.#grouping.ended(task);
    this.#schedule();
    return task;
  }

  started({ task: number, where }: DriverFrame & { ev: "started" }): void {
    const task = this.#tasks.find(number);
    if (!task) return;
    task.isStarted = true;
    const [first] = task.nodes;
    this.#workers.set(first, this.#nameOf(where));
    if (this.#tasks.of(first) === task) this.#hands.start(first, this.#pass);
    const id = this.#loading.idOf(first);
    if (id === undefined || task.nodes.length > 1 || this.#costs.msOf(id) !== undefined) return;
    this.#costs.took(id, RUNNING_MS);
    this.#schedule();
  }

  done({ task: number, where, held }: DriverFrame & { ev: "done" }, report: ReportMessage): void {
    const task = this.#take(number);
    if (!task) return;
    const worker = this.#nameOf(where);
    const isHeld = new Set(held.map(([node]) => node));
    const { length } = report.values;
    forEachReported(report, (entry) => {
      const i = task.nodes[entry.position];
      const id = this.#loading.idOf(i);
      if (id !== undefined) this.#costs.took(id, entry.durationMs);
      // Of a try that is not waited for any more, nothing is kept but what a later one has put in its place.
      if (!this.#tasks.leave(i, task)) return;
      this.#workers.set(i, worker);
      if (task.returns.has(i)) this.#homes.refs.add(i);
      if (isHeld.has(i) && this.#pass.isWanted(i)) return this.#fetch(i, entry.durationMs);
      const outcome = this.#outcomeOf(i, task, entry, isHeld.has(i));
      this.#settle(i, outcome, entry.durationMs);
    });
    const { failure } = report;
    if (failure) {
      const i = task.nodes[length];
      if (this.#tasks.leave(i, task)) {
        this.#workers.set(i, worker);
        const { phase, thrown, members } = failure;
        this.#settle(i, { error: new PhaseFailure(phase, rebuildThrown(thrown), members) });
      }
    }
    this.#again(task, task.nodes.slice(length + (failure ? 1 : 0)));
  }

  /** What a node gave, if that need not be fetched. */
  #outcomeOf(i: number, task: RayTask, { value, problem }: ReportEntry, isHeld: boolean): Outcome {
    if (this.#graph.nodes[i].definition.kind === "constructor") return { value: HELD };
    if (problem !== undefined) {
      this.#homes.refs.drop(i);
      return this.#withhold(i, task, problem);
    }
    if (isHeld) return { value: HELD };
    // It is here: readers get it from here.
    this.#homes.refs.drop(i);
    return { value: task.returns.has(i) || value !== undefined ? value : HELD };
  }

  /** A value that was asked for can't leave its worker: it is made anew here, unless it was only to be stored. */
  #withhold(i: number, task: RayTask, problem: string): Outcome {
    const isSaved = this.#pass.isWanted(i) && !this.#pass.isTarget(i);
    const readers = this.#writer.readersAmong(i, new Set(task.nodes));
    if (this.#pass.readersLeft(i) > readers) {
      // The storage says itself that it can't keep it.
      return { error: this.#homes.bringHome(i, problem, isSaved) };
    }
    this.#setup.warn(
      `"${
        this.#graph.nodes[i].name
      }" will run again next time, as its value can't be stored: ${problem}.`,
    );
    return { value: HELD };
  }

  /** Gets a large value that the host itself needs. */
  async #fetch(i: number, durationMs: number): Promise<void> {
    let outcome: Outcome;
    try {
      const got = await this.#driver.get(i);
      outcome = "value" in got ? got : { error: this.#failures.lose([i], "Ray has not kept it.") };
    } catch (error) {
      outcome = { error: this.#broken ?? new Broken(engineError(error)) };
    }
    // Readers are to be given what the host reads back.
    if (this.#setup.readsBack) this.#homes.refs.drop(i);
    this.#settle(i, outcome, durationMs);
  }

  failed(frame: DriverFrame & { ev: "failed" }, thrown: ThrownRecord | undefined): void {
    const task = this.#take(frame.task);
    if (!task) return;
    const verdict = this.#failures.judge(task, frame, thrown);
    // Of what ran ahead, what was lost must not count.
    this.#hands.forget((i, value) => value === HELD && frame.lost.includes(i));
    if (!("error" in verdict)) return this.#again(task, task.nodes);
    for (const i of task.nodes) {
      if (frame.where) this.#workers.set(i, this.#nameOf(frame.where));
      if (this.#tasks.leave(i, task)) this.#settle(i, { error: verdict.error });
    }
  }

  /** Nodes that have not run wait again. */
  #again(task: RayTask, nodes: readonly number[]): void {
    for (const i of nodes) if (this.#tasks.leave(i, task)) this.#enqueue(i);
  }

  log({ node, text, where }: DriverFrame & { ev: "log" }): void {
    this.#onLog(node < 0 ? undefined : node, text, this.#nameOf(where));
  }

  ended(why: string): void {
    this.#breakDown(new Broken(engineError(why)));
    for (const task of this.#tasks.all()) {
      this.#tasks.ended(task);
      for (const i of task.nodes) if (this.#tasks.leave(i, task)) this.#enqueue(i);
    }
  }

  #nameOf({ node, ip, pid }: Where): string {
    return `${this.#isIpUnique || node === "" ? ip : node.slice(0, SHORT_ID)}/${pid}`;
  }

  stop(): void {
    this.#isStopped = true;
    for (const i of this.#takeWaiting()) this.#enqueue(i);
  }

  abandon(i: number, reason: unknown): void {
    this.#hands.drop(i);
    this.#host.abandon(i, reason);
    const task = this.#tasks.of(i);
    if (!task) return;
    this.#tasks.leave(i, task);
    if (!task.nodes.some((node) => this.#tasks.of(node) === task)) this.#tasks.cancel(task);
  }

  cancel(reason: unknown): void {
    this.stop();
    for (const i of this.#hands.all()) this.abandon(i, reason);
    for (const task of this.#tasks.all()) this.#tasks.cancel(task);
  }

  async close(): Promise<void> {
    this.stop();
    for (const task of this.#tasks.all()) this.#tasks.cancel(task);
    await this.#tasks.waitForNone(LONGEST_END_MS);
    this.#homes.close();
    if (this.#driver.events === this) this.#driver.events = undefined;
  }
}

function engineError(why: unknown): EngineError {
  const text = why instanceof Error ? why.message : String(why);
  return new EngineError(
    `The run's driver on the Ray cluster has come to an end: ${text} Start the run again.`,
  );
}
