/**
 * Carries out ready nodes on a Ray cluster, over the line to `driver.py`.
 *
 * Nodes become Ray's tasks, instances its actors; large values stay in its object store, and only the numbers of their nodes
 * travel. What can't leave this process runs here.
 */

import { EngineError } from "../../../core/errors.ts";
import { Broken, type Executor, NotRun, type Pass } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import { Loading } from "../../../core/loading.ts";
import type { ExecutorSetup } from "../../../core/passes.ts";
import { afterSettling } from "../../shared/after_settling.ts";
import { Costs } from "../../shared/costs.ts";
import { Hands, type Outcome } from "../../shared/hands.ts";
import type { Cluster, DriverLink } from "./driver_link.ts";
import { Failures } from "./failures.ts";
import { type Batch, Grouping } from "./grouping.ts";
import { Homes } from "./homes.ts";
import { HostWork } from "./host_work.ts";
import { Listener } from "./listener.ts";
import { Lookout } from "./lookout.ts";
import { countCpus, NeedsOfNodes } from "./needs.ts";
import { TaskWriter } from "./task_writer.ts";
import { Tasks } from "./tasks.ts";
import { encodeValue } from "./wire.ts";

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
// So long it is waited for that what was cancelled has come to its end.
const LONGEST_END_MS = 15_000;

/** The executor of one run: what the run asks for. */
class RayExecutor implements Executor {
  readonly slots = WINDOW;
  readonly #graph: Graph;
  readonly #driver: DriverLink;
  readonly #loading: Loading;
  readonly #hands = new Hands();
  readonly #homes: Homes;
  readonly #writer: TaskWriter;
  readonly #tasks: Tasks;
  readonly #grouping: Grouping;
  readonly #failures: Failures;
  readonly #host: HostWork;
  readonly #listener: Listener;
  readonly #lookout: Lookout;
  /** Ready nodes that were not looked at yet. */
  readonly #queue: number[] = [];
  readonly #schedule = afterSettling(() => this.#dispatch());
  #pass!: Pass;
  #isStopped = false;
  #broken: Broken | undefined;

  constructor(setup: ExecutorSetup, { driver, options, cluster, needs, loading, load }: Parts) {
    const { graph, readsBack } = setup;
    const [hands, costs] = [this.#hands, new Costs()];
    this.#graph = graph;
    this.#driver = driver;
    this.#loading = loading;
    const homes = this.#homes = new Homes(setup, loading, driver);
    const writer = this.#writer = new TaskWriter(graph, loading, homes.refs);
    const tasks = this.#tasks = new Tasks({ graph, driver, needs, homes, writer, load });
    const failures = this.#failures = new Failures(graph, homes);
    const grouping = this.#grouping = new Grouping({
      graph,
      loading,
      needs,
      costs,
      canGoAhead: (i) => this.#canGoAhead(i),
      isLoner: (i) => readsBack || failures.isLoner(i),
    }, countCpus(cluster));
    const settle = (i: number, outcome: Outcome, durationMs = 0) =>
      this.#settle(i, outcome, durationMs);
    this.#host = new HostWork(setup, {
      hands,
      driver,
      settle: (i, outcome, durationMs) => {
        this.#listener.ranHere(i);
        settle(i, outcome, durationMs);
      },
    });
    this.#listener = new Listener(setup, {
      ...{ hands, costs, homes, writer, tasks, failures, grouping, loading, driver, cluster },
      onLog: options.onLog,
      settle,
      again: (i) => this.#enqueue(i),
      schedule: this.#schedule,
      breakDown: (broken) => this.#breakDown(broken),
    });
    this.#lookout = new Lookout({
      ...{ graph, driver, needs, tasks, warn: setup.warn },
      waiting: () => hands.all().filter((i) => !homes.isHosted(i)),
      seen: (cluster) => {
        grouping.cpus = countCpus(cluster);
        this.#schedule();
      },
    });
    this.#lookout.begin();
    driver.events = this.#listener;
    if (driver.end !== undefined) this.#listener.ended(driver.end);
  }

  begin(pass: Pass): void {
    this.#pass = this.#listener.pass = pass;
    this.#isStopped = false;
    this.#failures.begin();
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
    return this.#listener.workerOf(i);
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

  #dispatch(): void {
    for (const i of this.#queue.splice(0)) if (this.#hands.has(i)) this.#place(i);
    const isWaiting = (i: number) => this.#hands.has(i) && !this.#tasks.of(i);
    for (const batch of this.#grouping.take(this.#pass, isWaiting)) this.#send(batch);
    this.#host.pump(this.#pass);
    this.#homes.refs.tidy();
  }

  /** Whether a node may be sent before the run asks for it. */
  #canGoAhead(i: number): boolean {
    return !this.#hands.has(i) && !this.#hands.isAhead(i) && !this.#tasks.of(i) &&
      !this.#homes.obstacle(i, this.#pass.values) && !this.#homes.isHosted(i);
  }

  #place(i: number): void {
    const obstacle = this.#homes.obstacle(i, this.#pass.values);
    if (obstacle) return this.#settle(i, { error: this.#failures.judgeObstacle(obstacle) });
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
    this.#lookout.end();
    this.stop();
    for (const task of this.#tasks.all()) this.#tasks.cancel(task);
    await this.#tasks.waitForNone(LONGEST_END_MS);
    this.#homes.close();
    if (this.#driver.events === this.#listener) this.#driver.events = undefined;
  }
}
