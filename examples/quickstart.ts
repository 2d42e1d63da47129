/** Three nodes: the smallest workflow. Run it with `fuse run examples/quickstart.ts`. */

import { workflow } from "functionfuse";

const sum = workflow(function sum(a: number, b: number) {
  return a + b;
});

const multiply = workflow(function multiply(a: number, b: number) {
  return a * b;
});

const aPlusB = sum(1, 1).setName("node1");
const aPlusTwoB = sum(aPlusB, 1).setName("node2");

export default multiply(aPlusB, aPlusTwoB).setName("node3");
