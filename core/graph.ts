/** A backend's own copy of a graph: which nodes run, in an order that puts parents first, and who reads whom. */

import { forEachReference, nodeOf } from "./arguments.ts";
import type { AnyFunction } from "./callable.ts";
import type { Origin } from "./carried.ts";
import { GraphError } from "./errors.ts";
import { type ItemRecord, nodeCount, type NodeRecord, recordOf, type Wires } from "./node.ts";
import type { Plugin } from "./plugin.ts";
import type { Policy } from "./policy.ts";

/** A function that runs in the place of a node's own. */
export interface Replacement {
  readonly fn: AnyFunction;
  readonly origin: Origin;
}

/** What an engineer set for one node. */
export interface NodeSettings {
  policy?: Policy;
  /** Whether the value may be read from and written to the storage; it may unless this is `false`. */
  isStored?: boolean;
  /** Whether the node may be sent together with others, where a backend does that; it may unless this is `false`. */
  isGrouped?: boolean;
  replacement?: Replacement;
}

/** A plugin and the nodes that it was set for: all, or those listed. */
export interface PluginUse {
  readonly plugin: Plugin;
  readonly nodes: ReadonlySet<NodeRecord> | undefined;
}

/**
 * The nodes that run, numbered so that parents come first, in the order in which they were made.
 *
 * Lists of lists are flat: what belongs to node `i` lies from `offsets[i]` to before `offsets[i + 1]`.
 */
export interface Graph {
  readonly nodes: readonly NodeRecord[];
  /** Of an edited graph, what its nodes read, in the place of what the records say, which belong to the user. */
  readonly wires?: readonly Wires[];
  /** For each reference in a node's arguments, in the order of `fillArguments`, the node read. */
  readonly inputs: Int32Array;
  readonly inputOffsets: Int32Array;
  /** Of a method call: its instance's node; else -1. */
  readonly instances: Int32Array;
  /** Of a method call: the call, or the constructor, that comes just before it; else -1. */
  readonly previous: Int32Array;
  /** Who waits for a node: once for each reference to it, and the next call of its instance. */
  readonly dependents: Int32Array;
  readonly dependentOffsets: Int32Array;
  readonly targets: readonly (NodeRecord | ItemRecord)[];
  readonly targetIndexes: readonly number[];
  /** Whether `run()` gives a list. */
  readonly isList: boolean;
  /** What was set; nodes of which nothing was set are not in it. All edited copies of a graph share it. */
  readonly settings: Map<NodeRecord, NodeSettings>;
  /** The plugins, in the order in which they were set; shared too. */
  readonly plugins: PluginUse[];
}

/**
 * Finds what hangs off the targets' roots: every node all of whose parents are found too.
 *
 * @throws {GraphError} If there is no target, or a target is no node.
 */
export function buildGraph(targets: unknown): Graph {
  const isList = Array.isArray(targets);
  const records = readTargets(isList ? targets : [targets]);
  const nodes = findRunnable(findRoots(records.map(nodeOf)));

  // Ids of one graph lie close together, so a plain array finds a node's number faster than a map.
  const firstId = nodes[0].id;
  const numbers = new Int32Array(nodes[nodes.length - 1].id - firstId + 1);
  for (let i = 0; i < nodes.length; i++) numbers[nodes[i].id - firstId] = i;
  const numberOf = (node: NodeRecord) => numbers[node.id - firstId];

  return {
    nodes,
    ...connect(nodes, records, numberOf),
    isList,
    settings: new Map(),
    plugins: [],
  };
}

/** The edges between nodes that are in order. */
export function connect(
  wires: readonly Wires[],
  targets: readonly (NodeRecord | ItemRecord)[],
  numberOf: (node: NodeRecord) => number,
): Omit<Graph, "nodes" | "wires" | "isList" | "settings" | "plugins"> {
  const edges = readEdges(wires, numberOf);
  return {
    ...edges,
    ...readDependents(edges),
    targets,
    targetIndexes: targets.map((target) => numberOf(nodeOf(target))),
  };
}

/** What a node of a graph is called with. */
export function argsOf({ nodes, wires }: Graph, i: number): readonly unknown[] {
  return (wires ?? nodes)[i].args;
}

/** What was set for a node of a graph. */
export function settingsOf({ nodes, settings }: Graph, i: number): NodeSettings | undefined {
  return settings.size > 0 ? settings.get(nodes[i]) : undefined;
}

