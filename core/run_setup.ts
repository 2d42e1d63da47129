/** What a pass over a graph is given, and how it ends. */

import type { NodeError } from "./errors.ts";
import type { Executor } from "./executor.ts";
import type { Graph } from "./graph.ts";
import type { Available } from "./plan.ts";
import type { Reuse } from "./reuse.ts";
import type { Storage } from "./storage.ts";
import type { Watchers } from "./watchers.ts";

/** Everything that a run needs. */
export interface RunSetup {
  readonly graph: Graph;
  /** What to do with each node: the plan. */
  readonly actions: Uint8Array;
  /** What was there when the plan was made. */
  readonly available: Available;
  /** The values of the nodes that are there already. */
  readonly have: ReadonlyMap<number, unknown>;
  /** A mark for each node that has run; the run sets more. */
  readonly hasRun: Uint8Array;
  /** A mark for each call that its instance, as it is now, has seen; the run sets more. */
  readonly isSeen: Uint8Array;
  readonly executor: Executor;
  readonly watchers: Watchers;
  readonly workflowName: string;
  readonly storage: Storage | undefined;
  /** Which stored values are right; there is one wherever there is a storage. */
  readonly reuse: Reuse | undefined;
  readonly signal: AbortSignal | undefined;
  readonly retries: Map<number, number>;
  /** What a failure does: end the run, or only what depends on the node. */
  readonly onFailure: "stop" | "continue";
  /** The failures of all passes. */
  readonly failures: Map<number, NodeError>;
}

/** How a pass ended: with its targets' values, or with nodes whose values are missing and the values that are there. */
export type RunOutcome =
  | { readonly kind: "done"; readonly values: unknown[] }
  | {
    readonly kind: "missing";
    /** Nodes whose stored value turned out to be bad. */
    readonly unread: readonly number[];
    readonly have: Map<number, unknown>;
  };
