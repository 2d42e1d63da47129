/** Finds which stored values a run can use, and what it would do with each node. */

import type { Graph } from "./graph.ts";
import { type Initializations, initializeOnHost } from "./initializers.ts";
import type { Pattern } from "./names.ts";
import { type Available, CHECK, HAVE, planRun, READ, RUN, type Scope } from "./plan.ts";
import { Recipes } from "./recipes.ts";
import { Reuse, type ReuseRule } from "./reuse.ts";
import type { Storage, StoredRecord } from "./storage.ts";

/** What a search for stored values is given. */
export interface ReuseSearch {
  readonly graph: Graph;
  readonly storage: Storage | undefined;
  readonly workflowName: string;
  readonly rule: ReuseRule;
  readonly rerun: Pattern | undefined;
  readonly initializations: Initializations;
  readonly warn: (message: string) => void;
  /** Called as soon as it is certain that something has to run, while it is still found out what. */
  onRun?(): void;
}

/** Which stored values are right; `undefined` without a storage. */
export async function findReuse(search: ReuseSearch): Promise<Reuse | undefined> {
  const { graph, storage, workflowName, rule, rerun, initializations, warn, onRun } = search;
  if (!storage) return undefined;
  const listed = new Set(await storage.listTasks(workflowName));
  const names = graph.nodes.map(({ name }) => name).filter((name) => listed.has(name));
  if (!storage.readRecords || !storage.recipes) {
    const record: StoredRecord = { valueDigest: "", recipe: undefined, bytes: 0 };
    const records = new Map(names.map((name) => [name, record]));
    return new Reuse({ graph, rule: "name", recipes: undefined, records, rerun });
  }
  const records = await storage.readRecords(workflowName, names);
  for (const record of records.values()) {
    if (record instanceof Error) warn(`${record.message} It is computed again.`);
  }
  if (names.length < countStorable(graph)) onRun?.();
  const remarks = new Set<string>();
  const remark = (text: string) => {
    if (!remarks.has(text)) warn(text);
    remarks.add(text);
  };
  const recipes = await Recipes.read(graph, initializations, storage.recipes, remark);
  return new Reuse({ graph, rule, recipes, records, rerun });
}

function countStorable({ nodes }: Graph): number {
  return nodes.reduce((sum, node) => sum + (node.definition.kind === "constructor" ? 0 : 1), 0);
}

/** What a run would do with a node. */
export interface NodePlan {
  /** The node's name. */
  readonly name: string;
  /** The name of its function, of its class, or `Class.method`. */
  readonly definition: string;
  /** `"stored"`: its stored value is right; `"run"`: it runs; `"not needed"`: nothing that runs needs it. */
  readonly action: "stored" | "run" | "not needed";
  /** Why it runs. */
  readonly reason?: string;
  /**
   * Of one that runs, whether that is certain; else it runs only if a value that it reads turns out to have changed, or if a
   * call does for which it has to run again.
   */
  readonly isCertain?: boolean;
}

/** Plans without running anything. */
export async function planNodes(
  search: Omit<ReuseSearch, "initializations"> & { readonly scope: Scope },
): Promise<NodePlan[]> {
  const { graph, scope } = search;
  const reuse = await findReuse({ ...search, initializations: initializeOnHost(graph) });
  const actions = planRun(graph, reuse && availableBefore(reuse), scope);
  const followers = findFollowers(graph, actions, reuse);
  return graph.nodes.map(({ name, definition }, i) => {
    const node = { name, definition: definition.name };
    const isConstructor = definition.kind === "constructor";
    const follows = followers.get(i);
    if (follows !== undefined) return { ...node, action: "run", reason: follows, isCertain: false };
    if (actions[i] === RUN || (actions[i] === CHECK && !isConstructor)) {
      const reason = whyItRuns(graph, reuse, i);
      return { ...node, action: "run", reason, isCertain: actions[i] === RUN };
    }
    return { ...node, action: reuse?.standing(i) === "right" ? "stored" : "not needed" };
  });
}

/**
 * What runs as well if a call that is to be checked has to: its instance is made anew, with all earlier calls and what these
 * read. Each with the reason.
 */
function findFollowers(
  graph: Graph,
  actions: Uint8Array,
  reuse: Reuse | undefined,
): ReadonlyMap<number, string> {
  const { nodes, previous, inputs, inputOffsets } = graph;
  const found = new Map<number, string>();
  const isConstructor = (i: number) => nodes[i].definition.kind === "constructor";
  const runs = (i: number) =>
    found.has(i) || actions[i] === RUN || (actions[i] === CHECK && !isConstructor(i));
  const add = (i: number, reason: string) => {
    if (runs(i)) return;
    found.set(i, reason);
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (reuse?.standing(input) !== "right") add(input, `"${nodes[i].name}" may run`);
    }
  };
  actions.forEach((action, i) => {
    if (action !== CHECK) return;
    for (let before = previous[i]; before >= 0; before = previous[before]) {
      add(
        before,
        isConstructor(before) ? "a call of it may run" : "a later call of its instance may run",
      );
    }
  });
  return found;
}

/** What is there before anything has run. */
function availableBefore(reuse: Reuse): Available {
  return {
    isStored: (i) => reuse.standing(i) === "right",
    isToCheck: (i) => reuse.standing(i) === "check",
    has: () => false,
    hasRun: () => false,
    isSeen: () => false,
    hasFailed: () => false,
  };
}

function whyItRuns(graph: Graph, reuse: Reuse | undefined, i: number): string {
  if (!reuse) return "there is no storage";
  if (reuse.standing(i) === "right") return "a later call of its instance runs";
  return graph.nodes[i].definition.kind === "constructor"
    ? "a call of it runs"
    : reuse.reason(i) ?? "it is not stored";
}

/** How many nodes of a plan run, are read, or are right without being read. */
export function countActions(actions: Uint8Array, available: Available) {
  const count = { toRun: 0, toRead: 0, notNeeded: 0 };
  actions.forEach((action, i) => {
    if (action === RUN || action === CHECK) count.toRun++;
    else if (action === READ) count.toRead++;
    else if (action !== HAVE && available.isStored(i)) count.notNeeded++;
  });
  return count;
}
