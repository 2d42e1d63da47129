/** What a run does with each node: run it, read its stored value, or leave it. */

import type { Graph } from "./graph.ts";

/** Nothing needs the node's value. */
export const LEAVE = 0;
/** The value is there from an earlier pass of the same run. */
export const HAVE = 1;
/** The value is read from the storage. */
export const READ = 2;
/** The node runs. */
export const RUN = 3;
/**
 * Once all that the node reads is known, its stored value turns out to be right, or the node runs. Of a constructor: its
 * calls are checked, for which its arguments must be known.
 */
export const CHECK = 4;
/** The stored value is read if a node that was to be checked runs and needs it. */
export const MAYBE_READ = 5;

/** Which nodes run: all that hang off the targets' roots, or what the targets need. */
export type Scope = "reachable" | "needed";

/** Which values are there already. */
export interface Available {
  isStored(node: number): boolean;
  /** Whether the stored value is right if those that the node reads turn out to be what they were. */
  isToCheck(node: number): boolean;
  /** Whether the value is at hand; of a constructor's node, the instance as its latest call has left it. */
  has(node: number): boolean;
  /** Whether the node ran in an earlier pass of the same run. */
  hasRun(node: number): boolean;
  /** Whether the instance of a call, as it is now, has seen it. */
  isSeen(call: number): boolean;
  /** Whether the node failed in an earlier pass of the same run. */
  hasFailed(node: number): boolean;
}

/**
 * Decides from the last node to the first, as what a node does depends on who needs it.
 *
 * A node without a stored value runs, and so needs its parents' values. A method call that runs needs all earlier calls of
 * its instance to have run, stored or not, as they made the instance what it is.
 *
 * @param available Without it, nothing is there.
 */
export function planRun(
  graph: Graph,
  available: Available | undefined,
  scope: Scope,
): Uint8Array {
  if (!available && scope === "reachable") return new Uint8Array(graph.nodes.length).fill(RUN);
  // Instances that are there, but of which an earlier call has to be run again: they have to be made anew.
  const outdated = new Set<number>();
  for (;;) {
    const actions = tryPlan(graph, available, scope, outdated);
    if (actions) return actions;
  }
}

/** Only nodes to be checked may need a value. */
const MAYBE_NEEDED = 1;
const NEEDED = 2;

/** A plan, or `undefined` when an instance turned out to be outdated. */
function tryPlan(
  graph: Graph,
  available: Available | undefined,
  scope: Scope,
  outdated: Set<number>,
): Uint8Array | undefined {
  const { nodes, inputs, inputOffsets, instances, previous } = graph;
  const actions = new Uint8Array(nodes.length);
  const isNeeded = new Uint8Array(nodes.length);
  const mustRun = new Uint8Array(nodes.length);
  /** Constructors of which calls are checked. */
  const isAsked = new Uint8Array(nodes.length);
  const isBlocked = available && findBlocked(graph, available);
  const isAlive = (instance: number) => available?.has(instance) && !outdated.has(instance);
  for (const target of graph.targetIndexes) {
    isNeeded[target] = NEEDED;
    // An instance that is asked for is what all its calls made of it.
    if (nodes[target].definition.kind !== "constructor") continue;
    instances.forEach((instance, call) => {
      if (instance === target && !(isAlive(target) && available!.isSeen(call))) mustRun[call] = 1;
    });
  }

  for (let i = nodes.length - 1; i >= 0; i--) {
    let action = isBlocked?.[i] === 1 ? LEAVE : mustRun[i] ? RUN : decide(i);
    // A call whose value is there, but which can't run again, as one before it can't.
    if (action === RUN && isBlocked?.[i] === 2) action = LEAVE;
    actions[i] = action;
    if (action === CHECK) {
      need(i, MAYBE_NEEDED);
      if (instances[i] >= 0) isAsked[instances[i]] = 1;
    }
    if (action !== RUN) continue;
    need(i, NEEDED);
    const before = previous[i];
    if (before < 0) continue;
    const instance = instances[i];
    if (!isAlive(instance)) mustRun[before] = 1;
    else if (available!.isSeen(i)) {
      outdated.add(instance);
      return undefined;
    } else {
      isNeeded[instance] = NEEDED;
      if (before !== instance && !available!.isSeen(before)) mustRun[before] = 1;
    }
  }
  return actions;

  /** The values that a node reads are needed. */
  function need(i: number, level: typeof MAYBE_NEEDED | typeof NEEDED): void {
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      if (isNeeded[inputs[at]] < level) isNeeded[inputs[at]] = level;
    }
  }

  function decide(i: number): number {
    const isConstructor = nodes[i].definition.kind === "constructor";
    if (scope === "needed" && !isNeeded[i]) return LEAVE;
    if (isConstructor ? isAlive(i) : available?.has(i)) return isNeeded[i] ? HAVE : LEAVE;
    if (available?.hasRun(i) && !isNeeded[i]) return LEAVE;
    if (isConstructor && !isNeeded[i]) {
      if (isAsked[i]) return CHECK;
      // Nobody's call runs; an instance without calls runs for what its constructor does.
      return graph.dependentOffsets[i] === graph.dependentOffsets[i + 1] ? RUN : LEAVE;
    }
    if (available?.isStored(i)) return [LEAVE, MAYBE_READ, READ][isNeeded[i]];
    return available?.isToCheck(i) ? CHECK : RUN;
  }
}

/** A mark for each node that failed, or that can't run as one that it depends on failed. */
export function findBlocked(graph: Graph, available: Available): Uint8Array {
  const { inputs, inputOffsets, previous, instances, nodes } = graph;
  const isBlocked = new Uint8Array(nodes.length);
  /** Also of those that have a value: they could not be run. */
  for (let i = 0; i < nodes.length; i++) {
    const before = previous[i];
    let cannotRun = available.hasFailed(i) ||
      (before >= 0 && isBlocked[before] > 0 &&
        !(available.has(instances[i]) && available.isSeen(before) && !available.hasFailed(before)));
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1] && !cannotRun; at++) {
      cannotRun = isBlocked[inputs[at]] === 1;
    }
    if (!cannotRun) continue;
    isBlocked[i] = !available.hasFailed(i) && (available.isStored(i) || available.has(i)) ? 2 : 1;
  }
  return isBlocked;
}
