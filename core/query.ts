/** What an engineer sets for the nodes that a pattern finds. */

import type { AnyFunction } from "./callable.ts";
import { noteGiven, type Origin } from "./carried.ts";
import { collapseNodes } from "./collapse.ts";
import { Definition, isClass, isGenerator } from "./definition.ts";
import { insertAfter, insertBefore, MadeNode, refusal, removeNodes } from "./edits.ts";
import { GraphError } from "./errors.ts";
import type { Graph, NodeSettings } from "./graph.ts";
import { checkName, handleOf } from "./handles.ts";
import { withMembers } from "./initializers.ts";
import { compilePattern, type Pattern } from "./names.ts";
import { explainNoMatch } from "./no_match.ts";
import type { NodeRecord } from "./node.ts";
import { isImportedForDefinitions } from "./node_context.ts";
import { CallSite } from "./place.ts";
import { flattenPlugin, type Plugin } from "./plugin.ts";
import { extendPolicy, type RemoteArgs } from "./policy.ts";
import type { Node } from "./types.ts";
import { isMaker } from "./workflow.ts";

/** The numbers of the nodes whose whole names a pattern matches, in graph order. */
export function findNumbers(graph: Graph, pattern: Pattern | undefined): number[] {
  const matches = compilePattern(pattern);
  const found: number[] = [];
  for (let i = 0; i < graph.nodes.length; i++) if (matches(graph.nodes[i].name)) found.push(i);
  return found;
}

/** Where a backend has its graph: edits put another one in its place. */
export interface GraphHolder {
  graph: Graph;
  /** Takes warnings for the user. */
  readonly warn: (message: string) => void;
}

/**
 * The nodes of one backend that a pattern matched; each call sets something for all of them, or edits the graph around
 * them, and gives the query back.
 *
 * What is set and edited belongs to the backend: the nodes themselves, and other backends, are not changed. An edit that is
 * refused changes nothing. Later queries see what edits have made, by name. A query goes on holding its nodes, also when
 * other edits come in between; the nodes that `collapse` and `remove` take out of the graph can't be used any more.
 */
export class Query {
  readonly #holder: GraphHolder;
  /** The graph in which the nodes were last seen. */
  #seen: Graph;
  #nodes: readonly NodeRecord[];
  readonly #pattern: Pattern | undefined;
  #isToldOfNone = false;

  /** @ignore Made by `backend.query(pattern)`. */
  constructor(holder: GraphHolder, pattern: Pattern | undefined) {
    const { graph } = holder;
    this.#holder = holder;
    this.#seen = graph;
    this.#pattern = pattern;
    this.#nodes = findNumbers(graph, pattern).map((i) => graph.nodes[i]);
  }

  /**
   * The names of the nodes found, in graph order.
   *
   * @throws {GraphError} If an edit took one of them out of the graph.
   */
  get names(): string[] {
    return this.#current().map(({ name }) => name);
  }

  /**
   * The nodes found, in graph order; they can be the targets of another backend, which sees them as they were written.
   *
   * @throws {GraphError} If one of them was made by an edit, as other backends do not know it.
   */
  get nodes(): Node<unknown>[] {
    const nodes = this.#current();
    const made = nodes.filter((node) => node instanceof MadeNode);
    if (made.length > 0) {
      throw refusal(
        "edited",
        made,
        (names) =>
          `Cannot give ${names} to another backend, as an edit of this one made ${
            made.length === 1 ? "it" : "them"
          }: edit the other backend in the same way.`,
      );
    }
    return nodes.map((node) => handleOf(node) as Node<unknown>);
  }

