/** Edits of a backend's own copy of a graph: each gives a new graph, and leaves the old one and the user's nodes alone. */

import { forEachReference, nodeOf, type Reference, replaceReferences } from "./arguments.ts";
import type { Definition } from "./definition.ts";
import { GraphError } from "./errors.ts";
import { connect, type Graph } from "./graph.ts";
import { type ItemKey, ItemRecord, KIND, NodeRecord, type Wires } from "./node.ts";

/** A node with what it reads. */
export interface Entry {
  readonly node: NodeRecord;
  readonly wires: Wires;
}

/** The nodes of a graph with what they read, in order. */
export function entriesOf({ nodes, wires = nodes }: Graph): Entry[] {
  return nodes.map((node, i) => ({ node, wires: wires[i] }));
}

/** A graph of other nodes; what was set stays with the nodes that it was set for. */
export function rebuild(
  graph: Graph,
  entries: readonly Entry[],
  targets: Graph["targets"],
): Graph {
  const nodes = entries.map(({ node }) => node);
  const wires = entries.map(({ wires }) => wires);
  const numbers = new Map<NodeRecord, number>();
  for (let i = 0; i < nodes.length; i++) numbers.set(nodes[i], i);
  const { isList, settings, plugins } = graph;
  const edges = connect(wires, targets, (node) => numbers.get(node)!);
  return isOrdered(edges)
    ? { nodes, wires, ...edges, isList, settings, plugins }
    : rebuild(graph, inOrder(entries), targets);
}

function isOrdered({ inputs, inputOffsets, previous }: Edges): boolean {
  return previous.every((before, i) =>
    before < i && inputs.subarray(inputOffsets[i], inputOffsets[i + 1]).every((input) => input < i)
  );
}

type Edges = Pick<Graph, "inputs" | "inputOffsets" | "previous">;

/** Parents first; otherwise the order stays. */
function inOrder(entries: readonly Entry[]): Entry[] {
  const all = new Map(entries.map((entry) => [entry.node, entry]));
  const ordered: Entry[] = [];
  const isDone = new Set<NodeRecord>();
  for (const entry of entries) {
    const open = [{ entry, parents: parentsOf(entry) }];
    // By a list of its own, as a graph may be deeper than the stack.
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const parent = top.parents.pop();
      if (parent === undefined) {
        open.pop();
        if (isDone.has(top.entry.node)) continue;
        isDone.add(top.entry.node);
        ordered.push(top.entry);
      } else if (!isDone.has(parent)) {
        const entry = all.get(parent)!;
        open.push({ entry, parents: parentsOf(entry) });
      }
    }
  }
  return ordered;
}

/** Every node that a node waits for, the last one first. */
function parentsOf({ wires }: Entry): NodeRecord[] {
  const parents: NodeRecord[] = [];
  forEachReference(wires.args, (reference) => parents.push(nodeOf(reference)));
  if (wires.instance) parents.push(wires.link!);
  return parents.reverse();
}

/** Reads what another node has instead: under a path of its own, if it has several values. */
export function redirect(
  reference: Reference,
  to: NodeRecord,
  prefix: readonly ItemKey[] = [],
): Reference {
  const path = reference[KIND] === "item" ? [...prefix, ...reference.path] : prefix;
  return path.length === 0 ? to : new ItemRecord(to, path);
}

/** With other references in the places of those that a node reads. */
export function rewire(entry: Entry, replace: (reference: Reference) => Reference): Entry {
  const { args, instance, link } = entry.wires;
  const replaced = replaceReferences(args, replace);
  return replaced === args ? entry : { ...entry, wires: { args: replaced, instance, link } };
}

/** Puts a node on every value that the nodes read. */
export function insertBefore(
  graph: Graph,
  nodes: ReadonlySet<NodeRecord>,
  definition: Definition,
): Graph {
  const nameFor = namer(graph);
  const entries = entriesOf(graph).flatMap((entry) => {
    const { node } = entry;
    if (!nodes.has(node)) return [entry];
    const inserted: Entry[] = [];
    const changed = rewire(entry, (reference) => {
      const made = makeNode(definition, nameFor(node, "before", definition), reference);
      inserted.push({ node: made, wires: made });
      return made;
    });
    return [...inserted, changed];
  });
  if (entries.length === graph.nodes.length) {
    throw refusal(
      "no-value",
      nodes,
      (names) =>
        `Cannot insert "${definition.name}" before ${names}, as ${
          nodes.size === 1 ? "it reads" : "they read"
        } no value of another node: choose nodes that are called with nodes.`,
    );
  }
  return rebuild(graph, entries, graph.targets);
}

/** Puts a node on the value that each of the nodes gives: all that read it read that node instead. */
export function insertAfter(
  graph: Graph,
  nodes: ReadonlySet<NodeRecord>,
  definition: Definition,
): Graph {
  const instances = [...nodes].filter(({ definition }) => definition.kind === "constructor");
  if (instances.length > 0) {
    throw refusal(
      "no-value",
      instances,
      (names) =>
        `Cannot insert "${definition.name}" after ${names}, as an instance is no value that can be passed on: ` +
        `insert it after calls of its methods.`,
    );
  }
  const nameFor = namer(graph);
  const inserted = new Map<NodeRecord, NodeRecord>();
  for (const node of nodes) {
    inserted.set(node, makeNode(definition, nameFor(node, "after", definition), node));
  }
  const replace = (reference: Reference) => {
    const made = inserted.get(nodeOf(reference));
    return made ? redirect(reference, made) : reference;
  };
  const entries = entriesOf(graph).flatMap((entry) => {
    const changed = rewire(entry, replace);
    const made = inserted.get(entry.node);
    return made ? [changed, { node: made, wires: made }] : [changed];
  });
  return rebuild(graph, entries, graph.targets.map(replace));
}

