/** What every backend must do: the parity graphs, laws on random graphs, and how it behaves. Called for each backend. */

import fc from "fast-check";
import {
  type BackendOptions,
  isFuseError,
  type NodeError,
  type Plugin,
  type Query,
  type RunOptions,
  type Target,
} from "functionfuse";
import { pluginCollection, randomState } from "functionfuse/plugins";
import { MemoryStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import * as nodes from "../support/nodes.ts";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";

/** What the suite needs of a backend. */
export interface TestedBackend {
  findNodes(pattern?: RegExp | string): string[];
  query(pattern?: RegExp | string): Query;
  setPlugin(pattern: RegExp | string | undefined, plugin: Plugin): unknown;
  run(options?: RunOptions): Promise<unknown>;
}

/** Makes a backend for targets. */
export type MakeBackend = (
  targets: Target | readonly Target[],
  options?: Partial<BackendOptions>,
) => TestedBackend;

/** How a backend differs from the others. */
export interface Traits {
  /** It runs what is made at the top level of a module elsewhere than in this process. */
  readonly isRemote: boolean;
  /** How many random graphs to try. */
  readonly randomRuns?: number;
  /** Of the original's graphs, every how-manieth is run: of a backend that starts slowly, not all are. */
  readonly parityStep?: number;
}

interface ParityArgument {
  value?: unknown;
  ref?: number;
  item?: string | number;
}

/** A graph of the original, with what that answered. */
export interface ParityCase {
  nodes: {
    fn?: string;
    new?: string;
    call?: string;
    on?: number;
    args: ParityArgument[];
    name: string | null;
  }[];
  targets: ParityArgument[];
  expect: { result: unknown; executed: string[]; found: Record<string, string[]> };
}

/** The graphs of the original. */
export const { cases: parityCases } = JSON.parse(
  readFileSync(new URL("../fixtures/parity.json", import.meta.url), "utf8"),
) as { cases: ParityCase[] };

type Made = Target & { setName(name: string): unknown; item(key: string | number): Target };
type Maker = (...args: unknown[]) => Made;

/** With makers of its own, a graph's names are counted from 0; with the shared ones they are given. */
export function buildParityCase({ nodes: described, targets }: ParityCase, isShared: boolean) {
  const { functions, Counter } = isShared ? nodes.sharedParityMakers : nodes.parityMakers();
  const counts = new Map<string, number>();
  const built: Made[] = [];
  const argument = ({ value, ref, item }: ParityArgument) =>
    ref === undefined ? value : item === undefined ? built[ref] : built[ref].item(item);
  for (const node of described) {
    const args = node.args.map(argument);
    const made = node.fn
      ? (functions.get(node.fn) as unknown as Maker)(...args)
      : node.new
      ? (Counter as unknown as Maker)(...args)
      : (built[node.on!] as unknown as Record<string, Maker>)[node.call!](...args);
    const definition = node.fn ?? node.new ?? `Counter.${node.call}`;
    const count = counts.get(definition) ?? 0;
    counts.set(definition, count + 1);
    const name = node.name ?? (isShared ? `${definition}_${String(count).padStart(4, "0")}` : null);
    if (name !== null) made.setName(name);
    built.push(made);
  }
  const list = targets.map((target) => argument(target) as Target);
  return list.length === 1 ? list[0] : list;
}

/** Notes which nodes start and end, in order. */
function recorder() {
  const events: [what: "start" | "end", node: string][] = [];
  const plugin: Plugin = {
    name: "recorder",
    options: undefined,
    hooks: {
      onNodeStart: (node) => void events.push(["start", node.name]),
      onNodeEnd: (node) => void events.push(["end", node.name]),
    },
  };
  const of = (what: string) => events.filter(([event]) => event === what).map(([, node]) => node);
  return { plugin, events, of };
}

/** What a run fails with. */
export async function failure(run: Promise<unknown>): Promise<NodeError> {
  try {
    await run;
  } catch (error) {
    assert.ok(isFuseError(error, "NodeError"), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "The run did not fail." });
}

/** A folder for the files by which nodes tell what they did. */
export function useFolder(): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "functionfuse-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return (name) => join(folder, `${name}-${count++}`);
}

