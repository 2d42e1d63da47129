/** The passes of a run: usually one; another one where stored values turned out to be bad, or calls to have to run. */

import type { NodeError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import { countActions, findReuse, type ReuseSearch } from "./find_reuse.ts";
import type { Graph } from "./graph.ts";
import { type Initializations, initializeOnHost } from "./initializers.ts";
import { isPromiseLike } from "./node_host.ts";
import { type Available, planRun, RUN, type Scope } from "./plan.ts";
import type { Reuse } from "./reuse.ts";
import { Run } from "./scheduler.ts";
import { unlessAborted } from "./unless_aborted.ts";
import type { Watchers } from "./watchers.ts";

/**
 * What an executor is made for.
 *
 * @internal
 */
export interface ExecutorSetup {
  readonly graph: Graph;
  readonly initializations: Initializations;
  /** Whether readers are to be given what the host has, instead of what the node gave. */
  readonly readsBack: boolean;
  /** Whether the run may be cancelled. */
  readonly isCancellable: boolean;
  readonly warn: (message: string) => void;
}

/** What all passes of a run have in common. */
export interface PassesSetup extends Omit<ReuseSearch, "initializations" | "warn"> {
  /** What plugins prepared for each node. Default: they do it now. */
  readonly initializations?: Initializations;
  readonly scope: Scope;
  readonly onFailure: "stop" | "continue";
  readonly watchers: Watchers;
  readonly signal: AbortSignal | undefined;
  createExecutor(setup: ExecutorSetup): Executor | Promise<Executor>;
}

/** Carries out no node: enough where all that is needed is read. */
const READER: Executor = {
  slots: 16,
  execute: () => undefined,
  abandon() {},
  cancel() {},
};

/** One run, from its plan to its targets' values. */
export class Passes {
  readonly #setup: PassesSetup;
  readonly #hasRun: Uint8Array;
  readonly #isSeen: Uint8Array;
  readonly #failures = new Map<number, NodeError>();
  readonly #retries = new Map<number, number>();
  #reuse: Reuse | undefined;
  #executor: Executor | undefined;
  #creating: Promise<Executor> | undefined;

  constructor(setup: PassesSetup) {
    this.#setup = setup;
    this.#hasRun = new Uint8Array(setup.graph.nodes.length);
    this.#isSeen = new Uint8Array(setup.graph.nodes.length);
  }

  /** How many nodes were not run as their stored values are right. */
  get reused(): number {
    const reuse = this.#reuse;
    if (!reuse) return 0;
    return this.#hasRun.reduce(
      (sum, hasRun, i) => sum + (hasRun === 0 && reuse.standing(i) === "right" ? 1 : 0),
      0,
    );
  }

  /** Gives the values of the targets' nodes. */
  async run(): Promise<unknown[]> {
    const { graph, storage, workflowName, watchers, signal } = this.#setup;
    const warn = (message: string) => watchers.warn(message);
    const { initializations = initializeOnHost(graph) } = this.#setup;
    // Nothing is awaited without need: synchronous nodes run before `run` returns.
    let have: ReadonlyMap<number, unknown> = new Map();
    let isPrepared = false;
    try {
      if (storage) {
        const onRun = () => void this.#create(initializations, warn);
        const search = findReuse({ ...this.#setup, initializations, warn, onRun });
        this.#reuse = await unlessAborted(search, signal);
      }
      for (let pass = 0;; pass++) {
        const available = this.#available(have);
        const actions = this.#plan(available, have);
        const runsAny = actions.some((action) => action >= RUN);
        if (runsAny && !isPrepared) {
          isPrepared = true;
          const made = this.#create(initializations, warn);
          this.#executor = isPromiseLike(made) ? await unlessAborted(made, signal) : made;
          if (storage) await unlessAborted(storage.newWorkflow(workflowName), signal);
        }
        if (watchers.isAny && pass === 0) {
          watchers.runStart({ workflowName, ...countActions(actions, available) });
        }
        const outcome = await this.#start(actions, available, have);
        if (outcome.kind === "done") return outcome.values;
        for (const i of outcome.unread) this.#reuse?.isUnreadable(i);
        this.#reuse?.refresh();
        have = outcome.have;
      }
    } finally {
      // One that could not be made has been reported, or was not needed.
      const executor = this.#executor ?? await this.#creating?.catch(() => undefined);
      if (executor?.close) await executor.close();
    }
  }

  /** Makes the executor, if it is not being made: workers may start while it is found out what they have to do. */
  #create(
    initializations: Initializations,
    warn: (message: string) => void,
  ): Executor | Promise<Executor> {
    const known = this.#executor ?? this.#creating;
    if (known) return known;
    const made = this.#createExecutor(initializations, warn);
    if (!isPromiseLike(made)) return this.#executor = made;
    this.#creating = made;
    made.catch(() => {});
    return made;
  }

  #available(have: ReadonlyMap<number, unknown>): Available {
    const reuse = this.#reuse;
    return {
      isStored: (i) => reuse?.standing(i) === "right",
      isToCheck: (i) => reuse?.standing(i) === "check",
      has: (i) => have.has(i),
      hasRun: (i) => this.#hasRun[i] === 1,
      isSeen: (i) => this.#isSeen[i] === 1,
      hasFailed: (i) => this.#failures.has(i),
    };
  }

  #plan(available: Available, have: ReadonlyMap<number, unknown>): Uint8Array {
    const { graph, storage, scope } = this.#setup;
    const isFirst = !storage && have.size === 0 && !this.#hasRun.includes(1) &&
      this.#failures.size === 0;
    return planRun(graph, isFirst ? undefined : available, scope);
  }

  #createExecutor(
    initializations: Initializations,
    warn: (message: string) => void,
  ): Executor | Promise<Executor> {
    const { graph, storage, signal } = this.#setup;
    return this.#setup.createExecutor({
      graph,
      initializations,
      readsBack: storage?.alwaysRead ?? false,
      isCancellable: signal !== undefined,
      warn,
    });
  }

  #start(actions: Uint8Array, available: Available, have: ReadonlyMap<number, unknown>) {
    const { graph, storage, workflowName, watchers, signal, onFailure } = this.#setup;
    // An instance that is made anew has seen none of its calls.
    this.#isSeen.forEach((_, i) => {
      if (actions[graph.instances[i] < 0 ? i : graph.instances[i]] === RUN) this.#isSeen[i] = 0;
    });
    return new Run({
      graph,
      storage,
      workflowName,
      watchers,
      signal,
      onFailure,
      actions,
      available,
      have,
      hasRun: this.#hasRun,
      isSeen: this.#isSeen,
      failures: this.#failures,
      retries: this.#retries,
      reuse: this.#reuse,
      executor: this.#executor ?? READER,
    }).start();
  }
}
