/** What a node threw, as the error that the run reports. */

import { isFuseError, NodeError, type NodePhase } from "./errors.ts";
import type { Graph } from "./graph.ts";
import type { NodeRecord } from "./node.ts";
import { PhaseFailure } from "./node_host.ts";
import { showPlace } from "./place.ts";

/** Names the node, where its function is defined, and what it threw. */
export function nodeError(node: NodeRecord, thrown: unknown): NodeError {
  const { name, definition } = node;
  const [phase, cause]: [NodePhase, unknown] = thrown instanceof PhaseFailure
    ? [thrown.phase, ofMember(node, thrown)]
    : ["run", thrown];
  const what = phase === "timeout" ? "ran out of time" : "failed";
  return new NodeError(
    `Node "${name}" (${definition.name}, ${definition.kind === "group" ? "made" : "defined"} at ${
      showPlace(definition.site)
    }) ${what}: ${showThrown(cause)}`,
    { nodeName: name, phase, cause },
  );
}

/** What was thrown; of a group, with the member that threw it. */
function ofMember({ definition }: NodeRecord, { phase, error, members }: PhaseFailure): unknown {
  const [at, ...others] = members;
  if (at === undefined || definition.kind !== "group") return error;
  return nodeError(definition.members[at], new PhaseFailure(phase, error, others));
}

/** What was thrown, whatever it is, as text. */
export function showThrown(thrown: unknown): string {
  // What became of a member of a group says all by itself.
  if (isFuseError(thrown, "NodeError")) return thrown.message;
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  try {
    const isText = typeof thrown === "string" || (typeof thrown === "object" && thrown !== null);
    return `it threw ${isText ? JSON.stringify(thrown) : String(thrown)}`;
  } catch {
    return "it threw a value that can't be shown";
  }
}

/** One error for all failures of a run: the first one's, with all of them in `errors`. */
export function joinFailures(failures: readonly NodeError[], skipped: number): NodeError {
  const [first] = failures;
  const rest = skipped === 0
    ? ""
    : `\n${skipped} ${skipped === 1 ? "node that depends" : "nodes that depend"} on ${
      failures.length === 1 ? "it" : "them"
    } did not run.`;
  const message = failures.length === 1
    ? first.message
    : [`${failures.length} nodes failed:`, ...failures.map((error) => `  - ${error.message}`)]
      .join("\n");
  const { nodeName, phase, cause } = first;
  return new NodeError(message + rest, { nodeName, phase, cause, errors: failures });
}

/**
 * The instance that nobody can use any more once a node has failed, as whoever calls it waits for the calls before; else the
 * node itself, which nobody can use either.
 */
export function instanceGivenUp(graph: Graph, i: number): number {
  const { instances, dependents, dependentOffsets } = graph;
  const instance = instances[i];
  if (instance < 0) return i;
  const readers = dependents.subarray(dependentOffsets[instance], dependentOffsets[instance + 1]);
  return readers.some((reader) => instances[reader] !== instance) ? i : instance;
}
