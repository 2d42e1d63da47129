/** Runs nodes in the process of the host, one at a time. */

import { fillArguments } from "./arguments.ts";
import type { Graph } from "./graph.ts";
import { type Initializations, nodeInfo } from "./initializers.ts";
import { runAsTry, TryContext } from "./node_context.ts";
import { Environment, invoke, isPromiseLike, PhaseFailure } from "./node_host.ts";

/** A try that is waited for. */
interface Waiting {
  readonly context: TryContext;
  readonly environment: Environment | undefined;
}

/** Carries out nodes here and now; a synchronous one without a promise or a microtask. */
export class InPlace {
  readonly #graph: Graph;
  readonly #initializations: Initializations;
  readonly #waiting = new Map<number, Waiting>();

  constructor(graph: Graph, initializations: Initializations) {
    this.#graph = graph;
    this.#initializations = initializations;
  }

  /** Gives the node's value or a promise of it. */
  execute(i: number, values: readonly unknown[]): unknown {
    const graph = this.#graph;
    const { definition, args: captured } = graph.nodes[i];
    const args = fillFrom(graph, i, captured, values);
    const instance = graph.instances[i];
    const receiver = instance < 0 ? undefined : values[instance];
    const replacement = graph.settings.size > 0 ? graph.settings.get(i)?.replacement : undefined;
    const plugins = this.#initializations.size > 0 ? this.#initializations.get(i) : undefined;
    const context = new TryContext();
    const action = () => invoke(definition, replacement?.fn, receiver, args);
    const environment = plugins && new Environment();
    const outcome = runAsTry(
      context,
      environment ? () => environment.run(nodeInfo(graph, i), plugins!, action) : action,
    );
    if (!isPromiseLike(outcome)) return outcome;
    // As a promise: what a thenable does when it is asked for its value, it is to do once.
    const promise = Promise.resolve(outcome);
    this.#wait(i, { context, environment }, promise);
    return promise;
  }

  /**
   * Ends the waiting for a node. It can't be stopped here, but its signal tells it, and the next one gets the environment
   * that it should.
   */
  abandon(i: number, reason: unknown): void {
    const waiting = this.#waiting.get(i);
    if (!waiting) return;
    this.#waiting.delete(i);
    waiting.context.abort(reason);
    // What an undo throws has no node any more that it could fail.
    (async () => await waiting.environment?.leave())().catch(() => {});
  }

  /** Ends the waiting for all nodes. */
  cancel(reason: unknown): void {
    for (const i of [...this.#waiting.keys()]) this.abandon(i, reason);
  }

  #wait(i: number, waiting: Waiting, outcome: Promise<unknown>): void {
    this.#waiting.set(i, waiting);
    const forget = () => {
      if (this.#waiting.get(i) === waiting) this.#waiting.delete(i);
    };
    outcome.then(forget, forget);
  }
}

function fillFrom(
  graph: Graph,
  i: number,
  captured: readonly unknown[],
  values: readonly unknown[],
): readonly unknown[] {
  const from = graph.inputOffsets[i];
  if (from === graph.inputOffsets[i + 1]) return captured;
  try {
    return fillArguments(captured, values, graph.inputs, from);
  } catch (error) {
    throw new PhaseFailure("arguments", error);
  }
}
