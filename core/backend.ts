/** What all backends have in common: the graph of their targets, what was set for it, and the way a run goes. */

import { nodeOf, pick } from "./arguments.ts";
import { UnsupportedError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import { nodeError } from "./failures.ts";
import { type NodePlan, planNodes } from "./find_reuse.ts";
import { buildGraph, type Graph } from "./graph.ts";
import { retarget } from "./edits.ts";
import { checkNames, compilePattern, type Pattern } from "./names.ts";
import { type ItemRecord, nameCount, type NodeRecord } from "./node.ts";
import { isImportedForDefinitions, stopImport } from "./node_context.ts";
import { checkKeys } from "./options.ts";
import { type ExecutorSetup, Passes, type PassesSetup } from "./passes.ts";
import type { Scope } from "./plan.ts";
import { flattenPlugin, type Plugin } from "./plugin.ts";
import { findNumbers, type GraphHolder, Query } from "./query.ts";
import type { ReuseRule } from "./reuse.ts";
import type { Storage } from "./storage.ts";
import type { Results, Targets } from "./types.ts";
import { type RunInHand, watchRun } from "./watched_run.ts";

/** What every backend takes. */
export interface BackendOptions {
  /** The name under which results are stored. */
  workflowName: string;
  /** Where results are kept and read from. Default: nowhere. */
  storage?: Storage;
  /** Plugins and observers of all nodes. Default: none. */
  plugins?: readonly Plugin[];
  /**
   * When a stored result is used instead of running the node: `"exact"`, when running it would give the same, as its code
   * with all that this uses, its plugins, its arguments and the values that it reads are what they were; `"name"`, whenever
   * there is one of the node's name. Default: `"exact"`.
   */
  reuse?: ReuseRule;
  /** The nodes whose whole names this matches run whatever is stored. Default: none. */
  rerun?: Pattern;
  /**
   * Which nodes run: `"reachable"`, all that hang off the targets' roots, or `"needed"`, only what the targets need.
   * Default: `"reachable"`.
   */
  scope?: Scope;
  /**
   * What the failure of a node does: `"stop"` starts nothing more, lets running nodes end, keeps what is done and reports
   * the failure; `"continue"` runs everything that does not depend on the node, and reports all failures together, as a
   * `NodeError` whose `errors` lists them. Default: `"stop"`.
   */
  onFailure?: "stop" | "continue";
  /** Takes warnings, a line or more each. Default: `console.warn`. */
  onWarning?: Warn;
}

/**
 * The options that every backend takes.
 *
 * @internal
 */
export const BACKEND_OPTIONS: readonly string[] = [
  "workflowName",
  "storage",
  "plugins",
  "reuse",
  "rerun",
  "scope",
  "onFailure",
  "onWarning",
];

/**
 * Takes a warning for the user.
 *
 * @internal
 */
export type Warn = (message: string) => void;

/** What `run` takes. */
export interface RunOptions {
  /** Ends the run when it aborts: `run` rejects with its reason at once. */
  signal?: AbortSignal;
}

/**
 * All that a run is told.
 *
 * @internal
 */
export type RunRequest = Omit<PassesSetup, "createExecutor">;

export type { RunInHand };

/** The base of all backends; `R` is what a run of targets `T` gives. */
export abstract class Backend<const T extends Targets, R = Results<T>> {
  /** The name under which results are stored. */
  readonly workflowName: string;
  readonly #holder: GraphHolder;
  readonly #options: BackendOptions;
  readonly #warn: Warn;
  #storage: Storage | undefined;
  #checkedNames = -1;

  /**
   * Takes the graph of one target or of a list of them; `warn` is where warnings go by default.
   *
   * @throws {GraphError} If there is no target, a target is no node, or two nodes have one name.
   * @throws {TypeError} If an option has a wrong value.
   */
  constructor(targets: T, options: BackendOptions, warn: Warn) {
    checkOptions(options);
    if (options.rerun !== undefined) compilePattern(options.rerun);
    this.workflowName = options.workflowName;
    this.#options = { ...options };
    this.#warn = options.onWarning ?? warn;
    this.#storage = options.storage;
    this.#holder = { graph: buildGraph(targets), warn: this.#warn };
    this.#checkNewNames();
    for (const plugin of options.plugins ?? []) {
      for (const part of flattenPlugin(plugin)) {
        this.graph.plugins.push({ plugin: part, nodes: undefined });
      }
    }
  }

  /** @internal Carries out the ready nodes of one run. Refuses, by throwing, what it can never carry out. */
  protected createExecutor(_setup: ExecutorSetup): Executor | Promise<Executor> {
    throw new UnsupportedError("This backend runs no nodes by itself.");
  }

  /**
   * @internal Begins a run. By default, `createExecutor` carries out its nodes; a backend that has all of it carried out
   * elsewhere, with the storage and the journal, does that here and keeps no journal of its own.
   */
  protected beginRun(request: RunRequest): RunInHand {
    return new Passes({ ...request, createExecutor: (setup) => this.createExecutor(setup) });
  }

  /** @internal Whether this process keeps the journals of runs. */
  protected get keepsJournal(): boolean {
    return true;
  }

  /** @internal The graph as it is now, with all edits. */
  protected get graph(): Graph {
    return this.#holder.graph;
  }

  /** @internal Where results are kept now. */
  protected get storage(): Storage | undefined {
    return this.#storage;
  }

  /** Keeps results in a storage, and reads from it what is there. */
  setStorage(storage: Storage | undefined): this {
    this.#storage = storage;
    return this;
  }

  /** The nodes whose whole names a pattern matches, to set something for them; without a pattern, all. */
  query(pattern?: Pattern): Query {
    return new Query(this.#holder, pattern);
  }

  /** The names of the nodes whose whole names a pattern matches, in the order in which they were made. */
  findNodes(pattern?: Pattern): string[] {
    return findNumbers(this.graph, pattern).map((i) => this.graph.nodes[i].name);
  }

  /**
   * @internal From now on, a run gives the values of the nodes whose whole names a pattern matches now, of which there must
   * be one, in the place of the targets'.
   */
  select(pattern: Pattern): void {
    this.#holder.graph = retarget(this.graph, findNumbers(this.graph, pattern));
  }

  /** Sets a plugin for the nodes whose whole names a pattern matches. */
  setPlugin(pattern: Pattern | undefined, plugin: Plugin): this {
    this.query(pattern).setPlugin(plugin);
    return this;
  }

  /**
   * Runs the graph and gives the target's value, or a list of values for a list of targets.
   *
   * A backend can run any number of times, also at once; each run is a new one.
   *
   * @throws {NodeError} If a node fails.
   * @throws {StorageError} If the storage fails; what was saved stays good.
   * @throws The signal's reason, if it aborts.
   */
  async run(options: RunOptions = {}): Promise<R> {
    // In a worker that imports this module for its definitions, nothing after this is to happen.
    if (isImportedForDefinitions()) return stopImport();
    checkKeys("run", options, ["signal"]);
    options.signal?.throwIfAborted();
    const settings = this.#settings();
    const { graph, workflowName } = settings;
    const journalIn = this.keepsJournal ? settings.storage : undefined;
    return await watchRun(
      { graph, workflowName, journalIn, warn: this.#warn },
      (watchers) => this.beginRun({ ...settings, watchers, signal: options.signal }),
      (values) => {
        const results = graph.targets.map((target, at) => pickTarget(target, values[at]));
        return (graph.isList ? results : results[0]) as R;
      },
    );
  }

  /**
   * Tells what a run would do with each node, in the order in which they were made, without running anything.
   *
   * @throws {StorageError} If the storage fails.
   */
  async plan(): Promise<NodePlan[]> {
    return await planNodes({ ...this.#settings(), warn: this.#warn });
  }

  #settings() {
    this.#checkNewNames();
    const { scope = "reachable", onFailure = "stop", reuse: rule = "exact", rerun } = this.#options;
    const [graph, storage, workflowName] = [this.graph, this.#storage, this.workflowName];
    return { graph, storage, workflowName, scope, onFailure, rule, rerun };
  }

  #checkNewNames(): void {
    if (this.#checkedNames === nameCount()) return;
    checkNames(this.graph.nodes);
    this.#checkedNames = nameCount();
  }
}

function pickTarget(target: NodeRecord | ItemRecord, value: unknown): unknown {
  try {
    return pick(target, value);
  } catch (error) {
    throw nodeError(nodeOf(target), error);
  }
}

function checkOptions(options: BackendOptions): void {
  const name: unknown = options?.workflowName;
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      `Cannot make a backend as 'workflowName' must be a text of at least one character: current value is ${
        typeof name === "string" ? "empty" : typeof name
      }.`,
    );
  }
  const known = {
    reuse: ["exact", "name"],
    scope: ["reachable", "needed"],
    onFailure: ["stop", "continue"],
  } as const;
  for (const [key, values] of Object.entries(known)) {
    const value = options[key as keyof typeof known];
    if (value === undefined || (values as readonly string[]).includes(value)) continue;
    throw new TypeError(
      `Cannot make a backend as '${key}' must be ${
        values.join(" or ")
      }: current value is ${value}.`,
    );
  }
}
