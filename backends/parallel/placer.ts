/** Where a node runs: on which worker, or on the host. */

import { HELD, NotRun } from "../../core/executor.ts";
import type { Graph } from "../../core/graph.ts";
import { isSmall } from "../../core/holdings.ts";
import { findUnmovable } from "../../core/movable.ts";
import type { WorkerCosts } from "./costs.ts";
import type { Loading } from "../../core/loading.ts";
import type { Places } from "./places.ts";
import type { Pool } from "./pool.ts";
import type { Needs, Resources } from "./resources.ts";
import type { PoolWorker } from "./worker.ts";

/** Where a node had best run, or has to. */
export interface Home {
  readonly worker?: PoolWorker;
  readonly isBound: boolean;
}

/** What placing depends on. */
export interface PlacerParts {
  readonly loading: Loading;
  readonly resources: Resources;
  readonly pool: Pool;
  readonly places: Places;
  readonly costs: WorkerCosts;
}

/** Finds places for the nodes of one run. */
export class Placer {
  readonly #graph: Graph;
  readonly #loading: Loading;
  readonly #resources: Resources;
  readonly #pool: Pool;
  readonly #places: Places;
  readonly #costs: WorkerCosts;
  /** Of each value on the host that was looked at, why it can't be sent, or an empty text. */
  readonly #hostProblems = new Map<number, string>();

  constructor(graph: Graph, parts: PlacerParts) {
    this.#graph = graph;
    this.#loading = parts.loading;
    this.#resources = parts.resources;
    this.#pool = parts.pool;
    this.#places = parts.places;
    this.#costs = parts.costs;
  }

  /** Nobody needs the node's value any more. */
  release(i: number): void {
    if (this.#hostProblems.size > 0) this.#hostProblems.delete(i);
  }

  /** The worker where a node has to run, or had best run; or why it can't run now. */
  findHome(i: number, values: readonly unknown[]): Home | NotRun {
    if (this.#loading.idOf(i) !== undefined && this.#readsStuckOnHost(i, values)) {
      this.#loading.follow(i);
    }
    const { instances, inputs, inputOffsets } = this.#graph;
    const isHosted = this.#loading.idOf(i) === undefined;
    const own = instances[i];
    if (isHosted && own >= 0 && values[own] === HELD) {
      // The instance was made before anybody knew: it is made anew on the host.
      return new NotRun([own]);
    }
    const instance = isHosted ? -1 : own;
    let worker = instance < 0 ? undefined : this.#places.holderOf(instance);
    if (instance >= 0 && !worker) return new NotRun([instance]);
    let isBound = worker !== undefined;
    let largest = 0;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (values[input] !== HELD) continue;
      const holder = this.#places.holderOf(input);
      if (!holder) return new NotRun([input]);
      const size = this.#places.sizeOf(input);
      if (this.#places.stuck.has(input)) {
        if (isHosted || (isBound && worker !== holder)) return this.bringHome(input);
        worker = holder;
        isBound = true;
      } else if (!isBound && size >= largest) {
        worker = holder;
        largest = size;
      }
    }
    return { worker, isBound };
  }

  /** Whether a value on the host that can't be sent is among what a node reads. */
  #readsStuckOnHost(i: number, values: readonly unknown[]): boolean {
    const { inputs, inputOffsets } = this.#graph;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      const value = values[input];
      if (value === HELD || isSmall(value) || this.#places.holderOf(input)) continue;
      let problem = this.#hostProblems.get(input);
      if (problem === undefined) {
        this.#hostProblems.set(input, problem = findUnmovable(value) ?? "");
      }
      if (problem !== "") return true;
    }
    return false;
  }

  /** A value that can't leave its worker is needed elsewhere: the host, which sends nothing, makes it anew. */
  bringHome(input: number): NotRun {
    const instance = this.#graph.instances[input];
    this.#loading.keepOnHost(input, `its value can't be sent: ${this.#places.stuck.get(input)}`);
    const lost = instance < 0 ? [input] : [input, instance];
    for (const i of lost) this.#places.release(i);
    return new NotRun(lost);
  }

  /** The worker for a node: where most of what it reads lies, unless another one would be idle. */
  choose(
    i: number,
    { worker: preferred, isBound }: Home,
    needs: Needs,
    waiting: number,
  ): PoolWorker | undefined {
    const isInstance = this.#graph.nodes[i].definition.kind === "constructor";
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
    if (this.#resources.fit(needs).cpus) this.#pool.grow(needs.isLimited, waiting);
    return isTooEarly ? undefined : best;
  }

  #canTake(worker: PoolWorker, needs: Needs, isBound: boolean): boolean {
    if (!worker.isReady || !worker.isAlive || worker.isCutting) return false;
    // A node that is bound to a worker has no choice: if that can't be stopped, its time limit is only looked at.
    if (needs.isLimited && !worker.canStop && !isBound) return false;
    if (worker.isIdle) return this.#resources.fit(needs).cpus;
    return needs.isPlain && worker.needs === needs && this.#costs.hasRoom(worker);
  }
}