/** Runs the suite for a backend. */
export function testBackend(name: string, make: MakeBackend, traits: Traits): void {
  testParity(name, make, traits);
  testRandomGraphs(name, make, traits);
  testValues(name, make);
  testFailures(name, make);
  testPlugins(name, make);
  testStorage(name, make);
}

function testParity(name: string, make: MakeBackend, { isRemote, parityStep = 1 }: Traits): void {
  describe(`${name} agrees with the original`, () => {
    parityCases.forEach((parity, index) => {
      if (index % parityStep > 0) return;
      it(`on graph ${index}`, async () => {
        const { plugin, of } = recorder();
        const warnings: string[] = [];
        const onWarning = (warning: string) => warnings.push(warning);
        const wf = make(buildParityCase(parity, isRemote), { plugins: [plugin], onWarning });
        assert.deepEqual(await wf.run(), parity.expect.result);
        assert.deepEqual(of("end").sort(), parity.expect.executed.toSorted());
        for (const [pattern, found] of Object.entries(parity.expect.found)) {
          assert.deepEqual(wf.findNodes(pattern).sort(), found.toSorted(), pattern);
        }
        assert.deepEqual(warnings, []);
      });
    });
  });
}

function testRandomGraphs(name: string, make: MakeBackend, { randomRuns }: Traits): void {
  describe(`${name} on random graphs`, () => {
    it("runs just the right nodes, once, parents first, and gives what plain calls give", async () => {
      await fc.assert(
        fc.asyncProperty(randomGraph(), async (description) => {
          const { targets, expected, runnable } = makeRandomGraph(description);
          const { plugin, events, of } = recorder();
          assert.deepEqual(await make(targets, { plugins: [plugin] }).run(), expected);
          assert.deepEqual(of("end").map(Number).sort((a, b) => a - b), runnable);
          assert.deepEqual(of("start").toSorted(), of("end").toSorted());
          const at = new Map(events.map(([what, node], at) => [`${what} ${node}`, at]));
          for (const index of runnable) {
            assert.ok(at.get(`start ${index}`)! < at.get(`end ${index}`)!);
            for (const parent of description.nodes[index].parents) {
              assert.ok(at.get(`end ${parent}`)! < at.get(`start ${index}`)!, "parents first");
            }
          }
        }),
        { numRuns: randomRuns ?? 100 },
      );
    });
  });
}

