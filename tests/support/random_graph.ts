/** Random graphs with synchronous and asynchronous nodes, and what they must give. */

import fc from "fast-check";
import { type Node, workflow } from "functionfuse";

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

/** Makes the graph; `runs` is filled with the nodes' numbers as they run. */
export function makeRandomGraph({ nodes, targets }: GraphDescription) {
  const runs: number[] = [];
  const combine = (index: number, values: readonly number[]) => {
    if (values.some((value) => typeof value !== "number")) {
      throw new Error(`node ${index} read a result that was not there`);
    }
    return values.reduce((sum, value) => (sum * 31 + value) % 1_000_003, index);
  };
  const direct = workflow("direct", (index: number, ...values: number[]) => {
    runs.push(index);
    return combine(index, values);
  });
  const later = workflow("later", async (index: number, ...values: number[]) => {
    await Promise.resolve();
    runs.push(index);
    return combine(index, values);
  });
  const nested = workflow("nested", (index: number, inner: { deep: number[][] }) => {
    runs.push(index);
    return combine(index, inner.deep[0]);
  });

  const made: Node<number>[] = [];
  const values: number[] = [];
  nodes.forEach(({ parents, isAsync, isNested }, index) => {
    const reads = parents.map((parent) => made[parent]);
    made.push(
      isNested
        ? nested(index, { deep: [reads] })
        : isAsync
        ? later(index, ...reads)
        : direct(index, ...reads),
    );
    values.push(combine(index, parents.map((parent) => values[parent])));
  });
  return {
    targets: targets.map((index) => made[index]),
    expected: targets.map((index) => values[index]),
    runs,
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
