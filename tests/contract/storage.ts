/** What every storage must do. Called once for each storage. */

import fc from "fast-check";
import { isFuseError, type StorageError } from "functionfuse";
import type { Storage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beforeEach, describe, it } from "node:test";
import { inspect } from "node:util";

/** What the suite needs of a storage. */
export interface TestedStorage {
  storage: Storage;
  /** Changes the bytes of a task's object behind the storage's back. */
  tamper(
    workflow: string,
    task: string,
    change: (bytes: Uint8Array) => Uint8Array,
  ): void | Promise<void>;
  /** Damage is tried at every how-manieth byte: over a network, all of them take minutes. Default: 1. */
  damageStep?: number;
}

const WORKFLOW = "contract";

/** A value as text that tells all differences: runtimes compare maps in sets, for one, by identity. */
function show(value: unknown): string {
  const all = Infinity;
  return inspect(value, { depth: all, maxArrayLength: all, maxStringLength: all });
}

async function storageFailure(action: Promise<unknown>): Promise<StorageError> {
  try {
    await action;
  } catch (error) {
    assert.ok(isFuseError(error, "StorageError"), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "It did not fail." });
}

/** Runs the suite for a storage; `make` gives an empty one. */
export function testStorage(name: string, make: () => TestedStorage): void {
  describe(`${name} keeps values`, () => {
    let storage: Storage;
    beforeEach(() => {
      storage = make().storage;
    });

    const roundTrip = async (value: unknown): Promise<unknown> => {
      await storage.save(WORKFLOW, "value", value);
      return await storage.readTask(WORKFLOW, "value");
    };
    const keeps = async (value: unknown) => assert.deepEqual(await roundTrip(value), value);

    it("such as texts, numbers and nothing", async () => {
      const values = [
        undefined,
        null,
        true,
        "",
        "text \u2028 <script> \ud800 日本 😀",
        0,
        -0,
        NaN,
        Infinity,
        -Infinity,
        1e-300,
        2 ** 53,
        0n,
        -(2n ** 100n),
      ];
      for (const value of values) {
        assert.ok(Object.is(await roundTrip(value), value), String(value));
      }
      await keeps(values);
    });

    it("such as maps, sets, dates, expressions and boxed values", async () => {
      await keeps(
        new Map<unknown, unknown>([[1, "a"], ["b", new Set([1, NaN])], [null, undefined]]),
      );
      await keeps([new Date(0), new Date(NaN), /a\/b\n/giu, Object(1), Object("s"), Object(2n)]);
    });

    it("with cycles and shared references", async () => {
      const shared = { deep: [-0] };
      const value: Record<string, unknown> = { left: shared, right: shared };
      value.self = value;
      value.map = new Map<unknown, unknown>([["value", value]]);
      value.set = new Set([value]);
      const back = await roundTrip(value) as typeof value;
      assert.equal(back.self, back);
      assert.equal(back.left, back.right);
      assert.deepEqual(back.left, shared);
      assert.equal((back.map as Map<string, unknown>).get("value"), back);
      assert.ok((back.set as Set<unknown>).has(back));
    });

    it("such as sparse arrays, arrays with properties and awkward keys", async () => {
      const sparse: unknown[] = [1, , 3];
      sparse.length = 10;
      const back = await roundTrip(sparse) as unknown[];
      assert.deepEqual(back, sparse);
      assert.equal(1 in back, false);
      await keeps(Object.assign([1, 2], { label: "x" }));
      const awkward = JSON.parse('{"__proto__": {"a": 1}, "": 1, "constructor": 2, "toJSON": 3}');
      awkward.zero = -0;
      const kept = await roundTrip(awkward) as object;
      assert.deepEqual(Object.entries(kept), Object.entries(awkward));
      assert.equal(Object.getPrototypeOf(kept), Object.prototype);
    });

    it("such as errors, with their class, fields and causes", async () => {
      const inner = new TypeError("inner");
      const error = Object.assign(new RangeError("outer", { cause: inner }), { code: 7 });
      (inner as Error).cause = error;
      const back = await roundTrip(error) as typeof error;
      assert.ok(back instanceof RangeError);
      assert.deepEqual([back.message, back.stack, back.code], ["outer", error.stack, 7]);
      assert.ok(back.cause instanceof TypeError);
      assert.equal((back.cause as Error).cause, back);
      class OwnError extends Error {
        override name = "OwnError";
      }
      const own = await roundTrip(new OwnError("mine")) as Error;
      assert.ok(own instanceof Error && own.name === "OwnError" && own.message === "mine");
      const aborted = await roundTrip(new DOMException("too late", "TimeoutError")) as Error;
      assert.deepEqual([aborted.name, aborted.message], ["TimeoutError", "too late"]);
      const many = await roundTrip(new AggregateError([error, 1], "many")) as AggregateError;
      assert.ok(many instanceof AggregateError && many.errors[0] instanceof RangeError);
    });

    it("such as typed arrays and buffers, which may share memory", async () => {
      const buffer = Uint8Array.from({ length: 64 }, (_, i) => i * 3).buffer;
      const views = [
        Int8Array,
        Uint8Array,
        Uint8ClampedArray,
        Int16Array,
        Uint16Array,
        Int32Array,
        Uint32Array,
        Float32Array,
        Float64Array,
        BigInt64Array,
        BigUint64Array,
        DataView,
      ].map((View) => Reflect.construct(View, [buffer, 8, 2]));
      await keeps(views);
      const [first, , , fourth] = await roundTrip(views) as Uint8Array[];
      assert.equal(first.buffer, fourth.buffer);
      await keeps([buffer, new Uint8Array(buffer, 1), new ArrayBuffer(0), new Float64Array(0)]);
      await keeps({ big: new Float64Array(100_000).map((_, i) => i / 7) });
    });

    it("such as buffers of node:buffer", async () => {
      const bytes = Buffer.from("fuse");
      const [back] = await roundTrip([bytes.subarray(1), undefined]) as Buffer[];
      assert.ok(Buffer.isBuffer(back));
      assert.equal(back.toString("latin1"), "use");
    });

    it("as copies: neither side sees what the other changes", async () => {
      const value = { list: [1], bytes: new Uint8Array([1]) };
      const saving = storage.save(WORKFLOW, "value", value);
      value.list.push(2);
      value.bytes[0] = 9;
      await saving;
      const expected = { list: [1], bytes: new Uint8Array([1]) };
      const first = await storage.readTask(WORKFLOW, "value") as typeof value;
      assert.deepEqual(first, expected);
      first.list.push(3);
      first.bytes[0] = 8;
      assert.deepEqual(await storage.readTask(WORKFLOW, "value"), expected);
    });

    it("of a view without the rest of its buffer, which is not the value's own", async () => {
      const pool = new Uint8Array(1_000_000);
      const back = await roundTrip(pool.subarray(500, 516)) as Uint8Array;
      assert.equal(back.length, 16);
      const { bytes } = await storage.taskInfo(WORKFLOW, "value");
      assert.ok(bytes < 10_000, `${bytes} bytes`);
    });

    it("such as long lists of numbers, exactly", async () => {
      const numbers = Array.from({ length: 5_000 }, (_, i) => [-0, NaN, i / 3, 1e308 * i][i % 4]);
      await keeps(numbers);
      await keeps([numbers, numbers.map(String)]);
      const odd: number[] & { extra?: number } = Array.from({ length: 100 }, (_, i) => i);
      delete odd[50];
      odd.extra = 1;
      const back = await roundTrip(odd) as typeof odd;
      assert.deepEqual([50 in back, back.extra, back.length, back[99]], [false, 1, 100, 99]);
    });

    it("whatever structured clone keeps", async () => {
      const anything = fc.anything({
        withBigInt: true,
        withBoxedValues: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withSparseArray: true,
        withTypedArray: true,
        withUnicodeString: true,
      });
      await fc.assert(
        fc.asyncProperty(anything, async (value) => {
          assert.equal(show(await roundTrip(value)), show(structuredClone(value)));
        }),
        { numRuns: 300 },
      );
    });

    it("but no code, no instances and no promises, and says where they are", async () => {
      await storage.save(WORKFLOW, "value", "before");
      class Model {}
      const refused: [unknown, RegExp][] = [
        [() => 1, /it is the function/],
        [{ model: { predict() {} } }, /value\.model\.predict is the function predict/],
        [{ models: [1, new Model()] }, /value\.models\[1\] is an instance of Model/],
        [Symbol("x"), /a symbol/],
        [Promise.resolve(1), /an instance of Promise/],
        [new WeakMap(), /an instance of WeakMap/],
        [new Map([["f", () => 1]]), /function/],
        [
          class Rows extends Array<number> {}.from([1, 2]),
          /an instance of Rows, which extends Array/,
        ],
        [{ kept: [new class Table extends Map {}()] }, /an instance of Table, which extends Map/],
      ];
      for (const [value, message] of refused) {
        await assert.rejects(storage.save(WORKFLOW, "value", value), {
          name: "CodecError",
          message,
        });
      }
      assert.equal(await storage.readTask(WORKFLOW, "value"), "before");
    });
  });

  describe(`${name} knows tasks by name`, () => {
    let storage: Storage;
    beforeEach(() => {
      storage = make().storage;
    });

    it("exactly, whatever the name", async () => {
      const names = [
        "a",
        "A",
        "a/b",
        "../../escape",
        "..",
        ".",
        ".hidden",
        "a.",
        "con",
        "nul.txt",
        "a b\tc\nd",
        "100 %",
        "%2e",
        "a~b",
        "*?[]",
        "日本 😀",
        "x".repeat(1_000),
        "é".repeat(999) + "Z",
        "é".repeat(999) + "z",
        "__proto__",
      ];
      for (const workflow of [WORKFLOW, "../other/W", ...names]) {
        for (const name of names) await storage.save(workflow, name, `${workflow}:${name}`);
        assert.deepEqual(await storage.listTasks(workflow), names.toSorted());
        for (const name of names) {
          assert.equal(await storage.readTask(workflow, name), `${workflow}:${name}`);
        }
      }
    });

    it("also random ones, and no name is taken for another", async () => {
      const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 });
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(name, { maxLength: 8 }), async (names) => {
          await storage.removeWorkflow(WORKFLOW);
          for (const name of names) await storage.save(WORKFLOW, name, name);
          assert.deepEqual(await storage.listTasks(WORKFLOW), names.toSorted());
          for (const name of names) assert.equal(await storage.readTask(WORKFLOW, name), name);
        }),
        { numRuns: 50 },
      );
    });

    it("and by globs, for which a slash is a letter like others", async () => {
      for (const name of ["train", "train/loss", "test", "Counter.add_0001", "[x]"]) {
        await storage.save(WORKFLOW, name, 1);
      }
      const list = (glob?: string) => storage.listTasks(WORKFLOW, glob);
      assert.equal((await list()).length, 5);
      assert.equal((await list("*")).length, 5);
      assert.deepEqual(await list("train*"), ["train", "train/loss"]);
      assert.deepEqual(await list("t?*t"), ["test"]);
      assert.deepEqual(await list("*.add_*"), ["Counter.add_0001"]);
      assert.deepEqual(await list("[tC]*"), ["Counter.add_0001", "test", "train", "train/loss"]);
      assert.deepEqual(await list("nothing"), []);
    });

    it("lists none of a workflow that is not there", async () => {
      assert.deepEqual(await storage.listTasks("nowhere"), []);
      assert.equal(await storage.hasTask("nowhere", "a"), false);
      assert.equal(await storage.removeTask("nowhere", { taskName: "a" }), 0);
      assert.equal(await storage.removeWorkflow("nowhere"), false);
    });

    it("and workflows, whatever their names, if something is stored of them", async () => {
      const names = ["plain", "Mixed Case", "../up", "x".repeat(500), "é".repeat(300), "con"];
      for (const name of names) await storage.save(name, "A long name ".repeat(30), 1);
      await storage.newWorkflow("without values");
      assert.deepEqual(await storage.listWorkflows!(), names.toSorted());
      await storage.removeWorkflow("../up");
      await storage.removeTask("plain", { pattern: "*" });
      assert.deepEqual(
        await storage.listWorkflows!(),
        names.filter((name) => !["../up", "plain"].includes(name)).sort(),
      );
    });

    it("and removes them", async () => {
      for (const name of ["a1", "a2", "b"]) await storage.save(WORKFLOW, name, name);
      assert.equal(await storage.removeTask(WORKFLOW, { taskName: "b" }), 1);
      assert.equal(await storage.hasTask(WORKFLOW, "b"), false);
      assert.equal(await storage.removeTask(WORKFLOW, { pattern: "a*" }), 2);
      await storage.save(WORKFLOW, "c", 1);
      for (const wrong of [{}, { pattern: undefined }, { taskName: "c", pattern: "*" }, null]) {
        await assert.rejects(storage.removeTask(WORKFLOW, wrong as never), { name: "TypeError" });
      }
      assert.equal(await storage.hasTask(WORKFLOW, "c"), true);
      await storage.save("other", "c", 2);
      assert.equal(await storage.removeWorkflow(WORKFLOW), true);
      assert.deepEqual(await storage.listTasks(WORKFLOW), []);
      assert.equal(await storage.readTask("other", "c"), 2);
    });

    it("and says of a missing one what there is", async () => {
      await storage.save(WORKFLOW, "accuracy", 1);
      const error = await storageFailure(storage.readTask(WORKFLOW, "acuracy"));
      assert.deepEqual([error.operation, error.reason, error.key], ["read", "missing", "acuracy"]);
      assert.match(error.message, /"accuracy"/);
      const none = await storageFailure(storage.readTask("nowhere", "x"));
      assert.match(none.message, /Nothing of this workflow/);
    });

    it("and refuses what is no name", async () => {
      await assert.rejects(storage.save(WORKFLOW, "", 1), { name: "TypeError", message: /'task'/ });
      await assert.rejects(storage.save("", "a", 1), { name: "TypeError", message: /'workflow'/ });
      await assert.rejects(storage.save(WORKFLOW, "\ud800", 1), { name: "TypeError" });
      await assert.rejects(storage.save(WORKFLOW, 3 as never, 1), { name: "TypeError" });
    });

    it("and tells of a value without reading it", async () => {
      const before = Date.now();
      await storage.newWorkflow(WORKFLOW);
      await storage.save(WORKFLOW, "x", 1, { durationMs: 12.5, definition: "train" });
      const info = await storage.taskInfo(WORKFLOW, "x");
      assert.deepEqual([info.task, info.durationMs, info.definition], ["x", 12.5, "train"]);
      assert.ok(info.savedAt.getTime() >= before && info.bytes > 100);
      await storage.save(WORKFLOW, "y", 1);
      assert.equal("durationMs" in await storage.taskInfo(WORKFLOW, "y"), false);
    });

    it("and replaces a value as a whole", async () => {
      await storage.save(WORKFLOW, "x", new Float64Array(1_000));
      await storage.save(WORKFLOW, "x", "short");
      assert.equal(await storage.readTask(WORKFLOW, "x"), "short");
    });
  });

  describe(`${name} never gives a damaged value`, () => {
    it("but sets it aside, whichever bit is flipped and wherever it is cut", async () => {
      const { storage, tamper, damageStep = 1 } = make();
      const value = { list: [-0], bytes: new Uint8Array([1, 2, 3]) };
      await storage.save(WORKFLOW, "x", value);
      const { bytes } = await storage.taskInfo(WORKFLOW, "x");
      const changes: ((object: Uint8Array) => Uint8Array)[] = [
        (object) => new Uint8Array([...object, 0]),
        () => new Uint8Array(0),
        () => new TextEncoder().encode("something else ".repeat(20)),
      ];
      for (let at = 0; at < bytes; at += damageStep) {
        changes.push((object) =>
          object.map((byte, i) => i === at ? byte ^ 1 << (at / damageStep) % 8 : byte)
        );
        changes.push((object) => object.slice(0, at));
      }
      for (const change of changes) {
        await storage.save(WORKFLOW, "x", value);
        await tamper(WORKFLOW, "x", change);
        const error = await storageFailure(storage.readTask(WORKFLOW, "x"));
        assert.equal(error.reason, "damaged");
        assert.match(error.message, /set aside as x\.fuse\.damaged/);
        assert.ok(isFuseError(error.cause, "CodecError"));
        assert.deepEqual(await storage.listTasks(WORKFLOW), []);
      }
    });

    it("nor the value of another task", async () => {
      const { storage, tamper } = make();
      await storage.save(WORKFLOW, "x", 1);
      await storage.save(WORKFLOW, "y", 2);
      let other: Uint8Array | undefined;
      await tamper(WORKFLOW, "y", (bytes) => other = bytes);
      await tamper(WORKFLOW, "x", () => other!);
      const error = await storageFailure(storage.readTask(WORKFLOW, "x"));
      assert.match(error.message, /another task, "y"/);
    });
  });
}
