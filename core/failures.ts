/** What a node threw, as the error that the run reports. */

import { NodeError, type NodePhase } from "./errors.ts";
import type { NodeRecord } from "./node.ts";
import { PhaseFailure } from "./node_host.ts";
import { showPlace } from "./place.ts";

/** Names the node, where its function is defined, and what it threw. */
export function nodeError(node: NodeRecord, thrown: unknown): NodeError {
  const { name, definition } = node;
  const [phase, cause]: [NodePhase, unknown] = thrown instanceof PhaseFailure
    ? [thrown.phase, thrown.error]
    : ["run", thrown];
  const what = phase === "timeout" ? "ran out of time" : "failed";
  return new NodeError(
    `Node "${name}" (${definition.name}, defined at ${showPlace(definition.site)}) ${what}: ${
      showThrown(cause)
    }`,
    { nodeName: name, phase, cause },
  );
}

/** What was thrown, whatever it is, as text. */
export function showThrown(thrown: unknown): string {
  if (thrown instanceof Error) return `${thrown.name}: ${thrown.message}`;
  try {
    const isText = typeof thrown === "string" || (typeof thrown === "object" && thrown !== null);
    return `it threw ${isText ? JSON.stringify(thrown) : String(thrown)}`;
  } catch {
    return "it threw a value that can't be shown";
  }
}
