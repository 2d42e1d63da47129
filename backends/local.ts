/**
 * The backend that runs a graph serially, in this process.
 *
 * @module
 */

import { Backend, BACKEND_OPTIONS, type BackendOptions } from "../core/backend.ts";
import type { ExecutorSetup } from "../core/passes.ts";
import type { Executor } from "../core/executor.ts";
import { InPlace } from "../core/in_place.ts";
import { checkKeys } from "../core/options.ts";
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
    checkKeys("make a backend", options, BACKEND_OPTIONS);
    super(targets, options, console.warn);
  }

  /** @internal How this backend carries out a node. */
  protected override createExecutor({ graph, initializations }: ExecutorSetup): Executor {
    const inPlace = new InPlace(graph, initializations);
    return {
      slots: 1,
      execute: (i, values) => inPlace.execute(i, values),
      abandon: (i, reason) => inPlace.abandon(i, reason),
      cancel: (reason) => inPlace.cancel(reason),
    };
  }
}
