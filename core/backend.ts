/** What all backends have in common: the graph of their targets, what was set for it, and the way a run goes. */

import { nodeOf, pick } from "./arguments.ts";
import type { NodeError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import { nodeError } from "./failures.ts";
import { buildGraph, type Graph } from "./graph.ts";
import { type Initializations, initializeOnHost } from "./initializers.ts";
import { checkNames, type Pattern } from "./names.ts";
import { type ItemRecord, nameCount, type NodeRecord } from "./node.ts";
import { isImportedForDefinitions, stopImport } from "./node_context.ts";
import { checkKeys } from "./options.ts";
import { type Available, LEAVE, planRun, READ, RUN, type Scope } from "./plan.ts";
import { flattenPlugin, type Plugin } from "./plugin.ts";
import { isPromiseLike } from "./node_host.ts";
import { findNumbers, Query } from "./query.ts";
import { Run } from "./scheduler.ts";
import type { Storage } from "./storage.ts";
import type { Results, Targets } from "./types.ts";
import { Watchers } from "./watchers.ts";

/** What every backend takes. */
export interface BackendOptions {
  /** The name under which results are stored. */
  workflowName: string;
  /** Where results are kept and read from. Default: nowhere. */
  storage?: Storage;
  /** Plugins and observers of all nodes. Default: none. */
  plugins?: readonly Plugin[];
  /** When a stored result is used: `"name"`, whenever there is one of the node's name. Default: `"name"`. */
  reuse?: "name";
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
  readonly warn: Warn;
}

/** Carries out no node: enough where all that is needed is read. */
const READER: Executor = {
  slots: 16,
  execute: () => undefined,
  abandon() {},
  cancel() {},
};

/** The base of all backends. */
export abstract class Backend<const T extends Targets> {
  /** The name under which results are stored. */
  readonly workflowName: string;
  readonly #graph: Graph;
  readonly #scope: Scope;
  readonly #onFailure: "stop" | "continue";
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
    this.workflowName = options.workflowName;
    this.#scope = options.scope ?? "reachable";
    this.#onFailure = options.onFailure ?? "stop";
    this.#warn = options.onWarning ?? warn;
    this.#storage = options.storage;
    this.#graph = buildGraph(targets);
    this.#checkNewNames();
    for (const plugin of options.plugins ?? []) {
      for (const part of flattenPlugin(plugin)) {
        this.#graph.plugins.push({ plugin: part, nodes: undefined });
      }
    }
  }

  /** @internal Carries out the ready nodes of one run. Refuses, by throwing, what it can never carry out. */
  protected abstract createExecutor(setup: ExecutorSetup): Executor | Promise<Executor>;

  /** Keeps results in a storage, and reads from it what is there. */
  setStorage(storage: Storage | undefined): this {
    this.#storage = storage;
    return this;
  }

  /** The nodes whose whole names a pattern matches, to set something for them; without a pattern, all. */
  query(pattern?: Pattern): Query {
    return new Query(this.#graph, pattern);
  }

  /** The names of the nodes whose whole names a pattern matches, in the order in which they were made. */
  findNodes(pattern?: Pattern): string[] {
    return findNumbers(this.#graph, pattern).map((i) => this.#graph.nodes[i].name);
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
  async run(options: RunOptions = {}): Promise<Results<T>> {
    // In a worker that imports this module for its definitions, nothing after this is to happen.
    if (isImportedForDefinitions()) return stopImport();
    checkKeys("run", options, ["signal"]);
    const started = performance.now();
    const watchers = new Watchers(this.#graph, this.#warn);
    let error: unknown;
    try {
      const values = await this.#passes(watchers, options.signal);
      const results = this.#graph.targets.map((target, at) => pickTarget(target, values[at]));
      return (this.#graph.isList ? results : results[0]) as Results<T>;
    } catch (caught) {
      error = caught;
      throw caught;
    } finally {
      watchers.runEnd({ durationMs: performance.now() - started, error });
    }
  }

  /** Usually one pass; another one after stored values turned out to be bad. */
  async #passes(watchers: Watchers, signal: AbortSignal | undefined): Promise<unknown[]> {
    signal?.throwIfAborted();
    const graph = this.#graph;
    const storage = this.#storage;
    const workflowName = this.workflowName;
    this.#checkNewNames();
    const initializations = initializeOnHost(graph);
    const warn = (message: string) => watchers.warn(message);
    const readsBack = storage?.alwaysRead ?? false;
    const isCancellable = signal !== undefined;
    const setup: ExecutorSetup = { graph, initializations, readsBack, isCancellable, warn };
    let executor: Executor | undefined;
    const unreadable = new Set<number>();
    const hasRun = new Uint8Array(graph.nodes.length);
    const failures = new Map<number, NodeError>();
    const retries = new Map<number, number>();
    const lasting = { graph, workflowName, storage, watchers, signal, hasRun };
    let have: ReadonlyMap<number, unknown> = new Map();
    try {
      for (;;) {
        const held = have;
        const available: Available = {
          isStored: storage ? await this.#findStored(storage, unreadable) : () => false,
          has: (i) => held.has(i),
          hasRun: (i) => hasRun[i] === 1,
          hasFailed: (i) => failures.has(i),
        };
        const isFirst = !storage && held.size === 0 && !hasRun.includes(1) && failures.size === 0;
        const actions = planRun(graph, isFirst ? undefined : available, this.#scope);
        const runsAny = actions.includes(RUN);
        if (runsAny && !executor) {
          const made = this.createExecutor(setup);
          // Nothing is awaited without need: synchronous nodes run before `run` returns.
          executor = isPromiseLike(made) ? await made : made;
        }
        if (storage && runsAny) await storage.newWorkflow(workflowName);
        if (watchers.isAny) {
          watchers.runStart({ workflowName, ...countActions(actions, available) });
        }
        const run = { actions, available, have, failures, retries, onFailure: this.#onFailure };
        const outcome = await new Run({ ...lasting, ...run, executor: executor ?? READER }).start();
        if (outcome.kind === "done") return outcome.values;
        for (const i of outcome.unread) unreadable.add(i);
        have = outcome.have;
      }
    } finally {
      if (executor?.close) await executor.close();
    }
  }

  #checkNewNames(): void {
    if (this.#checkedNames === nameCount()) return;
    checkNames(this.#graph.nodes);
    this.#checkedNames = nameCount();
  }

  async #findStored(
    storage: Storage,
    unreadable: ReadonlySet<number>,
  ): Promise<(node: number) => boolean> {
    const { nodes, settings } = this.#graph;
    const stored = new Set(await storage.listTasks(this.workflowName));
    return (i) =>
      stored.size > 0 && settings.get(i)?.isStored !== false && !unreadable.has(i) &&
      nodes[i].definition.kind !== "constructor" && stored.has(nodes[i].name);
  }
}

function pickTarget(target: NodeRecord | ItemRecord, value: unknown): unknown {
  try {
    return pick(target, value);
  } catch (error) {
    throw nodeError(nodeOf(target), error);
  }
}

function countActions(actions: Uint8Array, available: Available) {
  const count = { toRun: 0, toRead: 0, notNeeded: 0 };
  actions.forEach((action, i) => {
    if (action === RUN) count.toRun++;
    else if (action === READ) count.toRead++;
    else if (action === LEAVE && available.isStored(i)) count.notNeeded++;
  });
  return count;
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
    reuse: ["name"],
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
