/**
 * The backend that runs a graph serially, in this process.
 *
 * @module
 */

import { fillArguments } from "../core/arguments.ts";
import { Backend, type BackendOptions } from "../core/backend.ts";
import type { Graph } from "../core/graph.ts";
import { type Initializations, nodeInfo } from "../core/initializers.ts";
import {
  Environment,
  type Initialization,
  invoke,
  isPromiseLike,
  PhaseFailure,
} from "../core/node_host.ts";
import type { Executor } from "../core/tries.ts";
import type { Targets } from "../core/types.ts";

export type { BackendOptions, RunOptions } from "../core/backend.ts";

/**
 * Runs one node after the other, in this process: the backend for trying things out, for tests and for small graphs.
 *
 * A synchronous node runs without a promise or a microtask, so its time limit is checked when it returns; an asynchronous
 * one is awaited, and abandoned when its time is up. The resources of `setRemoteArgs` do not matter here: each node has the
 * whole machine.
 *
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const square = workflow(function square(x: number) {
 *   return x * x;
 * });
 * const wf = new LocalWorkflow([square(2), square(3)], { workflowName: "squares" });
 * assert.deepEqual(await wf.run(), [4, 9]);
 * ```
 */
export class LocalWorkflow<const T extends Targets> extends Backend<T> {
  /**
   * Takes the graph of one target or of a list of them.
   *
   * @throws {GraphError} If there is no target, a target is no node, or two nodes have one name.
   * @throws {TypeError} If an option has a wrong value.
   */
  constructor(targets: T, options: BackendOptions) {
    super(targets, options, console.warn);
  }

  /** @internal How this backend carries out a node. */
  protected override createExecutor(graph: Graph, initializations: Initializations): Executor {
    return new LocalExecutor(graph, initializations);
  }
}

/** Runs nodes in place, one at a time. */
class LocalExecutor implements Executor {
  readonly slots = 1;
  readonly #environments = new Map<number, Environment>();

  constructor(readonly graph: Graph, readonly initializations: Initializations) {}

  execute(i: number, values: readonly unknown[]): unknown {
    const { graph, initializations } = this;
    const { definition, args: captured } = graph.nodes[i];
    const args = fillFrom(graph, i, captured, values);
    const instance = graph.instances[i];
    const receiver = instance < 0 ? undefined : values[instance];
    const replacement = graph.settings.size > 0 ? graph.settings.get(i)?.replacement : undefined;
    const initialization = initializations.size > 0 ? initializations.get(i) : undefined;
    if (!initialization) return invoke(definition, replacement, receiver, args);
    return this.#executeIn(
      i,
      initialization,
      () => invoke(definition, replacement, receiver, args),
    );
  }

  /** A node that is not waited for can't be stopped here, but the next one gets the environment that it should. */
  abandon(i: number): void {
    const environment = this.#environments.get(i);
    this.#environments.delete(i);
    // What an undo throws has no node any more that it could fail.
    Promise.try(() => environment?.leave()).catch(() => {});
  }

  #executeIn(
    i: number,
    initialization: readonly Initialization[],
    action: () => unknown,
  ): unknown {
    const environment = new Environment();
    this.#environments.set(i, environment);
    const forget = () => {
      if (this.#environments.get(i) === environment) this.#environments.delete(i);
    };
    const outcome = environment.run(nodeInfo(this.graph, i), initialization, action);
    if (isPromiseLike(outcome)) outcome.then(forget, forget);
    else forget();
    return outcome;
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
