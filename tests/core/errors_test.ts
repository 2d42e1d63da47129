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
import { describeThrown, rebuildThrown } from "../../core/thrown.ts";
import { packValue, unpackValue } from "../../encoding/packed.ts";

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

  it("arrive in other processes as themselves, with all that they carry", () => {
    const carry = (thrown: unknown) =>
      rebuildThrown(unpackValue(packValue(describeThrown(thrown))) as never) as Error;
    for (const error of errors) {
      const arrived = carry(error);
      assert.equal(arrived.constructor, error.constructor);
      assert.ok(isFuseError(arrived, error.name));
      assert.equal(arrived.stack, error.stack);
      assert.deepEqual({ ...arrived }, { ...error });
      assert.deepEqual(Object.keys(arrived), Object.keys(error));
      assert.equal("cause" in arrived, "cause" in error);
    }
    const worker = new WorkerError("m", { exitCode: 3, signal: "SIGKILL", lastLines: ["a", "b"] });
    assert.deepEqual({ ...carry(worker) }, { ...worker });
    const [first, second] = ["a", "b"].map((nodeName) =>
      new NodeError(`${nodeName} failed`, { nodeName, phase: "run", cause: worker })
    );
    const alone = carry(first) as NodeError;
    assert.deepEqual([alone.errors.length, alone.errors[0]], [1, alone]);
    assert.ok(isFuseError(alone.cause, "WorkerError"));
    const both = new NodeError("2 failed", {
      nodeName: "a",
      phase: "run",
      cause: worker,
      errors: [first, second],
    });
    const arrived = carry(carry(both)) as NodeError;
    assert.deepEqual(arrived.errors.map(({ message }) => message), ["a failed", "b failed"]);
    assert.ok(isFuseError(arrived.errors[1].cause, "WorkerError"));
  });

  it("are described without what can't be sent, so that the rest arrives", () => {
    const buffer = new ArrayBuffer(8);
    structuredClone(buffer, { transfer: [buffer] });
    const parts = { code: 7, view: new Proxy({}, {}), list: [new Proxy([], {})], buffer };
    const record = describeThrown(Object.assign(new RangeError("the reason"), parts));
    const arrived = rebuildThrown(structuredClone(record)) as Error;
    assert.deepEqual([arrived.name, arrived.message], ["RangeError", "the reason"]);
    assert.deepEqual({ ...arrived }, { code: 7 });
    assert.equal(describeThrown(parts.view).kind, "value");
    structuredClone(describeThrown(parts.view));
  });
});
