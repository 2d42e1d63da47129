/** Gives nodes that are ready to workers, and to the host, as they can take them. */

import type { ExecutorSetup } from "../../core/passes.ts";
import { WorkerError } from "../../core/errors.ts";
import { NotRun, type Pass } from "../../core/executor.ts";
import { PhaseFailure } from "../../core/node_host.ts";
import { afterSettling } from "../shared/after_settling.ts";
import { Hands, type Outcome } from "../shared/hands.ts";
import { HostLane } from "../shared/host_lane.ts";
import { WorkerCosts } from "./costs.ts";
import { IdleWatch } from "./idle_watch.ts";
import type { Loading } from "../../core/loading.ts";
import { Moves, type Traveller } from "./moves.ts";
import { Places } from "./places.ts";
import { Placer } from "./placer.ts";
import type { Pool } from "./pool.ts";
import { type Placement, Queue } from "./queue.ts";
import type { Needs, Resources } from "./resources.ts";
import { Sender } from "./sender.ts";
import type { PoolWorker } from "./worker.ts";

/** What a dispatcher is made of. */
export interface Parts {
  readonly loading: Loading;
  readonly resources: Resources;
  readonly pool: Pool;
}

/** The dispatcher of one run. */
export class Dispatcher {
  readonly #loading: Loading;
  readonly #resources: Resources;
  readonly #pool: Pool;
  readonly #sender: Sender;
  readonly #idleWatch: IdleWatch;
  readonly #queue = new Queue();
  readonly places: Places;
  readonly moves: Moves;
  readonly placer: Placer;
  readonly host: HostLane;
  readonly costs = new WorkerCosts();
  readonly hands = new Hands();
  readonly schedule: () => void = afterSettling(() => this.#dispatch());
  #pass!: Pass;
  /** What the node that has the host took of the resources. */
  #hostNeeds: Needs | undefined;
  #isStopped = false;
  #fatal: WorkerError | undefined;

  constructor(setup: ExecutorSetup, { loading, resources, pool }: Parts) {
    this.#loading = loading;
    this.#resources = resources;
    this.#pool = pool;
    this.places = new Places(setup.graph.nodes.length, pool.workers);
    this.moves = new Moves(setup.graph, this.places);
    this.host = new HostLane(setup);
    const { costs, places, hands } = this;
    const isDone = (i: number) => hands.isAhead(i);
    this.#sender = new Sender(setup, { loading, resources, costs, places, isDone });
    this.placer = new Placer(setup.graph, { loading, resources, pool, places, costs });
    const canGoElsewhere = (i: number) => hands.has(i) && setup.graph.instances[i] < 0;
    this.#idleWatch = new IdleWatch(pool.workers, canGoElsewhere);
  }

  /** How many nodes wait for something else than a free worker. */
  get waitingCount(): number {
    return this.#queue.waitingCount;
  }

  begin(pass: Pass): void {
    this.#pass = pass;
    this.#isStopped = false;
  }

  /** Nothing more is begun: what waits is not run. */
  stop(): void {
    this.#isStopped = true;
    this.#idleWatch.stop();
    for (const i of this.#queue.takeAll()) this.enqueue(i);
    for (const worker of this.#pool.workers) if (worker.isAlive) this.takeBack(worker);
  }

  /** Nothing more can be run: whatever waits fails. */
  giveUp(error: WorkerError): void {
    this.#fatal = error;
    for (const i of this.#queue.takeAll()) this.enqueue(i);
  }

  /** Sends a worker what follows the nodes that it has, now that there is room. */
  extend(worker: PoolWorker): void {
    if (this.#isStopped || worker.frontier.length === 0) return;
    this.#sender.extend(worker, this.#pass);
    worker.flush();
  }

  enqueue(i: number): void {
    if (!this.hands.has(i)) return;
    if (this.#isStopped) return this.settle(i, { error: new NotRun() });
    if (this.#fatal) return this.settle(i, { error: new PhaseFailure("worker", this.#fatal) });
    this.#queue.add(i, this.#resources.of(i));
    this.schedule();
  }

  /** Gives workers, and the host, what they can take now. */
  #dispatch(): void {
    if (this.#pool.isClosed) return;
    this.#queue.forEachFitting(this.#resources, (i, needs) => this.#place(i, needs));
    for (const worker of this.#pool.workers) {
      worker.flush();
      this.tellStart(worker);
    }
    if (this.#isStopped || this.#queue.size > 0) return this.#idleWatch.stop();
    for (const worker of this.#idleWatch.look(() => this.#dispatch())) this.takeBack(worker);
  }

  #place(i: number, needs: Needs): Placement {
    if (!this.hands.has(i)) return "placed";
    const changed = this.#loading.changedFor(i);
    if (changed !== undefined) {
      return this.#end(i, { error: failureOf(`${changed}: start the run again.`) });
    }
    const home = this.placer.findHome(i, this.#pass.values);
    if (home instanceof NotRun) return this.#end(i, { error: home });
    if (this.#loading.idOf(i) === undefined) return this.#placeOnHost(i, needs);
    const worker = this.placer.choose(i, home, needs, this.#queue.size);
    if (!worker) return home.isBound ? "waits" : "full";
    if (this.#loading.keepsArguments(i)) return this.#placeOnHost(i, needs);
    this.#assign(i, worker, needs);
    return "placed";
  }

  #end(i: number, outcome: Outcome): Placement {
    this.settle(i, outcome);
    return "placed";
  }

  #assign(i: number, worker: PoolWorker, needs: Needs): void {
    if (!worker.needs) {
      worker.needs = needs;
      this.#resources.take(needs);
    }
    const traveller = this.moves.fetch(i, worker, this.#pass);
    if (traveller.missing > 0) worker.incoming++;
    else this.send(i, worker);
  }

  send(i: number, worker: PoolWorker): void {
    try {
      this.#sender.send(i, worker, this.#pass);
    } catch (error) {
      this.settle(i, { error: new PhaseFailure("initialize", error) });
      this.afterWork(worker);
    }
  }

  #placeOnHost(i: number, needs: Needs): Placement {
    if (!this.host.take()) return "waits";
    this.#hostNeeds = this.#resources.withoutCpus(needs);
    this.#resources.take(this.#hostNeeds);
    if (this.moves.fetch(i, "host", this.#pass).missing === 0) this.runOnHost(i);
    return "placed";
  }

  runOnHost(i: number): void {
    const started = () => this.hands.start(i, this.#pass);
    this.host.run(i, this.#pass.values, started, (outcome, durationMs) => {
      this.leaveHost();
      this.settle(i, outcome, durationMs);
    });
  }

  leaveHost(): void {
    this.host.leave();
    if (this.#hostNeeds) this.#resources.giveBack(this.#hostNeeds);
    this.#hostNeeds = undefined;
    this.schedule();
  }

  /** Tells the run that the node at a worker's head has started. */
  tellStart(worker: PoolWorker): void {
    if (worker.head !== undefined) this.hands.start(worker.head, this.#pass);
  }

  settle(i: number, outcome: Outcome, durationMs = 0): void {
    this.hands.settle(i, outcome, this.#pass, durationMs);
  }

  /** Nodes that a worker was sent and has not begun wait again. */
  requeue(worker: PoolWorker, nodes: readonly number[]): void {
    worker.frontier.length = 0;
    for (const i of nodes) {
      this.places.sent(i, undefined);
      this.enqueue(i);
    }
    this.costs.reported(worker, nodes.length);
  }

  afterWork(worker: PoolWorker): void {
    if (worker.isIdle && worker.needs) {
      this.#resources.giveBack(worker.needs);
      worker.needs = undefined;
    }
    this.schedule();
  }

  /** A node whose values are all there, or on their way with it, goes on. */
  resume({ node, to }: Traveller): void {
    const isWaitedFor = this.hands.has(node);
    if (to === "host") {
      if (isWaitedFor) this.runOnHost(node);
      else this.leaveHost();
      return;
    }
    to.incoming--;
    if (isWaitedFor && this.#isStopped) this.settle(node, { error: new NotRun() });
    else if (isWaitedFor) this.send(node, to);
    this.afterWork(to);
  }

  /** A node that waited for values waits for a place again. */
  strand({ node, to }: Traveller): void {
    if (to === "host") this.leaveHost();
    else {
      to.incoming--;
      this.afterWork(to);
    }
    this.enqueue(node);
  }

  takeBack(worker: PoolWorker): void {
    const kept = worker.takeBack();
    this.requeue(worker, worker.sent.splice(kept));
  }
}

function failureOf(message: string): PhaseFailure {
  return new PhaseFailure("worker", new WorkerError(message));
}
