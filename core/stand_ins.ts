/** Copies of what targets need, with other things in the places of some nodes: what tests of a workflow run. */

import { forEachReference, nodeOf, type Reference, replaceReferences } from "./arguments.ts";
import type { AnyFunction } from "./callable.ts";
import { Definition } from "./definition.ts";
import { isPromiseLike } from "./node_host.ts";
import { ItemRecord, KIND, NodeRecord } from "./node.ts";

/** What stands in for a node. */
export interface StandIn {
  /** Gives the value. */
  readonly fn: AnyFunction;
  /** Whether it is given the node's arguments; if not, nothing that only they need is copied. */
  readonly hasArguments: boolean;
}

/** What stands in for which node. */
export type StandIns = ReadonlyMap<NodeRecord, StandIn>;

/**
 * Copies what targets need, and gives the copies' targets; the nodes themselves are left as they are.
 *
 * A call that is stood in for is no call any more: it does nothing to its instance, nor waits for it. One whose instance is
 * stood in for is made on what stands there.
 *
 * @param nodes All nodes that may be needed, parents first.
 */
export function copyNeeded(
  targets: readonly Reference[],
  nodes: readonly NodeRecord[],
  standIns: StandIns,
): Reference[] {
  const needed = findNeeded(targets, nodes, standIns);
  const copies = new Map<NodeRecord, NodeRecord>();
  const copyOf = (reference: Reference): Reference =>
    reference[KIND] === "node"
      ? copies.get(reference)!
      : new ItemRecord(copies.get(reference.node)!, reference.path);
  for (const node of nodes) {
    if (!needed.has(node)) continue;
    const standIn = standIns.get(node);
    const calls = () => nodes.filter((call) => call.instance === node && copies.has(call));
    const definition = standIn ? standInDefinition(node, standIn, calls) : node.definition;
    const copy = new NodeRecord(definition, node.ordinal);
    copy.givenName = node.givenName;
    copy.namedAt = node.namedAt;
    copies.set(node, copy);
    if (!standIn || standIn.hasArguments) {
      copy.args = replaceReferences(node.args, copyOf);
      forEachReference(copy.args, (reference) => nodeOf(reference).addDependent(copy));
    }
    if (standIn || !node.instance) continue;
    copy.instance = copies.get(node.instance);
    copy.link = copies.get(callBefore(node, standIns));
    copy.link!.addDependent(copy);
  }
  return targets.map(copyOf);
}

function findNeeded(
  targets: readonly Reference[],
  nodes: readonly NodeRecord[],
  standIns: StandIns,
): Set<NodeRecord> {
  const needed = new Set(targets.map(nodeOf));
  // An instance that is asked for is what all its calls made of it.
  for (const node of nodes) {
    if (node.instance && !standIns.has(node) && needed.has(node.instance)) needed.add(node);
  }
  // Grows while it is gone through.
  for (const node of needed) {
    const standIn = standIns.get(node);
    if (!standIn || standIn.hasArguments) {
      forEachReference(node.args, (reference) => needed.add(nodeOf(reference)));
    }
    if (standIn || !node.instance) continue;
    needed.add(node.instance);
    needed.add(callBefore(node, standIns));
  }
  return needed;
}

/** The call, or the constructor, just before a call: of those that are made. */
function callBefore({ link, instance }: NodeRecord, standIns: StandIns): NodeRecord {
  let before = link!;
  while (before !== instance && standIns.has(before)) before = before.link!;
  return before;
}

/** With the name and the place of the one that it is in the place of. */
function standInDefinition(
  { definition }: NodeRecord,
  { fn }: StandIn,
  calls: () => readonly NodeRecord[],
): Definition {
  const isInstance = definition.kind === "constructor";
  const changed = isInstance
    ? { target: makerOf(definition.name, fn, calls) }
    : { kind: "function", target: fn, owner: undefined, method: undefined };
  return Object.assign(Object.create(Definition.prototype), definition, changed);
}

/** A constructor that makes what a function gives: an object, or a promise of one, that has the methods called. */
function makerOf(name: string, fn: AnyFunction, calls: () => readonly NodeRecord[]): AnyFunction {
  const check = (instance: unknown) => {
    const what = `What is in the place of an instance of ${name}`;
    if (!isObject(instance)) throw new TypeError(`${what} must be an object, and is ${instance}.`);
    for (const { name, definition } of calls()) {
      const { method } = definition as Definition;
      if (typeof (instance as Record<string, unknown>)[method!] === "function") continue;
      throw new TypeError(`${what} has no method ${method}, which "${name}" calls.`);
    }
    return instance;
  };
  return function (...args: unknown[]) {
    const instance: unknown = fn(...args);
    return isPromiseLike(instance) ? instance.then(check) : check(instance);
  };
}

/** Whether something may be in the place of an instance. */
export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
