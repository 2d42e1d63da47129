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

/** Which nodes run: all that hang off the targets' roots, or what the targets need. */
export type Scope = "reachable" | "needed";

/** Which values are there already. */
export interface Available {
  isStored(node: number): boolean;
  /** Whether the value is at hand. */
  has(node: number): boolean;
  /** Whether the node ran in an earlier pass of the same run. */
  hasRun(node: number): boolean;
}

/**
 * Decides from the last node to the first, as what a node does depends on who needs it.
 *
 * A node without a stored value runs, and so needs its parents' values. A method call that runs needs all earlier calls of
 * its instance to run too, stored or not, as they made the instance what it is.
 *
 * @param available Without it, nothing is there.
 */
export function planRun(
  graph: Graph,
  available: Available | undefined,
  scope: Scope,
): Uint8Array {
  const { nodes, inputs, inputOffsets, previous } = graph;
  const actions = new Uint8Array(nodes.length);
  if (!available && scope === "reachable") return actions.fill(RUN);
  const isNeeded = new Uint8Array(nodes.length);
  const mustRun = new Uint8Array(nodes.length);
  for (const target of graph.targetIndexes) {
    isNeeded[target] = 1;
    // An instance that is asked for is what all its calls made of it.
    if (nodes[target].definition.kind !== "constructor") continue;
    graph.instances.forEach((instance, call) => {
      if (instance === target) mustRun[call] = 1;
    });
  }

  for (let i = nodes.length - 1; i >= 0; i--) {
    const action = mustRun[i] ? RUN : decide(i);
    actions[i] = action;
    if (action !== RUN) continue;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) isNeeded[inputs[at]] = 1;
    if (previous[i] >= 0) mustRun[previous[i]] = 1;
  }
  return actions;

  function decide(i: number): number {
    if (scope === "needed" && !isNeeded[i]) return LEAVE;
    if (available?.has(i)) return isNeeded[i] ? HAVE : LEAVE;
    if (available?.hasRun(i) && !isNeeded[i]) return LEAVE;
    if (nodes[i].definition.kind === "constructor" && !isNeeded[i]) {
      // Nobody's call runs; an instance without calls runs for what its constructor does.
      return graph.dependentOffsets[i] === graph.dependentOffsets[i + 1] ? RUN : LEAVE;
    }
    if (available?.isStored(i)) return isNeeded[i] ? READ : LEAVE;
    return RUN;
  }
}
