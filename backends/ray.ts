/**
 * The backend that runs a graph on a Ray cluster.
 *
 * @module
 */

import { Backend, BACKEND_OPTIONS, type BackendOptions, type RunRequest } from "../core/backend.ts";
import { checkKeys } from "../core/options.ts";
import type { Plugin } from "../core/plugin.ts";
import type { Targets } from "../core/types.ts";
import type { RunInHand } from "../core/watched_run.ts";
import {
  checkOptions,
  CONNECT_KEYS,
  JOB_KEYS,
  type RayConnectOptions,
  type RayJobOptions,
  type RayRunOptions,
} from "./ray/options.ts";

export type { BackendOptions, RunOptions } from "../core/backend.ts";
export type { RayConnectOptions, RayDriverArgs, RayJobOptions } from "./ray/options.ts";

/** What the Ray backend takes. */
export interface RayOptions extends BackendOptions, RayConnectOptions, RayJobOptions {}

/** What following a job takes. */
export interface AttachOptions extends RayConnectOptions {
  /** Observers of the run. Default: none. */
  plugins?: readonly Plugin[];
  /** Takes warnings, a line or more each. Default: `console.warn`. */
  onWarning?: (message: string) => void;
  /** Ends the following when it aborts; the job goes on. */
  signal?: AbortSignal;
}

/**
 * Runs a graph on a Ray cluster, as one job: its nodes are Ray's tasks and actors, with their names.
 *
 * The modules that define functions, classes and plugins are packed with all of the user's that they import, and uploaded
 * once for as long as they stay what they are; what is made inside a call, or in a REPL, is refused. Packages come to the
 * cluster by their names and versions. Machines there need Python with Ray, and Deno: on the path, or by `deno: "pip"`.
 *
 * Values stay in Ray's object store, and only those of targets come back. Observers, warnings and what nodes print arrive
 * here while the run goes on. A run whose signal aborts is stopped in the cluster; one whose client has gone away goes on
 * there, and `attach` follows it. A storage is used by the cluster, so it must be one that all machines reach. With one, a
 * run that lost a worker, a machine or its driver continues where it was when it is started again.
 *
 * Who can reach a cluster's dashboard can run code on it.
 *
 * @example
 * ```ts
 * import { workflow } from "functionfuse";
 * import { RayWorkflow } from "functionfuse/backends/ray";
 * import assert from "node:assert/strict";
 *
 * const train = workflow("train", (rate: number) => ({ rate, accuracy: 1 - rate }));
 * const model = train(0.1).setName("model");
 *
 * const wf = new RayWorkflow(model, {
 *   workflowName: "classifier",
 *   address: "http://127.0.0.1:8265",
 * });
 * wf.query("^model$").setRemoteArgs({ numCpus: 1, resources: { _model: 1 } });
 * // const { accuracy } = await wf.run();
 *
 * assert.deepEqual(wf.findNodes(), ["model"]);
 * ```
 */
export class RayWorkflow<const T extends Targets> extends Backend<T> {
  readonly #options: RayRunOptions;

  /**
   * Takes the graph of one target or of a list of them.
   *
   * @throws {GraphError} If there is no target, a target is no node, or two nodes have one name.
   * @throws {TypeError} If an option has a wrong value.
   */
  constructor(targets: T, options: RayOptions) {
    checkKeys("make a backend", options, [...BACKEND_OPTIONS, ...CONNECT_KEYS, ...JOB_KEYS]);
    super(targets, options, console.warn);
    this.#options = checkOptions(options);
  }

  /**
   * Follows a job that this library has started, also one that has ended, and gives what its `run()` gives.
   *
   * @param jobId The id that the run showed at its start.
   * @throws {EngineError} If the cluster can't be reached, has no such job, or the job ended without a result.
   * @throws {NodeError} If a node failed.
   * @throws The signal's reason, if it aborts.
   */
  static async attach(jobId: string, options: AttachOptions = {}): Promise<unknown> {
    checkKeys("follow a job", options, [...CONNECT_KEYS, "plugins", "onWarning", "signal"]);
    options.signal?.throwIfAborted();
    const { connection, log } = checkOptions(options);
    const { attach } = await import("./ray/attach.ts");
    const { plugins = [], onWarning = console.warn, signal } = options;
    const result = await attach({
      ...{ id: jobId, connection, log, plugins, signal },
      warn: onWarning,
    });
    return result.isList ? [...result.values] : result.values[0];
  }

  /** @internal The cluster does all of it. */
  protected override beginRun(request: RunRequest): RunInHand {
    // Only now, as it needs what a program that never runs anything on a cluster need not load.
    const loading = import("./ray/run.ts")
      .then(({ RayRun }) => new RayRun(request, this.#options));
    let run: RunInHand | undefined;
    return {
      get reused() {
        return run?.reused ?? 0;
      },
      run: async () => {
        run = await loading;
        return await run.run();
      },
    };
  }

  /** @internal The cluster keeps it, in the run's storage. */
  protected override get keepsJournal(): boolean {
    return false;
  }
}
