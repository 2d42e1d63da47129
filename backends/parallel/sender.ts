/** Writes nodes into messages: a node that is ready, and those that can only come after it. */

import type { ExecutorSetup } from "../../core/backend.ts";
import { encodeCall } from "../../core/calls.ts";
import { HELD, type Pass } from "../../core/executor.ts";
import { isSmall } from "../../core/holdings.ts";
import { RUN } from "../../core/plan.ts";
import type { Costs } from "./costs.ts";
import type { Loading } from "./loading.ts";
import type { Places } from "./places.ts";
import type { Resources } from "./resources.ts";
import type { PoolWorker } from "./worker.ts";

/** What sending depends on. */
export interface SenderParts {
  readonly loading: Loading;
  readonly resources: Resources;
  readonly costs: Costs;
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
    const open = [i];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const follower of this.#followersOf(node, worker, pass)) {
        if (!this.#parts.costs.hasRoom(worker)) return;
        this.#write(follower, worker, pass);
        open.push(follower);
      }
    }
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
    // A small value travels as an argument: nothing has to be held or let go of.
    const inline = (input: number) =>
      !places.willBeAt(input, worker) && values[input] !== HELD && isSmall(values[input])
        ? { value: values[input] }
        : undefined;
    encodeCall(calls, head, nodes[i].args, { inputs, from: inputOffsets[i], inline });
  }

  /** Nodes that have to wait for this one, and for nothing that will not be in the same worker. */
  #followersOf(i: number, worker: PoolWorker, pass: Pass): number[] {
    const { dependents, dependentOffsets } = this.#setup.graph;
    const { loading, costs } = this.#parts;
    const from = dependentOffsets[i];
    const to = dependentOffsets[i + 1];
    if (from === to) return [];
    const isOnly = (node: number) => {
      for (let at = from; at < to; at++) if (dependents[at] !== node) return false;
      return true;
    };
    // Of several, only those that are not worth being run side by side.
    const MOST = 8;
    const found = new Set<number>();
    for (let at = from; at < to && found.size < MOST; at++) {
      const node = dependents[at];
      if (found.has(node) || !this.#canFollow(node, worker, pass)) continue;
      if (costs.isTiny(loading.idOf(node)!) || isOnly(node)) found.add(node);
    }
    return [...found];
  }

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
    if (before >= 0 && pass.actions[before] === RUN && places.sentTo(before) !== worker) return false;
    return loading.idOf(i) !== undefined && loading.changedFor(i) === undefined &&
      !loading.keepsArguments(i);
  }
}