function testValues(name: string, make: MakeBackend): void {
  describe(`${name} with values`, () => {
    it("keeps what structured clone keeps", async () => {
      const circle: Record<string, unknown> = {
        nan: NaN,
        zero: -0,
        big: 10n ** 30n,
        none: undefined,
      };
      circle.self = circle;
      const shared = [1];
      const value = [
        ...[
          null,
          undefined,
          "text",
          new Date(5),
          /x/gi,
          new Map([[shared, new Set([1n])]]),
          shared,
        ],
        ...[circle, [1, , 3], new Uint8Array([1, 2]), new Float64Array(3).buffer, { deep: [[]] }],
      ];
      const target = nodes.give({ value, node: nodes.give(value) });
      const result = await make(target).run() as { value: unknown; node: typeof value };
      assert.deepEqual(result.value, value);
      assert.deepEqual(result.node, value);
      assert.equal((result.node[5] as Map<unknown, unknown>).has(result.node[6]), true, "shared");
    });

    it("reads items and nested nodes, of values that are small and large", async () => {
      const large = nodes.give({ list: [1, { x: 2 }], text: "ab" });
      const [first, second] = nodes.give([nodes.give(3), 4]);
      const target = nodes.give({
        a: [first, { b: second }],
        c: (large.list as unknown as { x: number }[])[1].x,
        d: large.text,
        twice: [large, large],
      });
      assert.deepEqual(await make(target).run(), {
        a: [3, { b: 4 }],
        c: 2,
        d: "ab",
        twice: [{ list: [1, { x: 2 }], text: "ab" }, { list: [1, { x: 2 }], text: "ab" }],
      });
    });

    it("gives undefined, and text of any length, as any other value", async () => {
      const long = "é".repeat(100_000);
      const targets = [nodes.give(undefined), nodes.give(nodes.give(long)), nodes.wait(1, null)];
      assert.deepEqual(await make(targets).run(), [undefined, long, null]);
    });

    it("calls functions that are arguments, and those that are values", async () => {
      const targets = [
        nodes.call((x) => x + 1, 1),
        nodes.call(nodes.giveFunction(10) as never, nodes.give(2)),
      ];
      assert.deepEqual(await make(targets, { onWarning() {} }).run(), [2, 12]);
    });

    it("keeps the class of a value for all that read it", async () => {
      const [a, b] = [nodes.fit(2), nodes.fit(nodes.wait(5, 3))];
      const targets = [
        nodes.predict(a, 5),
        nodes.compare(a, b),
        nodes.predict(b, nodes.give(2)),
        a,
      ];
      const [five, both, six, model] = await make(targets, { onWarning() {} }).run() as unknown[];
      assert.deepEqual([five, both, six], [10, [2, 3, true], 6]);
      assert.equal((model as { predict(x: number): number }).predict(4), 8);
    });

    it("hands large arrays on, whoever reads them and how often", async () => {
      const [a, b] = [nodes.array(50_000, 1), nodes.array(60_000, 2)];
      const same = nodes.give(a);
      const targets = [nodes.total(a, b), nodes.total(b, same), nodes.total(same), b];
      const [ab, ba, s, array] = await make(targets).run() as [
        number,
        number,
        number,
        Float64Array,
      ];
      assert.deepEqual([ab, ba, s, array.length], [170_000, 170_000, 50_000, 60_000]);
    });

    it("runs the calls of an instance on one instance, in order, also asynchronous ones", async () => {
      const tapes = Array.from({ length: 6 }, (_, i) => new nodes.Tape(nodes.give(i)));
      const targets = tapes.map((tape) => {
        tape.sayLater(nodes.wait(3, "a"));
        tape.say(nodes.wait(1, "b"));
        tape.say({ nested: [nodes.give("c")] });
        return tape.all();
      });
      const expected = tapes.map((_, i) => [i, "a", "b", { nested: ["c"] }]);
      assert.deepEqual(await make(targets).run(), expected);
    });

    it("gives an instance as all its calls have left it", async () => {
      const tape = new nodes.Tape();
      tape.say(1);
      tape.say(2);
      const result = await make([tape as never], { onWarning() {} }).run() as { said: unknown[] }[];
      assert.deepEqual(result[0].said, [1, 2]);
    });

    it("runs one graph in several backends at once", async () => {
      const target = nodes.sum(nodes.wait(5, 1), nodes.wait(2, 2), nodes.give(3));
      const runs = Array.from({ length: 3 }, () => make(target).run());
      assert.deepEqual(await Promise.all(runs), [6, 6, 6]);
    });
  });
}

