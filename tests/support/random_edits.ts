/** Random edits that keep what a graph means. */

import fc from "fast-check";
import type { Query } from "functionfuse";
import type { Graph } from "../../core/graph.ts";
import { same, sameLater } from "./edit_nodes.ts";

/** A backend as far as it is edited. */
interface Edited {
  query(pattern?: RegExp | string): Query;
}

/** One edit that keeps what a graph means; numbers choose the nodes. */
export interface EditDraft {
  readonly kind: "before" | "after" | "collapse" | "remove";
  readonly picks: readonly number[];
  readonly isLater: boolean;
}

/** Up to six edits. */
export function randomEdits(): fc.Arbitrary<EditDraft[]> {
  return fc.array(
    fc.record({
      kind: fc.constantFrom("before", "after", "collapse", "collapse", "remove"),
      picks: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
      isLater: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  );
}

/** The graph of a backend. */
export const graphOf = (wf: Edited) => (wf as unknown as { readonly graph: Graph }).graph;
const escape = (name: string) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
const queryOf = (wf: Edited, numbers: Iterable<number>) =>
  wf.query([...numbers].map((i) => escape(graphOf(wf).nodes[i].name)).join("|"));

/** Makes an edit, if there is something to edit; gives whether it did. */
export function edit(wf: Edited, { kind, picks, isLater }: EditDraft, at: number): boolean {
  const graph = graphOf(wf);
  const pick = (choices: readonly number[], n: number) => choices[n % choices.length];
  const choose = (isFit: (i: number) => boolean) => {
    const fit = [...graph.nodes.keys()].filter(isFit);
    return new Set(fit.length === 0 ? [] : picks.map((n) => pick(fit, n)));
  };
  const isValue = (i: number) => graph.nodes[i].definition.kind !== "constructor";
  const reads = (i: number) => graph.inputOffsets[i] < graph.inputOffsets[i + 1];
  const isUnused = (i: number) =>
    graph.dependentOffsets[i] === graph.dependentOffsets[i + 1] &&
    !graph.targetIndexes.includes(i);
  const fn = isLater ? sameLater : same;
  if (kind === "collapse") {
    queryOf(wf, connectedSet(graph, picks)).collapse(`group ${at}`);
    return true;
  }
  const chosen = choose({ before: reads, after: isValue, remove: isUnused }[kind]);
  if (chosen.size === 0) return false;
  const query = queryOf(wf, chosen);
  if (kind === "remove") query.remove();
  else if (kind === "before") query.insertBefore(fn);
  else query.insertAfter(fn);
  return true;
}

/** Nodes that may be made one: grown from one by neighbours, with what lies between them, and whole instances. */
function connectedSet(graph: Graph, [first, ...others]: readonly number[]): Set<number> {
  const { nodes, inputs, inputOffsets, instances, previous } = graph;
  const count = nodes.length;
  const parents = nodes.map((_, i) => [
    ...inputs.subarray(inputOffsets[i], inputOffsets[i + 1]),
    ...(previous[i] < 0 ? [] : [previous[i]]),
  ]);
  const set = new Set([first % count]);
  const close = () => {
    for (let size = -1; size !== set.size;) {
      size = set.size;
      for (let i = 0; i < count; i++) {
        const instance = instances[i] < 0 ? i : instances[i];
        const isOfSet = (j: number) => set.has(j) && (j === instance || instances[j] === instance);
        if (instances[i] >= 0 && nodes.some((_, j) => isOfSet(j))) set.add(i).add(instance);
      }
      const below = new Set<number>();
      for (let i = 0; i < count; i++) {
        if (parents[i].some((parent) => set.has(parent) || below.has(parent))) below.add(i);
      }
      const above = new Set<number>();
      for (let i = count - 1; i >= 0; i--) {
        if (set.has(i) || above.has(i)) parents[i].forEach((parent) => above.add(parent));
      }
      for (const i of below) if (above.has(i)) set.add(i);
    }
  };
  close();
  for (const n of others) {
    const near = [...nodes.keys()].filter((i) =>
      !set.has(i) && (parents[i].some((parent) => set.has(parent)) ||
        [...set].some((member) => parents[member].includes(i)))
    );
    if (near.length > 0) set.add(near[n % near.length]);
    close();
  }
  return set;
}
