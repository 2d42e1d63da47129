/** Writes nodes into messages: a node that is ready, and those that can only come after it. */

import type { ExecutorSetup } from "../../core/passes.ts";
import { encodeCall } from "../../core/calls.ts";
import { HELD, type Pass } from "../../core/executor.ts";
import { argsOf } from "../../core/graph.ts";
import { isSmall } from "../../core/holdings.ts";
import { RUN } from "../../core/plan.ts";
import type { WorkerCosts } from "./costs.ts";
import type { Loading } from "../../core/loading.ts";
import type { Places } from "./places.ts";
import type { Resources } from "./resources.ts";
import type { PoolWorker } from "./worker.ts";

/** What sending depends on. */
export interface SenderParts {
  readonly loading: Loading;
  readonly resources: Resources;
  readonly costs: WorkerCosts;
  readonly places: Places;
  /** Whether a node has been run already, before the run asked for it. */
  isDone(node: number): boolean;
}

/** The sender of one run. */
export class Sender {
  readonly #setup: ExecutorSetup;
  readonly #parts: SenderParts;

  constructor(setup: ExecutorSetup, parts: SenderParts) {
    this.#setup = setup;
    this.#parts = parts;
  }

  /**
   * Puts a node, and what follows it, into the next message to a worker.
   *
   * @throws {TypeError} If what prepares the node's environment can't be sent.
   */
  send(i: number, worker: PoolWorker, pass: Pass): void {
    this.#write(i, worker, pass);
    if (!worker.needs!.isPlain || this.#setup.readsBack) return;
    worker.frontier.push(i);
    this.extend(worker, pass);
  }

  /** Goes on with what follows the nodes that a worker was sent, as far as there is room. */
  extend(worker: PoolWorker, pass: Pass): void {
    const { frontier } = worker;
    while (frontier.length > 0) {
      const node = frontier[frontier.length - 1];
      // Reported: what follows is for the run to say.
      if (this.#parts.places.sentTo(node) === worker && !this.#follow(node, worker, pass)) return;
      frontier.splice(frontier.indexOf(node), 1);
    }
  }

  /** Sends what follows a node; gives whether there was room for all of it. */
  #follow(i: number, worker: PoolWorker, pass: Pass): boolean {
    const { dependents, dependentOffsets } = this.#setup.graph;
    const { loading, costs } = this.#parts;
    const from = dependentOffsets[i];
    const to = dependentOffsets[i + 1];
    // Of several, only those that are not worth being run side by side.
    const MOST = 8;
    if (to - from > MOST) return true;
    const isOnly = (node: number) => {
      for (let at = from; at < to; at++) if (dependents[at] !== node) return false;
      return true;
    };
    for (let at = from; at < to; at++) {
      const node = dependents[at];
      if (!this.#canFollow(node, worker, pass)) continue;
      if (!costs.isTiny(loading.idOf(node)!) && !isOnly(node)) continue;
      if (!costs.hasRoom(worker)) return false;
      this.#write(node, worker, pass);
      worker.frontier.push(node);
      if (worker.isFull) worker.flush();
    }
    return true;
  }

  #write(i: number, worker: PoolWorker, pass: Pass): void {
    const { nodes, inputs, inputOffsets, instances } = this.#setup.graph;
    const { loading, costs, places } = this.#parts;
    const { values } = pass;
    const head = {
      node: i,
      id: loading.idOf(i)!,
      instance: instances[i],
      isWanted: pass.isWanted(i),
    };
    const calls = worker.add(i, loading.preparationOf(i));
    places.sent(i, worker);
    costs.sent(worker, head.id);
    if (nodes[i].definition.kind === "constructor") worker.instances++;
    encodeCall(calls, head, argsOf(this.#setup.graph, i), {
      inputs,
      from: inputOffsets[i],
      // A small value travels as an argument: nothing has to be held or let go of.
      isInline: (input) =>
        !places.willBeAt(input, worker) && values[input] !== HELD && isSmall(values[input]),
      values,
    });
  }

  /** Whether a node waits for nothing that is not in the worker, or will be when its turn comes. */
  #canFollow(i: number, worker: PoolWorker, pass: Pass): boolean {
    const { nodes, inputs, inputOffsets, instances, previous } = this.#setup.graph;
    const { loading, resources, places, isDone } = this.#parts;
    if (pass.actions[i] !== RUN || isDone(i) || places.sentTo(i)) return false;
    if (nodes[i].definition.kind === "constructor" || !resources.of(i).isPlain) return false;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      if (!places.willBeAt(inputs[at], worker)) return false;
    }
    if (instances[i] >= 0 && !places.willBeAt(instances[i], worker)) return false;
    const before = previous[i];
    if (before >= 0 && pass.actions[before] === RUN && places.sentTo(before) !== worker) {
      return false;
    }
    return loading.idOf(i) !== undefined && loading.changedFor(i) === undefined &&
      !loading.keepsArguments(i);
  }
}