function readTargets(targets: readonly unknown[]): (NodeRecord | ItemRecord)[] {
  if (targets.length === 0) {
    throw new GraphError("There is nothing to run: the list of targets is empty.", {
      reason: "no-targets",
    });
  }
  return targets.map((target, position) => {
    const record = recordOf(target);
    if (record) return record;
    const shown = target === null ? "null" : typeof target;
    throw new GraphError(
      `Target ${position} is no node but a value of type ${shown}: pass what a workflow function returned when it was called.`,
      { reason: "not-a-node" },
    );
  });
}

/** Every node that a node's run must wait for. */
function forEachParent(node: NodeRecord, visit: (parent: NodeRecord) => void): void {
  forEachReference(node.args, (reference) => visit(nodeOf(reference)));
  if (node.instance) visit(node.link!);
}

function findRoots(targets: readonly NodeRecord[]): NodeRecord[] {
  const seen = new Bits(nodeCount());
  const open: NodeRecord[] = [];
  const visit = (node: NodeRecord) => {
    if (seen.add(node.id)) open.push(node);
  };
  targets.forEach(visit);
  const roots: NodeRecord[] = [];
  for (let node = open.pop(); node; node = open.pop()) {
    let isRoot = true;
    forEachParent(node, (parent) => {
      isRoot = false;
      visit(parent);
    });
    if (isRoot) roots.push(node);
  }
  return roots;
}

/** From the roots down, each node once all its parents were found; in the order in which they were made. */
function findRunnable(roots: readonly NodeRecord[]): NodeRecord[] {
  const found: NodeRecord[] = [...roots];
  const missing = new Map<NodeRecord, number>();
  for (let i = 0; i < found.length; i++) {
    const { dependents } = found[i];
    if (dependents === undefined) continue;
    for (const child of Array.isArray(dependents) ? dependents : [dependents]) {
      const left = child.parentCount === 1 ? 0 : (missing.get(child) ?? child.parentCount) - 1;
      if (left === 0) found.push(child);
      else missing.set(child, left);
    }
  }
  return isOrdered(found) ? found : found.sort((a, b) => a.id - b.id);
}

function isOrdered(nodes: readonly NodeRecord[]): boolean {
  for (let i = 1; i < nodes.length; i++) if (nodes[i].id < nodes[i - 1].id) return false;
  return true;
}

type Edges = Pick<Graph, "inputs" | "inputOffsets" | "instances" | "previous">;

/** Who is read by whom; `previous` and `instances` are those of method calls. */
export function readEdges(
  nodes: readonly Wires[],
  numberOf: (node: NodeRecord) => number,
): Edges {
  const inputOffsets = new Int32Array(nodes.length + 1);
  const instances = new Int32Array(nodes.length).fill(-1);
  const previous = new Int32Array(nodes.length).fill(-1);
  let inputs = new Int32Array(nodes.length);
  let length = 0;
  const addInput = (reference: NodeRecord | ItemRecord) => {
    if (length === inputs.length) inputs = grown(inputs);
    inputs[length++] = numberOf(nodeOf(reference));
  };
  for (let i = 0; i < nodes.length; i++) {
    const { args, instance, link } = nodes[i];
    forEachReference(args, addInput);
    inputOffsets[i + 1] = length;
    if (!instance) continue;
    instances[i] = numberOf(instance);
    previous[i] = numberOf(link!);
  }
  return { inputs: inputs.subarray(0, length), inputOffsets, instances, previous };
}

/** Turns the edges around: counted first, so that each list is written into its place. */
function readDependents(
  { inputs, inputOffsets, previous }: Edges,
): Pick<Graph, "dependents" | "dependentOffsets"> {
  const count = previous.length;
  const dependentOffsets = new Int32Array(count + 1);
  for (const parent of inputs) dependentOffsets[parent + 1]++;
  for (const parent of previous) if (parent >= 0) dependentOffsets[parent + 1]++;
  for (let i = 0; i < count; i++) dependentOffsets[i + 1] += dependentOffsets[i];

  const dependents = new Int32Array(dependentOffsets[count]);
  const next = dependentOffsets.slice();
  for (let i = 0; i < count; i++) {
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      dependents[next[inputs[at]]++] = i;
    }
    if (previous[i] >= 0) dependents[next[previous[i]]++] = i;
  }
  return { dependents, dependentOffsets };
}

function grown(array: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(16, array.length * 2));
  larger.set(array);
  return larger;
}

class Bits {
  readonly #words: Uint32Array;

  constructor(length: number) {
    this.#words = new Uint32Array((length + 31) >>> 5);
  }

  /** Adds a number; whether it is new. */
  add(n: number): boolean {
    const bit = 1 << (n & 31);
    if (this.#words[n >>> 5] & bit) return false;
    this.#words[n >>> 5] |= bit;
    return true;
  }
}
