/** Makes connected nodes of a graph one node. */

import { forEachReference, nodeOf, type Reference } from "./arguments.ts";
import {
  entriesOf,
  type Entry,
  makeNode,
  rebuild,
  redirect,
  refusal,
  rewire,
  showNames,
} from "./edits.ts";
import { GraphError } from "./errors.ts";
import { type Graph, type NodeSettings, readEdges } from "./graph.ts";
import type { Group, NodeRecord } from "./node.ts";
import type { CallSite } from "./place.ts";
import { extendPolicy, type Policy, type RemoteArgs } from "./policy.ts";

/** The edited graph, and the node that the members are now. */
export interface Collapsed {
  readonly graph: Graph;
  readonly node: NodeRecord;
  readonly settings: NodeSettings;
}

/**
 * Makes nodes one node of the name given.
 *
 * @throws {GraphError} If the nodes are not connected, the group would make a circle or have only some of an instance's
 * calls, or the name is taken.
 */
export function collapseNodes(
  graph: Graph,
  nodes: ReadonlySet<NodeRecord>,
  name: string,
  site: CallSite,
): Collapsed {
  refuseTaken(graph, nodes, name);
  const isMember = Uint8Array.from(graph.nodes, (node) => nodes.has(node) ? 1 : 0);
  refuseSplit(graph, isMember, name);
  refuseUnconnected(graph, isMember, name);
  refuseCycle(graph, isMember, name);

  const entries = entriesOf(graph);
  const members = entries.filter(({ node }) => nodes.has(node));
  const given = readGiven(members, nodes);
  const exits = findExits(graph, isMember);
  const keys = keysOf(exits);
  const group = makeGroup(members, given, keys, site);
  const node = makeNode(group, name, ...given);
  const replace = (reference: Reference) => {
    const key = keys.get(nodeOf(reference));
    return key === undefined ? reference : redirect(reference, node, keys.size === 1 ? [] : [key]);
  };
  const last = members.at(-1)!.node;
  const edited = entries.flatMap((entry) => {
    if (entry.node === last) return [{ node, wires: node }];
    return nodes.has(entry.node) ? [] : [rewire(entry, replace)];
  });
  return {
    graph: rebuild(graph, edited, graph.targets.map(replace)),
    node,
    settings: joinSettings(graph, members, exits),
  };
}

function makeGroup(
  members: readonly Entry[],
  given: readonly NodeRecord[],
  exits: ReadonlyMap<NodeRecord, string>,
  site: CallSite,
): Group {
  const numbers = new Map(
    [...given, ...members.map(({ node }) => node)].map((node, number) => [node, number]),
  );
  const wires = members.map(({ wires }) => wires);
  const { inputs, inputOffsets, instances } = readEdges(wires, (node) => numbers.get(node)!);
  return {
    kind: "group",
    name: groupName(members.length),
    site,
    members: members.map(({ node }) => node),
    wires,
    given: given.length,
    inputs,
    inputOffsets,
    instances,
    exits: [...exits].map(([node, key]) => ({ key, number: numbers.get(node)! })),
  };
}

/** What a group of so many nodes is called. */
export function groupName(count: number): string {
  return `group of ${count} ${count === 1 ? "node" : "nodes"}`;
}

/** What the values of several nodes are called in the record of them: one with a `then` would be taken for a promise. */
function keysOf(exits: readonly NodeRecord[]): Map<NodeRecord, string> {
  const isPlain = exits.every(({ name }) => name !== "then");
  return new Map(exits.map((node, at) => [node, isPlain ? node.name : String(at)]));
}

/** The nodes that members read from outside, each once. */
function readGiven(members: readonly Entry[], nodes: ReadonlySet<NodeRecord>): NodeRecord[] {
  const given = new Set<NodeRecord>();
  for (const { wires } of members) {
    forEachReference(wires.args, (reference) => {
      const node = nodeOf(reference);
      if (!nodes.has(node)) given.add(node);
    });
  }
  return [...given];
}

/** The members whose values are read from outside or are targets; without such, those that nobody reads. */
function findExits(graph: Graph, isMember: Uint8Array): NodeRecord[] {
  const { nodes, previous, dependents, dependentOffsets, targetIndexes } = graph;
  const isTarget = new Set(targetIndexes);
  const exits: NodeRecord[] = [];
  const unread: NodeRecord[] = [];
  nodes.forEach((node, i) => {
    if (!isMember[i]) return;
    const readers = dependents.subarray(dependentOffsets[i], dependentOffsets[i + 1]);
    if (isTarget.has(i) || readers.some((reader) => !isMember[reader])) exits.push(node);
    else if (
      node.definition.kind !== "constructor" && readers.every((reader) => previous[reader] === i)
    ) {
      unread.push(node);
    }
  });
  return exits.length > 0 ? exits : unread;
}