function testFailures(name: string, make: MakeBackend): void {
  describe(`${name} with nodes that fail`, () => {
    const file = useFolder();

    it("reports the node, its place, and what it threw with class, fields and causes", async () => {
      const error = await failure(make(nodes.fail(11).setName("reader")).run());
      assert.deepEqual([error.nodeName, error.phase], ["reader", "run"]);
      assert.match(error.message, /"reader".*nodes\.ts:\d+:\d+.*RangeError: no such digit: 11/);
      const cause = error.cause as nodes.DigitError;
      assert.ok(cause instanceof RangeError);
      assert.equal(cause.constructor.name, "DigitError");
      assert.equal(cause.digit, 11);
      assert.match(cause.stack!, /nodes\.ts/);
      assert.ok(cause.cause instanceof TypeError);
      assert.equal(cause.cause.cause, "a letter");
    });

    it("reports whatever is thrown", async () => {
      for (const value of ["text", 5, { code: 7 }]) {
        const error = await failure(make(nodes.throwValue(nodes.give(value))).run());
        assert.deepEqual(error.cause, value);
      }
    });

    it("tells where arguments could not be read", async () => {
      const nothing = nodes.give({} as { inner: { x: number } }).setName("nothing");
      const error = await failure(make(nodes.sum(nothing.inner.x, 1)).run());
      assert.equal(error.phase, "arguments");
      assert.match(error.message, /nothing\["inner"\], which gave undefined/);
    });

    it("starts nothing that depends on it, lets running nodes end, and keeps their results", async () => {
      const storage = new MemoryStorage();
      const path = file("notes");
      const targets = [
        nodes.wait(60, "kept").setName("kept"),
        nodes.note(path, "x", nodes.fail(1)),
      ];
      await failure(make(targets, { storage }).run());
      assert.deepEqual(await storage.listTasks("test"), ["kept"]);
      assert.throws(() => readFileSync(path), { code: "ENOENT" });
    });

    it("with onFailure: continue runs all that does not depend on it, and reports all failures", async () => {
      const path = file("notes");
      const first = nodes.fail(1).setName("first");
      const targets = [
        nodes.note(path, "a", nodes.wait(5)),
        nodes.note(path, "b", first),
        nodes.note(path, "c", nodes.give(1)),
        nodes.note(path, "d", nodes.fail(2, nodes.wait(9)).setName("second")),
      ];
      const error = await failure(make(targets, { onFailure: "continue" }).run());
      assert.deepEqual(error.errors.map(({ nodeName }) => nodeName).sort(), ["first", "second"]);
      assert.match(
        error.message,
        /2 nodes failed[^]*"first"[^]*"second"[^]*2 nodes .* did not run/,
      );
      assert.deepEqual([...readFileSync(path, "utf8")].sort(), ["a", "c"]);
    });

    it("tries again as often as was set, and tells observers", async () => {
      const path = file("flaky");
      const retried: boolean[] = [];
      const plugin: Plugin = {
        name: "observer",
        options: undefined,
        hooks: { onNodeError: (_, { willRetry }) => void retried.push(willRetry) },
      };
      const wf = make(nodes.flaky(path, 2, "throw"), { plugins: [plugin] });
      wf.query().setRemoteArgs({ maxRetries: 2, retryDelayMs: 1 });
      assert.equal(await wf.run(), 2);
      assert.deepEqual(retried, [true, true]);

      const often = make(nodes.flaky(file("flaky"), 3, "throw"));
      often.query().setRemoteArgs({ maxRetries: 2, retryDelayMs: 1 });
      assert.match((await failure(often.run())).message, /RangeError: failure 3/);
    });

    it("ends a node that waits when its time is up, and can try it again", async () => {
      const wf = make(nodes.wait(30_000));
      wf.query().setRemoteArgs({ timeoutMs: 50 });
      const error = await failure(wf.run());
      assert.equal(error.phase, "timeout");
      assert.equal((error.cause as Error).name, "TimeoutError");

      const again = make(nodes.flaky(file("flaky"), 1, "hang"));
      again.query().setRemoteArgs({ timeoutMs: 1_000, maxRetries: 1, retryDelayMs: 1 });
      assert.equal(await again.run(), 1);
    });

    it("tells a node that listens that its time is up", async () => {
      const path = file("listen");
      const wf = make(nodes.listen(path));
      wf.query().setRemoteArgs({ timeoutMs: 300 });
      await failure(wf.run());
      assert.equal(readFileSync(path, "utf8"), "started ended by TimeoutError");
    });

    it("is cancelled by a signal, with its reason", async () => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const run = make([nodes.wait(30_000), nodes.wait(30_000)]).run({ signal: controller.signal });
      setTimeout(() => controller.abort(reason), 100);
      await assert.rejects(run, (error) => error === reason);
    });

    it("tells a node that listens that the run is cancelled", async () => {
      const path = file("listen");
      const controller = new AbortController();
      const run = make(nodes.listen(path)).run({ signal: controller.signal });
      const isStarted = setInterval(() => {
        try {
          if (readFileSync(path, "utf8") === "") return;
        } catch {
          return;
        }
        clearInterval(isStarted);
        // The file may be there before the host has heard that the node listens.
        setTimeout(() => controller.abort(), 50);
      }, 10);
      await assert.rejects(run, { name: "AbortError" });
      assert.equal(readFileSync(path, "utf8"), "started ended by AbortError");
    });
  });
}

