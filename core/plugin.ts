/** The contract of plugins: code that prepares a node's environment, or watches a run. */

import type { AnyFunction } from "./callable.ts";
import { noteOrigin, type Origin } from "./carried.ts";
import { CallSite } from "./place.ts";

/** What a plugin is told of a node. */
export interface NodeInfo {
  /** The node's name, unique in the run. */
  readonly name: string;
  /** The name of its function, of its class, or `Class.method`. */
  readonly definition: string;
}

/** What an observer is told when a run starts. */
export interface RunStart {
  /** The workflow's name. */
  readonly workflowName: string;
  /** How many nodes will run, or will if what they read has changed. */
  readonly toRun: number;
  /** How many values will be read from the storage. */
  readonly toRead: number;
  /** How many nodes have a stored value that nobody needs to read. */
  readonly notNeeded: number;
}

/** What an observer is told when a node ends well. */
export interface NodeEnd {
  /** Milliseconds from the node's start to its value. */
  readonly durationMs: number;
  /** Whether the value was read from the storage instead of computed. */
  readonly isStored: boolean;
  /** Why the node ran, though its storage might have had a value. */
  readonly reason?: string;
  /** How many bytes were stored. */
  readonly bytes?: number;
  /** Where it ran: `"host"`, or the name of a worker. */
  readonly worker?: string;
}

/** What an observer is told when a try of a node fails. */
export interface NodeFailure {
  /** What the run will report if nobody tries again. */
  readonly error: Error;
  /** Whether the node is tried again. */
  readonly willRetry: boolean;
}

/** What an observer is told when a run ends. */
export interface RunEnd {
  /** Milliseconds from the run's start. */
  readonly durationMs: number;
  /** How many nodes ran to their end. */
  readonly ran: number;
  /** How many values were read from the storage. */
  readonly read: number;
  /** How many nodes were not run as their stored values are right, read or not. */
  readonly reused: number;
  /** What ended the run early, if something did. */
  readonly error?: unknown;
}

/**
 * The hooks of a plugin, all optional.
 *
 * | hook | where and when | what throwing does |
 * |---|---|---|
 * | `localInitialize` | host, once per node of a run, in graph order, before anything runs | ends the run |
 * | `remoteInitialize` | where the node runs, maybe another process, just before each try of it | fails the try |
 * | `on…` | host | is reported as a warning, and changes nothing |
 *
 * Several plugins of a node are initialised in the order in which they were set and undone in the opposite order.
 */
export interface PluginHooks<D = unknown> {
  /**
   * Prepares data for the node; what it returns must be cloneable. `position` counts, from 0 and in graph order, the nodes
   * that the plugin was set for.
   */
  localInitialize?(node: NodeInfo, position: number): D;
  /** Prepares the environment; may return a function that undoes it after the node. Either may be asynchronous. */
  remoteInitialize?(data: D, node: NodeInfo): void | Undo | Promise<void | Undo>;
  /** A run starts. */
  onRunStart?(run: RunStart): void;
  /** A node starts to run, or its stored value to be read. */
  onNodeStart?(node: NodeInfo): void;
  /** A node has its value. */
  onNodeEnd?(node: NodeInfo, end: NodeEnd): void;
  /** A node that might have run need not, nor be read: all that it reads is what it was, so its stored value is right. */
  onNodeReused?(node: NodeInfo): void;
  /** A try of a node failed. */
  onNodeError?(node: NodeInfo, failure: NodeFailure): void;
  /** A run ends, well or not. */
  onRunEnd?(run: RunEnd): void;
}

/** Undoes what `remoteInitialize` did. */
export type Undo = () => void | Promise<void>;

/** A plugin with its options, ready to be set. */
export interface Plugin {
  /** The plugin's name. */
  readonly name: string;
  /** The options that it was made with. */
  readonly options: unknown;
  /** What it does. */
  readonly hooks: PluginHooks;
  /** Of a collection, the plugins that it stands for, in order; its own hooks are not called. */
  readonly parts?: readonly Plugin[];
  /** @internal How other processes find it: by its definition and options, or by the call that made it. */
  readonly origins?: { readonly definition: Origin; readonly use: Origin };
}

/**
 * Defines a plugin by its name and a function from options to hooks.
 *
 * Where nodes run in other processes, `create` is called there again with the same options, so `remoteInitialize` should
 * use its data and options rather than variables of the host. Options that can't be copied, such as functions, travel by
 * the place of the call that made the plugin: make it at the top level of a module, before `run()`.
 *
 * @example
 * ```ts
 * import { definePlugin, LocalWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const announce = definePlugin("announce", (options: { to: string[] }) => ({
 *   localInitialize: (node) => node.name.toUpperCase(),
 *   remoteInitialize(name: string) {
 *     options.to.push(name);
 *   },
 * }));
 *
 * const one = workflow(function one() {
 *   return 1;
 * });
 * const heard: string[] = [];
 * const wf = new LocalWorkflow(one().setName("first"), { workflowName: "demo" });
 * wf.setPlugin("first", announce({ to: heard }));
 * await wf.run();
 * assert.deepEqual(heard, ["FIRST"]);
 * ```
 */
export function definePlugin<O = void, D = unknown>(
  name: string,
  create: (options: O) => PluginHooks<D>,
): (options: O) => Plugin {
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      "Cannot define a plugin as 'name' must be a text of at least one character.",
    );
  }
  const definition = noteOrigin("plugin", CallSite.of(definePlugin as AnyFunction, true), {
    name,
    code: create,
    value: create,
  });
  return function use(options): Plugin {
    const hooks = create(options) as PluginHooks;
    const plugin = { name, options, hooks };
    const made = { name, code: create, value: plugin };
    const origin = noteOrigin("pluginUse", CallSite.of(use, true), made);
    return Object.assign(plugin, { origins: { definition, use: origin } });
  };
}

/** The plugins that a plugin stands for: those of a collection, or itself. */
export function flattenPlugin(plugin: Plugin): Plugin[] {
  checkPlugin(plugin);
  return plugin.parts ? plugin.parts.flatMap(flattenPlugin) : [plugin];
}

/** Refuses what is no plugin, such as one that was not given its options. */
function checkPlugin(plugin: unknown): asserts plugin is Plugin {
  const hooks = (plugin as Plugin | null | undefined)?.hooks;
  if (typeof hooks === "object" && hooks !== null) return;
  throw new TypeError(
    typeof plugin === "function"
      ? "Cannot set a plugin before it has its options: call it, as in setPlugin(pattern, randomState({ seed: 1 }))."
      : `Cannot set a plugin as 'plugin' must be what a plugin's function returns: current value is ${plugin}.`,
  );
}
