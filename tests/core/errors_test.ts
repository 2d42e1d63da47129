import {
  CodecError,
  ConfigError,
  EngineError,
  FuseError,
  GraphError,
  isFuseError,
  NodeError,
  StorageError,
  UnsupportedError,
  WorkerError,
} from "functionfuse";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

const cause = new Error("inside");
const errors = [
  new GraphError("m", { reason: "no-targets", nodes: ["a"] }),
  new NodeError("m", { nodeName: "a", phase: "run", cause }),
  new StorageError("m", { operation: "save", key: "k", reason: "full", cause }),
  new CodecError("m"),
  new WorkerError("m"),
  new EngineError("m"),
  new ConfigError("m"),
  new UnsupportedError("m"),
];

describe("Errors", () => {
  it("are errors with a literal name of their class", () => {
    for (const error of errors) {
      assert.ok(error instanceof FuseError && error instanceof Error);
      assert.equal(error.name, error.constructor.name);
      assert.match(String(error), new RegExp(`^${error.name}: m$`));
    }
  });

  it("carry what somebody who catches them needs", () => {
    const [graph, node, storage] = errors as [GraphError, NodeError, StorageError];
    assert.deepEqual([graph.reason, graph.nodes], ["no-targets", ["a"]]);
    assert.deepEqual([node.nodeName, node.phase, node.cause], ["a", "run", cause]);
    assert.deepEqual([storage.operation, storage.key, storage.reason, storage.cause], [
      "save",
      "k",
      "full",
      cause,
    ]);
    assert.equal("cause" in new NodeError("m", { nodeName: "a", phase: "run" }), false);
  });

  it("are narrowed by isFuseError", () => {
    assert.ok(errors.every((error) => isFuseError(error)));
    assert.ok(isFuseError(errors[0], "GraphError"));
    assert.ok(isFuseError(errors[1], "GraphError", "NodeError"));
    assert.ok(!isFuseError(errors[0], "NodeError", "StorageError"));
    for (const other of [new Error("x"), null, undefined, "GraphError", { name: "GraphError" }]) {
      assert.ok(!isFuseError(other));
    }
  });
});
