import { LocalWorkflow, workflow } from "functionfuse";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { nodeCount } from "../../core/node.ts";

const increment = workflow("increment", (n: number) => n + 1);

describe("A graph", () => {
  it("may be a chain of a hundred thousand nodes", async () => {
    let last = increment(0);
    for (let i = 1; i < 100_000; i++) last = increment(last);
    assert.equal(await new LocalWorkflow(last, { workflowName: "chain" }).run(), 100_000);
  });

  it("may be a fan of a hundred thousand nodes, all of which run", async () => {
    let ran = 0;
    const root = workflow("root", () => 1)();
    const leaf = workflow("leaf", (n: number) => (ran++, n));
    let last = leaf(root);
    for (let i = 1; i < 100_000; i++) last = leaf(root);
    assert.equal(await new LocalWorkflow(last, { workflowName: "fan" }).run(), 1);
    assert.equal(ran, 100_000);
  });

  it("is not touched by running it, and a new backend sees nodes made meanwhile", () => {
    const root = increment(0);
    const first = new LocalWorkflow(root, { workflowName: "grow" });
    increment(root);
    assert.equal(first.findNodes().length, 1);
    assert.equal(new LocalWorkflow(root, { workflowName: "grow" }).findNodes().length, 2);
  });

  it("has numbers for its nodes that only grow", () => {
    const before = nodeCount();
    increment(increment(1));
    assert.equal(nodeCount(), before + 2);
  });
});