function testPlugins(name: string, make: MakeBackend): void {
  describe(`${name} with plugins`, () => {
    it("prepares nodes in the order in which plugins were set, and undoes it", async () => {
      const wf = make([
        nodes.trace().setName("a"),
        nodes.trace().setName("bb"),
        nodes.trace().setName("c"),
      ]);
      wf.setPlugin("a|bb", nodes.mark({ mark: "one" }));
      wf.query("bb").setPlugin(pluginCollection(nodes.mark({ mark: "two" }), nodes.deeper));
      assert.deepEqual(await wf.run(), [
        [1, "one:a"],
        [4, "one:bb", "two:bb"],
        [0],
      ]);
    });

    it("gives seeds in graph order", async () => {
      const wf = make(Array.from({ length: 4 }, () => nodes.trace()));
      wf.setPlugin(undefined, nodes.seeds);
      assert.deepEqual(await wf.run(), [[6], [7], [5], [6]]);
    });

    it("draws the same random numbers everywhere", async () => {
      const targets = ["a", "b", "c"].map((name) =>
        nodes.draw(2, nodes.wait(name === "a" ? 5 : 1)).setName(name)
      );
      const wf = make(targets);
      wf.setPlugin("[abc]", randomState({ seed: 7 }));
      assert.deepEqual(await wf.run(), DRAWN);
    });

    it("reports one that throws as the node's initialisation", async () => {
      const wf = make(nodes.give(1));
      wf.setPlugin(undefined, nodes.failing());
      const error = await failure(wf.run());
      assert.deepEqual([error.phase, (error.cause as Error).message], ["initialize", "no device"]);
    });
  });
}

// What randomState with the seed 7 gives nodes named a, b and c; the same in Deno and in Bun.
const DRAWN = [
  [0.5172804213752956, 0.6670295084613113],
  [0.31655490881574544, 0.47337189074348673],
  [0.5137053133685476, 0.759360408783508],
];

function testStorage(name: string, make: MakeBackend): void {
  describe(`${name} with a storage`, () => {
    it("keeps results, and reads them instead of running nodes again", async () => {
      const storage = new MemoryStorage();
      const build = () => {
        const parts = [1, 2].map((n) => nodes.give([n]).setName(`part ${n}`));
        return nodes.give({ parts, array: nodes.array(10, 3).setName("array") }).setName("all");
      };
      const value = { parts: [[1], [2]], array: new Float64Array(10).fill(3) };
      const { plugin, of } = recorder();
      assert.deepEqual(await make(build(), { storage, plugins: [plugin] }).run(), value);
      assert.deepEqual(of("end").sort(), ["all", "array", "part 1", "part 2"]);
      assert.deepEqual((await storage.listTasks("test")).sort(), of("end").sort());
      await storage.removeTask("test", { taskName: "all" });
      const second = recorder();
      assert.deepEqual(await make(build(), { storage, plugins: [second.plugin] }).run(), value);
      assert.deepEqual(second.of("end").sort(), ["all", "array", "part 1", "part 2"]);
    });

    it("gives readers what was read back, if the storage asks for it", async () => {
      const storage = new MemoryStorage({ alwaysRead: true });
      const read = storage.readTask.bind(storage);
      storage.readTask = async (workflow, task) =>
        task === "first" ? "read back" : await read(workflow, task);
      const target = nodes.give([nodes.give("made").setName("first")]);
      assert.deepEqual(await make(target, { storage }).run(), ["read back"]);
    });

    it("goes on with a value that can't be stored, with a warning", async () => {
      const storage = new MemoryStorage();
      const warnings: string[] = [];
      const onWarning = (warning: string) => warnings.push(warning);
      const target = nodes.predict(nodes.fit(2).setName("model"), 4);
      assert.equal(await make(target, { storage, onWarning }).run(), 8);
      assert.equal(warnings.length, 1, warnings.join("\n"));
      assert.match(warnings[0], /"model" will run again next time.*Model/);
    });
  });
}
