/** What is drawn: a graph as plain data, which formats need nothing else to know of. */

/** What is known of a node from the storage: of `"maybe"`, whether it runs depends on what other nodes give. */
export type NodeState = "stored" | "run" | "maybe" | "failed" | "not needed";

/** The states, in the order in which they are told. */
export const STATES: readonly NodeState[] = ["stored", "run", "maybe", "failed", "not needed"];

/** What the states are called. */
export const STATE_WORDS: Readonly<Record<NodeState, string>> = {
  stored: "stored",
  run: "will run",
  maybe: "may run",
  failed: "failed",
  "not needed": "not needed",
};

/** What a storage tells of a node. */
export interface NodeStanding {
  readonly state: NodeState;
  /** Why it will run, or what it failed with. */
  readonly reason?: string;
  /** How long it took when it last ran, in milliseconds. */
  readonly durationMs?: number;
  /** The size of what is stored of it. */
  readonly bytes?: number;
  /** When it was stored. */
  readonly savedAt?: Date;
}

/** A node. */
export interface DrawnNode {
  readonly name: string;
  /** The name of its function, of its class, or `Class.method`. */
  readonly definition: string;
  readonly kind: "function" | "constructor" | "method";
  readonly isTarget: boolean;
  /** Of a method call, the index of its instance's node; else -1. */
  readonly instance: number;
  /** Of a method call, the how-manieth of its instance it is, from 1. */
  readonly call: number;
  /** Of a collapsed group, the names of the nodes in it. */
  readonly members: readonly string[];
  /** What it needs, in a few words each. */
  readonly needs: readonly string[];
  /** The plugins set for it, but not for all nodes. */
  readonly plugins: readonly string[];
  readonly standing: NodeStanding | undefined;
}

/** Who reads whom, or whose call comes before. */
export interface DrawnEdge {
  /** Index of the node read. */
  readonly from: number;
  readonly to: number;
  readonly kind: "value" | "order";
  /** The parts read, such as `.x` and `[0]`; an empty text stands for the whole value. */
  readonly items: readonly string[];
}

/** What can be told of a node beside what is drawn of it. */
export interface NodeDetails {
  /** Where its function was made a workflow's. */
  readonly definedAt: string;
  /** Where it was given its name. */
  readonly namedAt: string;
  /** Its arguments, as short texts. */
  readonly args: readonly string[];
}

/** A graph to draw. */
export interface Drawing {
  readonly workflowName: string;
  /** In an order that puts parents first. */
  readonly nodes: readonly DrawnNode[];
  readonly edges: readonly DrawnEdge[];
  /** The plugins of all nodes. */
  readonly plugins: readonly string[];
  /** Where the states come from. */
  readonly location: string | undefined;
  /** Tells more of a node, for who asks. */
  detailsOf(node: number): NodeDetails;
}

/** How much of which state there is, how long it took and how much is stored. */
export interface Summary {
  readonly counts: ReadonlyMap<NodeState, number>;
  readonly durationMs: number | undefined;
  readonly bytes: number | undefined;
}

/** Sums up nodes. */
export function summarize(drawing: Drawing, members: Iterable<number>): Summary {
  const counts = new Map<NodeState, number>();
  let durationMs: number | undefined;
  let bytes: number | undefined;
  for (const i of members) {
    const { standing } = drawing.nodes[i];
    if (!standing) continue;
    counts.set(standing.state, (counts.get(standing.state) ?? 0) + 1);
    if (standing.durationMs !== undefined) durationMs = (durationMs ?? 0) + standing.durationMs;
    if (standing.bytes !== undefined) bytes = (bytes ?? 0) + standing.bytes;
  }
  return { counts, durationMs, bytes };
}