/** A group needs the most that one of its members needs; it is stored, and sent with others, unless one of these was not to be. */
function joinSettings(
  { settings }: Graph,
  members: readonly Entry[],
  exits: readonly NodeRecord[],
): NodeSettings {
  const policies = members.map(({ node }) => settings.get(node)?.policy);
  const isStored = exits.every((exit) => settings.get(exit)?.isStored !== false);
  const isGrouped = members.every(({ node }) => settings.get(node)?.isGrouped !== false);
  return {
    ...(policies.some((policy) => policy) && { policy: joinPolicies(policies) }),
    ...(!isStored && { isStored }),
    ...(!isGrouped && { isGrouped }),
  };
}

/** Retries and time limits are the group's own: none. */
function joinPolicies(policies: readonly (Policy | undefined)[]): Policy {
  const all = policies.map((policy): RemoteArgs => policy?.remoteArgs ?? {});
  const resources: Record<string, number> = {};
  for (const { resources: own = {} } of all) {
    for (const [name, amount] of Object.entries(own)) {
      resources[name] = Math.max(resources[name] ?? 0, amount);
    }
  }
  return extendPolicy(undefined, {
    numCpus: Math.max(...all.map(({ numCpus = 1 }) => numCpus)),
    numGpus: Math.max(...all.map(({ numGpus = 0 }) => numGpus)),
    memory: Math.max(...all.map(({ memory = 0 }) => memory)),
    resources,
  });
}

function refuseTaken(graph: Graph, nodes: ReadonlySet<NodeRecord>, name: string): void {
  if (!graph.nodes.some((node) => node.name === name && !nodes.has(node))) return;
  throw new GraphError(
    `Cannot collapse nodes to "${name}", as another node has that name: choose one that is free.`,
    { reason: "duplicate-name", nodes: [name] },
  );
}

/** An instance lives in one node: with all of its calls, or without any. */
function refuseSplit({ nodes, instances }: Graph, isMember: Uint8Array, name: string): void {
  const calls = Map.groupBy(nodes.keys(), (i) => instances[i]);
  for (const [instance, own] of calls) {
    if (instance < 0) continue;
    const all = [instance, ...own];
    const outside = all.filter((i) => !isMember[i]);
    if (outside.length === 0 || outside.length === all.length) continue;
    const inside = all.filter((i) => isMember[i]);
    const show = (numbers: readonly number[]) => showNames(numbers.map((i) => nodes[i].name));
    throw refusal(
      "split-class",
      outside.map((i) => nodes[i]),
      () =>
        `Cannot collapse nodes to "${name}", as an instance and all of its calls stay together: ${
          show(inside)
        } would be in the group, and ${show(outside)} would not. Choose all of them, or none.`,
    );
  }
}

function refuseUnconnected(graph: Graph, isMember: Uint8Array, name: string): void {
  const { nodes, inputs, inputOffsets, previous, dependents, dependentOffsets } = graph;
  const part = new Int32Array(nodes.length).fill(-1);
  const parts: NodeRecord[][] = [];
  for (let first = 0; first < nodes.length; first++) {
    if (!isMember[first] || part[first] >= 0) continue;
    const open = [first];
    const found: NodeRecord[] = [];
    const visit = (i: number) => {
      if (i < 0 || !isMember[i] || part[i] >= 0) return;
      part[i] = parts.length;
      found.push(nodes[i]);
      open.push(i);
    };
    visit(first);
    for (let i = open.pop(); i !== undefined; i = open.pop()) {
      inputs.subarray(inputOffsets[i], inputOffsets[i + 1]).forEach(visit);
      dependents.subarray(dependentOffsets[i], dependentOffsets[i + 1]).forEach(visit);
      visit(previous[i]);
    }
    parts.push(found);
  }
  if (parts.length <= 1) return;
  const shown = parts.map((found) => showNames(found.map(({ name }) => name)));
  throw refusal(
    "not-connected",
    parts.flat(),
    () =>
      `Cannot collapse nodes to "${name}", as no value goes from one to the other of ${
        shown.join("; ")
      }: choose nodes that are connected, or collapse each part by itself.`,
  );
}

/** A way out of the group and in again would have the group wait for itself. */
function refuseCycle(graph: Graph, isMember: Uint8Array, name: string): void {
  const { nodes, dependents, dependentOffsets } = graph;
  const cameFrom = new Int32Array(nodes.length).fill(-1);
  const open: number[] = [];
  for (let i = 0; i < nodes.length; i++) if (isMember[i]) open.push(i);
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    for (let at = dependentOffsets[i]; at < dependentOffsets[i + 1]; at++) {
      const next = dependents[at];
      if (isMember[next]) {
        if (isMember[i]) continue;
        const path = [next, i];
        while (!isMember[path.at(-1)!]) path.push(cameFrom[path.at(-1)!]);
        const names = path.reverse().map((i) => nodes[i].name);
        throw new GraphError(
          `Cannot collapse nodes to "${name}", as it would have to wait for itself: ${
            names.map((name) => JSON.stringify(name)).join(" → ")
          }. Choose the nodes in between too.`,
          { reason: "cycle", nodes: names },
        );
      }
      if (cameFrom[next] >= 0) continue;
      cameFrom[next] = i;
      open.push(next);
    }
  }
}
