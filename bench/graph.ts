/** How long drawing takes: graphs of 2,000 and more nodes, folded and unfolded, as a picture and as a page. */

import { type Node, workflow } from "functionfuse";
import { GraphWorkflow } from "functionfuse/backends/graph";
import { median } from "./median.ts";

const ROUNDS = 5;

const load = workflow("load", (_i: number) => ({ rows: [1], labels: [2] }));
const train = workflow("train", (rows: number[], rate: number) => rows.map((row) => row * rate));
const score = workflow("score", (model: number[], labels: number[]) => model.length + labels[0]);
const sum = workflow("sum", (a: number, b: number) => a + b);

/** Data sets that are loaded, trained on and scored, and a tree of sums above them: four nodes for each. */
function build(count: number): Node<number> {
  let layer = Array.from({ length: count / 4 }, (_, i) => {
    const data = load(i);
    return score(train(data.rows, 0.1), data.labels);
  });
  while (layer.length > 1) {
    const [first, ...rest] = layer.length % 2 ? layer : [undefined, ...layer];
    const next = first ? [first] : [];
    for (let i = 0; i < rest.length; i += 2) next.push(sum(rest[i]!, rest[i + 1]!));
    layer = next;
  }
  return layer[0];
}

async function measure(
  count: number,
  options: Partial<ConstructorParameters<typeof GraphWorkflow>[1]>,
): Promise<{ ms: number; kB: number }> {
  const target = build(count);
  let bytes = 0;
  const times: number[] = [];
  // The first one, which loads and compiles Graphviz, counts as the others do: a script draws once.
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    bytes = (await new GraphWorkflow(target, { workflowName: "bench", ...options }).run()).length;
    times.push(performance.now() - started);
  }
  return { ms: Math.round(median(times)), kB: Math.round(bytes / 1_000) };
}

console.log(`GraphWorkflow.run(), median of ${ROUNDS}:`);
console.table({
  "2,000 nodes, SVG": await measure(2_000, {}),
  "2,000 nodes, page": await measure(2_000, { format: "html" }),
  "2,000 nodes, SVG, not folded": await measure(2_000, { fold: "never" }),
  "100,000 nodes, SVG": await measure(100_000, {}),
  "100,000 nodes, page": await measure(100_000, { format: "html" }),
});
