/** The nodes of bench/ray.ts, and their graphs, which `ray_peer.py` has in Python. */

import { type Node, type Target, workflow } from "functionfuse";

const one = workflow("one", (n: number) => n);
const two = workflow("two", (a: number, _b: number) => a);
const fill = workflow("fill", (length: number) => new Float64Array(length).fill(0.5));
const make = workflow("make", (length: number) => {
  const values = new Float64Array(length).fill(0.5);
  return { values, at: Date.now() };
});

const add = workflow("add", (values: Float64Array) => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
});

/** The milliseconds since an array was there. */
const measure = workflow(
  "measure",
  ({ at }: { values: Float64Array; at: number }) => Date.now() - at,
);

/** What is measured; `width` is that of layers. */
export const GRAPHS: Record<string, (size: number, width: number) => Target | Target[]> = {
  independent: (count) => Array.from({ length: count }, (_, n) => one(n)),
  layers(count, width) {
    let layer: Node<number>[] = Array.from({ length: width }, (_, n) => one(n));
    for (let made = width; made < count; made += width) {
      layer = layer.map((node, n) => two(node, layer[(n + 1) % width]));
    }
    return layer;
  },
  filled: (length) => add(fill(length)),
  handed: (length) => measure(make(length)),
};
