/** Random graphs with synchronous and asynchronous nodes, and what they must give. */

import fc from "fast-check";
import type { Node } from "functionfuse";
import { combine, direct, later, nested } from "./nodes.ts";

/** A graph: each node reads earlier ones, in plain arguments or inside literals. */
export interface GraphDescription {
  readonly nodes: readonly {
    readonly parents: readonly number[];
    readonly isAsync: boolean;
    readonly isNested: boolean;
  }[];
  readonly targets: readonly number[];
}

/** Graphs of up to thirty nodes. */
export function randomGraph(): fc.Arbitrary<GraphDescription> {
  return fc.array(
    fc.record({
      picks: fc.array(fc.nat(), { maxLength: 3 }),
      isAsync: fc.boolean(),
      isNested: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  ).chain((drafts) =>
    fc.record({
      nodes: fc.constant(drafts.map(({ picks, isAsync, isNested }, index) => ({
        parents: index === 0 ? [] : picks.map((pick) => pick % index),
        isAsync,
        isNested,
      }))),
      targets: fc.array(fc.nat({ max: drafts.length - 1 }), { minLength: 1, maxLength: 4 }),
    })
  );
}

/** Makes the graph, in which node 5 is named "5"; and what it must give and run. */
export function makeRandomGraph({ nodes, targets }: GraphDescription) {
  const made: Node<number>[] = [];
  const values: number[] = [];
  nodes.forEach(({ parents, isAsync, isNested }, index) => {
    const reads = parents.map((parent) => made[parent]);
    const node = isNested
      ? nested(index, { deep: [reads] })
      : isAsync
      ? later(index, ...reads)
      : direct(index, ...reads);
    made.push(node.setName(String(index)));
    values.push(combine(index, parents.map((parent) => values[parent])));
  });
  return {
    targets: targets.map((index) => made[index]),
    expected: targets.map((index) => values[index]),
    runnable: runnableNodes(nodes, targets),
  };
}

/** The rule of the design, written down once more and as simply as can be. */
function runnableNodes(
  nodes: GraphDescription["nodes"],
  targets: readonly number[],
): number[] {
  const ancestors = new Set<number>();
  const visit = (index: number) => {
    ancestors.add(index);
    nodes[index].parents.forEach(visit);
  };
  targets.forEach(visit);
  const runnable = new Set([...ancestors].filter((index) => nodes[index].parents.length === 0));
  nodes.forEach(({ parents }, index) => {
    if (parents.length > 0 && parents.every((parent) => runnable.has(parent))) runnable.add(index);
  });
  return [...runnable].sort((a, b) => a - b);
}
