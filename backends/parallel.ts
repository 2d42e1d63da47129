/**
 * The backend that runs a graph on parallel workers of this machine.
 *
 * @module
 */

import { Backend, BACKEND_OPTIONS, type BackendOptions } from "../core/backend.ts";
import type { ExecutorSetup } from "../core/passes.ts";
import type { Executor } from "../core/executor.ts";
import type { NodePlan } from "../core/find_reuse.ts";
import { checkKeys } from "../core/options.ts";
import type { Targets } from "../core/types.ts";
import { isBundled, isStandalone, serveIfWorker } from "./parallel/bundle.ts";
import type { WorkerOptions } from "./parallel/open.ts";
import { WorkerPool } from "./parallel/worker_pool.ts";

export { WorkerPool, type WorkerPoolOptions } from "./parallel/worker_pool.ts";
export type { BackendOptions, RunOptions } from "../core/backend.ts";
export type { NodePlan } from "../core/find_reuse.ts";

/** What the parallel backend takes. */
export interface ParallelOptions extends BackendOptions {
  /** How many workers there are: the CPUs that nodes can have. Default: as many as the machine's cores. */
  workers?: number;
  /**
   * What else there is for nodes to have, by the names that `setRemoteArgs` uses: `numGpus`, `memory` in bytes, and those
   * of your own, such as `{ _model: 1 }`. Default: no GPUs, any amount of memory, nothing else.
   */
  resources?: Readonly<Record<string, number>>;
  /**
   * What a worker is: a `"thread"`, or a child `"process"`, so that a node that crashes the runtime or exhausts its memory
   * costs one worker and never the run. Default: `"thread"`.
   */
  isolation?: "thread" | "process";
  /** URLs of modules that each worker imports before any other. Default: none. */
  preload?: readonly string[];
  /**
   * Workers that outlive the run, in the place of `workers`, `isolation` and `preload`. Default: each run starts its own,
   * and none is left after it.
   */
  pool?: WorkerPool;
}

/**
 * Runs nodes side by side, each in a worker that imports the module in which its function is defined.
 *
 * Functions and classes travel by reference: workers import the modules that called `workflow`, which a `run()` at their
 * top level stops there. What is made inside a call, or in a REPL, runs on the host, with a warning. Values stay in the
 * worker that made them and move when a node elsewhere reads them: a large array with one reader left is handed over, so a
 * function must not keep for itself what it returned. An instance lives in one worker for its whole life.
 *
 * Each node has one CPU unless `setRemoteArgs` says otherwise. A node with a time limit runs in a child process where the
 * runtime can't stop a thread. A worker that dies is replaced; its node fails, or is tried again if its `maxRetries` says
 * so, and what else was lost is computed again.
 *
 * @example
 * ```ts
 * import { ParallelWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const square = workflow(function square(x: number) {
 *   return x * x;
 * });
 * const wf = new ParallelWorkflow([square(2), square(3)], { workflowName: "squares", workers: 2 });
 * assert.deepEqual(await wf.run(), [4, 9]);
 * ```
 */
export class ParallelWorkflow<const T extends Targets> extends Backend<T> {
  readonly #options: WorkerOptions;

  /**
   * Takes the graph of one target or of a list of them.
   *
   * @throws {GraphError} If there is no target, a target is no node, or two nodes have one name.
   * @throws {TypeError | RangeError} If an option has a wrong value.
   */
  constructor(targets: T, options: ParallelOptions) {
    checkKeys("make a backend", options, [...BACKEND_OPTIONS, ...OWN_OPTIONS]);
    super(targets, options, console.warn);
    this.#options = checkOptions(options);
  }

  /**
   * Tells what a run would do with each node, in the order in which they were made, without running anything.
   *
   * @throws {GraphError} If a node needs more than there is: a run would be refused.
   * @throws {StorageError} If the storage fails.
   */
  override async plan(): Promise<NodePlan[]> {
    const { checkResources } = await import("./parallel/open.ts");
    checkResources(this.graph, this.#options);
    return await super.plan();
  }

  /** @internal How this backend carries out nodes. */
  protected override async createExecutor(setup: ExecutorSetup): Promise<Executor> {
    // Only now, as it needs what a program that never runs a graph in parallel need not load.
    const { openExecutor } = await import("./parallel/open.ts");
    return await openExecutor(setup, this.#options);
  }
}

const OWN_OPTIONS = ["workers", "resources", "isolation", "preload", "pool"];
const MOST_WORKERS = 1_024;

function checkOptions(options: ParallelOptions): WorkerOptions {
  const { pool, resources = {} } = options;
  const twice = (["workers", "isolation", "preload"] as const)
    .find((key) => pool && options[key] !== undefined);
  if (twice !== undefined) {
    throw new TypeError(
      `Cannot make a backend as '${twice}' is given beside 'pool': give it to the pool.`,
    );
  }
  if (pool !== undefined && !(pool instanceof WorkerPool)) {
    throw new TypeError("Cannot make a backend as 'pool' must be a WorkerPool.");
  }
  const {
    workers = globalThis.navigator?.hardwareConcurrency ?? 1,
    isolation = "thread",
    preload = [],
  } = pool?.options ?? options;
  const refuse = (what: string, expected: string, value: unknown, Kind = TypeError) => {
    throw new Kind(
      `Cannot make a backend as '${what}' must be ${expected}: current value is ${
        typeof value === "object" ? JSON.stringify(value) : String(value)
      }.`,
    );
  };
  if (!Number.isInteger(workers) || workers < 1 || workers > MOST_WORKERS) {
    const Kind = typeof workers === "number" ? RangeError : TypeError;
    refuse("workers", `a whole number from 1 to ${MOST_WORKERS}`, workers, Kind);
  }
  if (isolation !== "thread" && isolation !== "process") {
    refuse("isolation", `"thread" or "process"`, isolation);
  }
  const isAmount = (amount: unknown) => typeof amount === "number" && amount >= 0;
  if (
    typeof resources !== "object" || resources === null || Array.isArray(resources) ||
    !Object.values(resources).every(isAmount)
  ) refuse("resources", "a record of numbers of at least 0", resources);
  if (!Array.isArray(preload) || !preload.every((url) => typeof url === "string")) {
    refuse("preload", "a list of URLs", preload);
  }
  return { workers, resources: { ...resources }, isolation, preload: [...preload], pool };
}

// A bundle has no module of its own for workers to begin with: they begin with the bundle, and go on from here.
if (isBundled || isStandalone) await serveIfWorker();