/** Drops nodes. */
export function removeNodes(graph: Graph, nodes: ReadonlySet<NodeRecord>): Graph {
  const uses = [...graph.nodes.keys()].flatMap((i) =>
    nodes.has(graph.nodes[i]) ? usesOf(graph, i, nodes) : []
  );
  if (uses.length > 0) {
    const MOST_SHOWN = 10;
    const shown = uses.slice(0, MOST_SHOWN).map(({ text }) => `  - ${text}`);
    if (uses.length > MOST_SHOWN) shown.push(`  - and ${uses.length - MOST_SHOWN} more`);
    const used = new Set(uses.map(({ node }) => node));
    throw refusal("still-used", used, (names) =>
      `Cannot remove ${names}:\n${shown.join("\n")}\n` +
      `Remove these too, or keep ${used.size === 1 ? "the node" : "the nodes"}.`);
  }
  return rebuild(graph, entriesOf(graph).filter(({ node }) => !nodes.has(node)), graph.targets);
}

interface Use {
  readonly node: NodeRecord;
  readonly text: string;
}

/** Why a node can't be left out. */
function usesOf(graph: Graph, i: number, removed: ReadonlySet<NodeRecord>): Use[] {
  const { nodes, previous, instances, dependents, dependentOffsets, targetIndexes } = graph;
  const node = nodes[i];
  const name = JSON.stringify(node.name);
  const texts = new Set<string>();
  if (targetIndexes.includes(i)) texts.add(`${name} is a target of the workflow`);
  for (let at = dependentOffsets[i]; at < dependentOffsets[i + 1]; at++) {
    const reader = dependents[at];
    if (removed.has(nodes[reader])) continue;
    const other = JSON.stringify(nodes[reader].name);
    texts.add(
      previous[reader] !== i
        ? `${name} is read by ${other}`
        : instances[reader] === i
        ? `${name} is the instance that ${other} is a call of`
        : `${name} comes before ${other}, a call of the same instance, which it may have changed`,
    );
  }
  return [...texts].map((text) => ({ node, text }));
}

/** Asks for other nodes' values: what hangs off their roots stays, and is all that can be needed. */
export function retarget(graph: Graph, numbers: readonly number[]): Graph {
  const { nodes, inputs, inputOffsets, instances, previous } = graph;
  const parentsOf = (i: number) => [
    ...inputs.subarray(inputOffsets[i], inputOffsets[i + 1]),
    ...(instances[i] < 0 ? [] : [instances[i], previous[i]]),
  ];
  const isAbove = new Set(numbers);
  const isKept = new Set<number>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    if (isAbove.has(i)) parentsOf(i).forEach((parent) => isAbove.add(parent));
  }
  for (let i = 0; i < nodes.length; i++) {
    const parents = parentsOf(i);
    const hasAll = parents.every((parent) => isKept.has(parent));
    if (parents.length > 0 ? hasAll : isAbove.has(i)) isKept.add(i);
  }
  const entries = entriesOf(graph).filter((_, i) => isKept.has(i));
  return { ...rebuild(graph, entries, numbers.map((i) => nodes[i])), isList: true };
}

/** A node that stands in no graph but the edited one. */
export class MadeNode extends NodeRecord {}

/** Makes such a node. */
export function makeNode(
  definition: NodeRecord["definition"],
  name: string,
  ...args: readonly Reference[]
): NodeRecord {
  const node = new MadeNode(definition, 0);
  node.givenName = name;
  node.args = args;
  return node;
}

const LONGEST_NAME = 1_000;

/** Names for inserted nodes: after the node, the side and the function; counted, as names are unique. */
function namer(graph: Graph) {
  const taken = new Set(graph.nodes.map(({ name }) => name));
  const counts = new Map<NodeRecord, number>();
  return (node: NodeRecord, side: "before" | "after", { name }: Definition): string => {
    const ending = `/${side}/${name}`.slice(0, LONGEST_NAME / 2);
    for (let count = counts.get(node) ?? 0;; count++) {
      const rest = `${ending}_${String(count).padStart(4, "0")}`;
      const own = (node.name.slice(0, LONGEST_NAME - rest.length) + rest).toWellFormed();
      if (taken.has(own)) continue;
      taken.add(own);
      counts.set(node, count + 1);
      return own;
    }
  };
}

/** An error that tells the names of nodes. */
export function refusal(
  reason: GraphError["reason"],
  nodes: Iterable<NodeRecord>,
  message: (names: string) => string,
): GraphError {
  const names = [...nodes].map(({ name }) => name);
  return new GraphError(message(showNames(names)), { reason, nodes: names });
}

/** `"a", "b" and "c"`. */
export function showNames(names: readonly string[]): string {
  const MOST_SHOWN = 10;
  const shown = names.slice(0, MOST_SHOWN).map((name) => JSON.stringify(name));
  if (names.length > MOST_SHOWN) shown.push(`${names.length - MOST_SHOWN} more`);
  return shown.length === 1 ? shown[0] : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}