  /**
   * Sets resources, retries and time limits; what was set before and is not named stays.
   *
   * @throws {TypeError | RangeError} If a setting is unknown or out of range; then nothing is set.
   */
  setRemoteArgs(args: RemoteArgs): this {
    extendPolicy(undefined, args);
    return this.#set(
      "setRemoteArgs",
      (settings) => ({ policy: extendPolicy(settings.policy, args) }),
    );
  }

  /** Adds a plugin, after those that were set before. */
  setPlugin(plugin: Plugin): this {
    const nodes = new Set(this.#found("setPlugin"));
    const { plugins } = this.#holder.graph;
    for (const part of flattenPlugin(plugin)) plugins.push({ plugin: part, nodes });
    return this;
  }

  /** Sets whether values are read from and written to the storage. Default: they are. */
  setStored(isStored: boolean): this {
    if (typeof isStored !== "boolean") {
      throw new TypeError(
        `Cannot set whether nodes are stored as 'isStored' must be true or false: current value is ${isStored}.`,
      );
    }
    return this.#set("setStored", () => ({ isStored }));
  }

  /**
   * Sets whether nodes that take no longer than a few milliseconds may be sent together with others of their kind, or with
   * those that follow them, as one task of a cluster. Default: they may.
   *
   * A group has fewer tasks to be paid for; a node alone has a task, a line of the cluster's dashboard and a retry of its
   * own. Only `RayWorkflow` makes such groups: elsewhere this changes nothing. See `collapse` for a group that is one node.
   *
   * @throws {TypeError} If `isGrouped` is neither `true` nor `false`.
   */
  setGroup(isGrouped: boolean): this {
    if (typeof isGrouped !== "boolean") {
      throw new TypeError(
        `Cannot set whether nodes are grouped as 'isGrouped' must be true or false: current value is ${isGrouped}.`,
      );
    }
    return this.#set("setGroup", () => ({ isGrouped }));
  }

  /**
   * Runs another function on the same arguments.
   *
   * @throws {TypeError} If `fn` is no function, or one of the nodes is a constructor's, a method's or a group.
   * @throws {GraphError} If there is no node.
   */
  replaceFunction(fn: AnyFunction): this {
    const origin = givenFunction("replace the function", fn, this.replaceFunction);
    if (isImportedForDefinitions()) return this;
    for (const { name, definition } of this.#some("replace the function of")) {
      if (definition.kind === "function") continue;
      const isGroup = definition.kind === "group";
      throw new TypeError(
        `Cannot replace the function of "${name}", as it is a ${
          isGroup ? definition.name : `${definition.kind} of a class`
        }: replace ${
          isGroup ? "those of its nodes before they are made one" : "only functions' nodes"
        }.`,
      );
    }
    return this.#set("replaceFunction", () => ({ replacement: { fn, origin } }));
  }

  /**
   * Puts a node on every value of another node that the nodes read, also inside arrays, objects and as an item: `fn` is
   * called with that value, and the node reads what it gives.
   *
   * The inserted nodes are named after the node and the function, as in `"train/before/scale_0000"`. Inserted again, `fn`
   * comes between the node and what was inserted before.
   *
   * @throws {TypeError} If `fn` is no plain function.
   * @throws {GraphError} If there is no node, or none that reads a value.
   * @example
   * ```ts
   * import { LocalWorkflow, workflow } from "functionfuse";
   * import assert from "node:assert/strict";
   *
   * const load = workflow("load", () => [1, 2, 3]);
   * const sum = workflow("sum", (list: number[]) => list.reduce((a, b) => a + b));
   * const wf = new LocalWorkflow(sum(load()).setName("total"), { workflowName: "demo" });
   * wf.query("total").insertBefore(function double(list: number[]) {
   *   return list.map((n) => 2 * n);
   * });
   * assert.equal(await wf.run(), 12);
   * assert.deepEqual(wf.findNodes("total.*"), ["total/before/double_0000", "total"]);
   * ```
   */
  insertBefore(fn: AnyFunction): this {
    const origin = givenFunction("insert a node", fn, this.insertBefore);
    return this.#insert(insertBefore, fn, origin);
  }

  /**
   * Puts a node on the value of each node: `fn` is called with it, and all that read it, items of it and targets among
   * them, read what `fn` gives.
   *
   * The inserted nodes are named after the node and the function, as in `"load/after/clean_0000"`. Inserted again, `fn`
   * comes between the node and what was inserted before.
   *
   * @throws {TypeError} If `fn` is no plain function.
   * @throws {GraphError} If there is no node, or one of them is an instance, which is no value.
   */
  insertAfter(fn: AnyFunction): this {
    const origin = givenFunction("insert a node", fn, this.insertAfter);
    return this.#insert(insertAfter, fn, origin);
  }

  /**
   * Makes the nodes one node: one in storage, in drawings, for workers and for observers. The query holds that node then.
   *
   * Its value is that of the one node in it that is read from outside, or a record of several by their names. What was set
   * before stays: functions and plugins with their nodes; of resources, the group needs the most that one of its nodes
   * needs. Retries and time limits are its own.
   *
   * @throws {TypeError} If `name` can't be a name.
   * @throws {GraphError} If there is no node, the nodes are not connected, the group would have to wait for itself or would
   * have only some calls of an instance, or the name is taken.
   */
  collapse(name: string): this {
    checkName(name, "Cannot collapse nodes");
    if (isImportedForDefinitions()) return this;
    const nodes = new Set(this.#some("collapse"));
    const site = CallSite.of(this.collapse, true);
    const { graph, node, settings } = collapseNodes(this.#holder.graph, nodes, name, site);
    if (Object.keys(settings).length > 0) graph.settings.set(node, settings);
    this.#edit(graph);
    this.#nodes = [node];
    return this;
  }

  /**
   * Drops nodes that nobody reads but other nodes that are dropped too. The query holds no node then.
   *
   * @throws {GraphError} If there is no node, one is a target, is read by others, or comes before calls of its instance.
   */
  remove(): this {
    if (isImportedForDefinitions()) return this;
    this.#edit(removeNodes(this.#holder.graph, new Set(this.#some("remove"))));
    this.#nodes = [];
    this.#isToldOfNone = true;
    return this;
  }

  #insert(insert: typeof insertBefore, fn: AnyFunction, origin: Origin): this {
    if (isImportedForDefinitions()) return this;
    const nodes = new Set(this.#some("insert nodes around"));
    const name = fn.name === "" ? "fn" : fn.name;
    const { site } = origin;
    const definition = new Definition("function", name, fn, site, undefined, undefined, origin);
    return this.#edit(insert(this.#holder.graph, nodes, definition));
  }

  #edit(graph: Graph): this {
    this.#holder.graph = graph;
    this.#seen = graph;
    return this;
  }

  #set(what: string, change: (settings: NodeSettings) => NodeSettings): this {
    const { settings: all } = this.#holder.graph;
    for (const node of this.#found(what)) {
      const settings = all.get(node) ?? {};
      all.set(node, { ...settings, ...change(settings) });
    }
    return this;
  }

  /** The nodes; to set something for none is allowed, but most likely a mistake in the pattern. */
  #found(what: string): readonly NodeRecord[] {
    const nodes = this.#current();
    if (nodes.length === 0 && !this.#isToldOfNone && !isImportedForDefinitions()) {
      this.#isToldOfNone = true;
      const why = explainNoMatch(this.#pattern, this.#allNames());
      this.#holder.warn(`The call of ${what} sets nothing, as ${why}`);
    }
    return nodes;
  }

  #allNames(): string[] {
    return this.#holder.graph.nodes.map(({ name }) => name);
  }

  /** The nodes, at least one: an edit of nothing is a mistake in the pattern. */
  #some(what: string): readonly NodeRecord[] {
    const nodes = this.#current();
    if (nodes.length > 0) return nodes;
    throw new GraphError(
      `Cannot ${what} nodes, as ${explainNoMatch(this.#pattern, this.#allNames())}`,
      { reason: "no-match" },
    );
  }

  /** The nodes, if all are still in the graph. */
  #current(): readonly NodeRecord[] {
    const { graph } = this.#holder;
    if (this.#seen === graph) return this.#nodes;
    const present = new Set(graph.nodes);
    const gone = this.#nodes.find((node) => !present.has(node));
    if (gone) throw notThere(gone, graph);
    this.#seen = graph;
    return this.#nodes;
  }
}

function notThere(gone: NodeRecord, { nodes }: Graph): GraphError {
  const group = nodes.find((node) =>
    node.definition.kind === "group" && withMembers([node]).includes(gone)
  );
  return refusal(
    "edited",
    [gone],
    (name) =>
      `Cannot use this query any more, as ${name} is not in the graph any more: it was ${
        group ? `made a part of "${group.name}"` : "removed"
      }. Make the query anew.`,
  );
}

/** Notes a function before anything else can be refused: where the module is imported by a worker, nothing else is done. */
function givenFunction(what: string, fn: AnyFunction, method: AnyFunction): Origin {
  if (typeof fn !== "function") {
    throw new TypeError(`Cannot ${what} as 'fn' must be a function: current value is ${fn}.`);
  }
  const kind = isMaker(fn)
    ? "a workflow function, which makes nodes: pass the plain one"
    : isClass(fn)
    ? "a class: pass a function"
    : isGenerator(fn)
    ? "a generator, whose result could be read only once: return an array"
    : undefined;
  const name = fn.name === "" ? "'fn'" : `"${fn.name}"`;
  if (kind !== undefined) throw new TypeError(`Cannot ${what} as ${name} is ${kind}.`);
  return noteGiven(fn, method);
}
