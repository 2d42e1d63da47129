import fc from "fast-check";
import { isFuseError, LocalWorkflow, type Plugin } from "functionfuse";
import { randomState } from "functionfuse/plugins";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { recordGraph, type Way } from "../../core/graph_recorder.ts";
import type { GraphRecord } from "../../core/graph_record.ts";
import { initializeOnHost } from "../../core/initializers.ts";
import { packValue, unpackValue } from "../../encoding/packed.ts";
import { buildParityCase, parityCases } from "../contract/backend.ts";
import { describeGraph, runHere } from "../support/described_graph.ts";
import { increment, same } from "../support/edit_nodes.ts";
import * as nodes from "../support/nodes.ts";
import { edit, graphOf, randomEdits } from "../support/random_edits.ts";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";
import { plainPlugins } from "../support/recorded_nodes.ts";

/** What the other process tells of a graph. */
interface Answer {
  readonly count?: number;
  readonly described?: Awaited<ReturnType<typeof describeGraph>>;
  readonly values?: unknown[];
  readonly failure?: Error;
}

/** Another process, which is asked one thing at a time. */
class Rebuilder {
  readonly #child: ChildProcess;
  #received = Buffer.alloc(0);
  #answered: (answer: Answer) => void = () => {};

  constructor() {
    const program = fileURLToPath(new URL("../support/rebuilder.ts", import.meta.url));
    const flags = process.versions.deno ? ["run", "-A", "--quiet"] : [];
    this.#child = spawn(process.execPath, [...flags, program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout!.on("data", (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      if (this.#received.length < 4) return;
      const end = 4 + this.#received.readUInt32LE(0);
      if (this.#received.length < end) return;
      const packed = this.#received.subarray(4, end);
      this.#received = this.#received.subarray(end);
      this.#answered(unpackValue(packed) as Answer);
    });
  }

  ask(
    record: GraphRecord,
    { describes = true, runs = true, comparesSources = true } = {},
  ): Promise<Answer> {
    const packed = packValue({ record, describes, runs, comparesSources });
    const length = Buffer.alloc(4);
    length.writeUInt32LE(packed.length);
    this.#child.stdin!.write(Buffer.concat([length, packed]));
    return new Promise((resolve) => this.#answered = resolve);
  }

  end(): void {
    this.#child.stdin!.end();
  }
}

let other: Rebuilder | undefined;
after(() => other?.end());
const ask = (record: GraphRecord, options?: Parameters<Rebuilder["ask"]>[1]) =>
  (other ??= new Rebuilder()).ask(record, options);

const make = (targets: unknown, plugins: readonly Plugin[] = []) =>
  new LocalWorkflow(targets as never, { workflowName: "test", plugins });
type Workflow = ReturnType<typeof make>;

/** The record of a backend's graph. */
const recordOf = (wf: Workflow, way?: Way) =>
  recordGraph(graphOf(wf), initializeOnHost(graphOf(wf)), way);

/** Takes a graph to the other process, and compares all that can be told of it, and what it gives. */
async function compare(wf: Workflow, { runs = true } = {}): Promise<Answer> {
  const graph = graphOf(wf);
  const initializations = initializeOnHost(graph);
  const answer = await ask(await recordGraph(graph, initializations), { runs });
  if (answer.failure) throw answer.failure;
  // By way of the codec too, as what is `undefined` is the same as what is not there.
  const described = unpackValue(packValue(await describeGraph(graph, initializations)));
  assert.deepEqual(answer.described, described);
  if (runs) assert.deepEqual(answer.values, await runHere(graph, initializations));
  return answer;
}

const refused = (promise: Promise<unknown>, message: RegExp) =>
  assert.rejects(promise, (error) => {
    assert.ok(isFuseError(error, "GraphError") && error.reason === "not-portable", `${error}`);
    assert.match(error.message, message);
    return true;
  });

describe("A graph in another process", () => {
  it("is the same, for random graphs with random edits, settings and plugins", async () => {
    const drafts = fc.record({
      stored: fc.array(fc.nat(), { maxLength: 3 }),
      policies: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 })), { maxLength: 3 }),
      replaced: fc.array(fc.nat(), { maxLength: 2 }),
      seed: fc.option(fc.nat(99)),
    });
    await fc.assert(
      fc.asyncProperty(
        randomGraph(),
        fc.option(randomEdits(), { nil: [] }),
        drafts,
        async (description, edits, { stored, policies, replaced, seed }) => {
          const wf = make(makeRandomGraph(description).targets);
          const pick = (n: number) => {
            const names = wf.findNodes().filter((name) => /^\d+$/.test(name));
            return names.length > 0 ? wf.query(names[n % names.length]) : undefined;
          };
          const half = edits.length >> 1;
          edits.slice(0, half).forEach((draft, at) => edit(wf, draft, at));
          for (const n of stored) pick(n)?.setStored(n % 2 === 0);
          for (const [n, cpus] of policies) {
            pick(n)?.setRemoteArgs({
              numCpus: cpus,
              resources: { own: cpus },
              maxRetries: Infinity,
            });
          }
          for (const n of replaced) pick(n)?.replaceFunction(n % 2 === 0 ? same : increment);
          if (seed !== null) wf.setPlugin(undefined, randomState({ seed }));
          edits.slice(half).forEach((draft, at) => edit(wf, draft, half + at));
          await compare(wf);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("is the same, for the parity graphs with random edits", async () => {
    const index = fc.nat({ max: parityCases.length - 1 });
    await fc.assert(
      fc.asyncProperty(index, fc.option(randomEdits(), { nil: [] }), async (index, edits) => {
        const wf = make(buildParityCase(parityCases[index], true));
        edits.forEach((draft, at) => edit(wf, draft, at));
        await compare(wf);
      }),
      { numRuns: 60 },
    );
  });

  it("has instances with their calls, in order, also inside groups", async () => {
    const { Tape, give, sum } = nodes;
    const make2 = () => {
      const tape = new Tape("first").setName("tape");
      const one = tape.say(give("one"));
      const two = tape.sayLater({ and: [one, give("two").setName("two")] }).setName("said");
      const last = tape.all();
      return [last, sum(one, two), tape] as const;
    };
    await compare(make(make2().slice(0, 2)));
    // An instance as a target stays where it is.
    await compare(make(make2()), { runs: false });
    const wf = make(make2().slice(0, 2));
    wf.query("tape|Tape.*|said|two|give_.*").collapse("all of it");
    await compare(wf);
  });

  it("has items by texts, numbers and odd names, also as targets", async () => {
    const { give } = nodes;
    const value = { then: 1, "0": 2, list: [3, { setName: 4 }], __proto__x: 5 };
    const node = give(value) as never as {
      item(key: string | number): { item(key: string): unknown };
      list: { item(key: number): { item(key: string): unknown } };
    };
    const read = give([node.item("then"), node.item("0"), node.item(0), node.list.item(1)]);
    await compare(make([read, node.item("then"), node.list.item(1).item("setName")]));
    await compare(make(node.list));
  });

  it("has groups in groups, whose readers and what they read were edited again", async () => {
    const { give, sum } = nodes;
    const first = give({ a: 1, b: [2] }).setName("first");
    const a = sum(first.a, 1).setName("a");
    const b = sum(a, first.b[0]).setName("b");
    const c = sum(a, b).setName("c");
    const wf = make([c, b]);
    wf.query("a|b").collapse("inner");
    wf.query("inner").insertBefore(same);
    wf.query("inner|c").collapse("outer");
    wf.query("first").insertAfter(same);
    wf.query("outer").setRemoteArgs({ timeoutMs: 5_000 }).setPlugin(randomState({ seed: 1 }));
    wf.query("first").replaceFunction(same as never).setStored(false);
    const { values } = await compare(wf);
    assert.equal(values!.length, 2);
    // What is said of an item of a given value names the node that gave it then.
    const lost = make(sum(give({} as { x: { y: number } }).setName("none").x.y, 1).setName("n"));
    lost.query("n").collapse("group");
    const record = await recordOf(lost);
    const { failure } = await ask(record);
    assert.match(failure!.message, /Cannot read item "y" of none\["x"\], which gave undefined/);
  });

  it("has literals of all kinds, shared and in circles", async () => {
    const shared = { when: new Date(5), big: 12n, set: new Set([1, "x"]) };
    const circle: Record<string, unknown> = { shared, array: Float32Array.of(1, 2) };
    circle.self = circle;
    const give = nodes.give;
    await compare(make([
      give(circle),
      give({ shared, node: give(-0), deep: [[NaN], undefined, /x/gi] }),
      give(null, undefined, "text", true, 1e300, new Map([[shared, [Infinity]]])),
      give([, 1] as unknown),
    ]));
  });

  it("has plugins with options by value and by the call that made them, and the data of each", async () => {
    const { byValue, byCall, quiet } = plainPlugins;
    const { trace, draw } = nodes;
    const wf = make([trace(), draw(2).setName("draw")], [quiet, byCall]);
    wf.setPlugin("draw", randomState({ seed: 7 }));
    wf.setPlugin("draw", byValue({ names: ["x"], at: new Date(0) }));
    wf.setPlugin(undefined, nodes.mark({ mark: "m" }));
    wf.query("draw").collapse("group");
    await compare(wf);
  });

  it("gives failures with the places that its functions have in the first process", async () => {
    const record = await recordOf(make(nodes.fail(3).setName("bad")));
    const { failure } = await ask({
      ...record,
      functions: record.functions.map((fn) => ({
        ...fn,
        place: { url: "file:///home/me/digits.ts", line: 12, column: 7 },
      })),
    });
    assert.equal(
      failure!.message,
      'Node "bad" (fail, defined at /home/me/digits.ts:12:7) failed: RangeError: no such digit: 3',
    );
  });

  it("takes little room, with 100,000 nodes", async () => {
    let node = nodes.sum(0, 1);
    for (let i = 1; i < 100_000; i++) node = nodes.sum(node, i);
    const wf = make(node);
    wf.query().setRemoteArgs({ numCpus: 0.5 });
    const record = await recordOf(wf);
    const { byteLength } = packValue(record);
    assert.ok(byteLength < 100_000 * 100, `${byteLength} bytes`);
    const { count } = await ask(record, { describes: false, runs: false });
    assert.equal(count, 100_000);
  });
});

describe("What can't be taken to another process", () => {
  it("is named with what to do: up to five things of a graph", async () => {
    class Model {}
    const { give } = nodes;
    const all = Array.from({ length: 4 }, (_, i) => give(new Model()).setName(`model ${i}`));
    const wf = make([...all, give([give(1), () => 1]).setName("fn"), give(Symbol()).setName("s")]);
    await refused(
      recordOf(wf),
      new RegExp(
        `^Cannot take the workflow to another machine, as these can't be taken there:\n` +
          `  - an argument of "model 0": value \\(an instance of Model\\)\n(  - .*\n){3}` +
          `  - an argument of "fn": value\\[1\\] \\(a function\\)\n  - and 1 more\n` +
          `Make functions .* at the top level of a module.* and pass plain data`,
      ),
    );
  });

  it("is what a codec refuses, once for each literal", async () => {
    const asked: unknown[] = [];
    const findUnfit = (value: unknown) => {
      asked.push(value);
      return Array.isArray(value) ? "it is a list" : undefined;
    };
    const list = [1];
    const wf = make([nodes.give(list).setName("x"), nodes.give(list), nodes.give({}, "text", 1)]);
    await refused(
      recordOf(wf, { findUnfit }),
      /argument of "x": it is a list\n {2}- .*it is a list\n/,
    );
    assert.deepEqual(asked, [list, {}]);
  });

  it("is told before any module is made ready", async () => {
    const prepare = () => Promise.reject(new Error("It is not to be asked."));
    const urlOf = (): string => {
      throw new Error("It is not to be asked either.");
    };
    const wf = make(nodes.give(increment).setName("x"));
    await refused(recordOf(wf, { prepare, urlOf }), /an argument of "x": .*\(a function\)/);
  });

  it("is a module that is not sent", async () => {
    const prepared: string[] = [];
    const prepare = (modules: readonly string[]) => {
      prepared.push(...modules);
      return Promise.resolve();
    };
    // By then, they have been prepared.
    const urlOf = (url: string) =>
      prepared.length > 0 && !url.includes("edit_nodes") ? url : undefined;
    const wf = make(nodes.sum(1).setName("x"));
    wf.query("x").replaceFunction(increment);
    await refused(
      recordOf(wf, { prepare, urlOf }),
      /these can't be taken there:\n {2}- the function that replaces "x": file:.*edit_nodes\.ts is not among the modules that are sent/,
    );
    const names = prepared.map((url) => url.split("/").at(-1));
    assert.deepEqual(names, ["nodes.ts", "edit_nodes.ts"]);
  });

  it("is a plugin that is made in no way that others know, or what it prepared", async () => {
    const handmade = { name: "handmade", options: 1, hooks: { remoteInitialize() {} } };
    await refused(
      recordOf(make(nodes.sum(1), [handmade])),
      /the plugin "handmade": it was not made by definePlugin/,
    );
    const wf = make(nodes.sum(1).setName("x"), [plainPlugins.withData(() => 1)]);
    await refused(
      recordOf(wf),
      /what localInitialize of the plugin "with data" gave for "x": value \(a function\)/,
    );
  });

  it("is not there after its module was imported, as it is made inside a call", async () => {
    const record = await recordOf(make(nodes.sum(1, 2)));
    const items = record.items.map((item) => ({
      ...item,
      reference: { ...item.reference, ordinal: 1_000 },
    }));
    const { failure } = await ask({ ...record, items });
    assert.equal(failure!.name, "EngineError");
    assert.match(
      failure!.message,
      /^Cannot make .* again on another machine.*: sum: importing .*nodes\.ts does not make "sum" there, as it is made inside a call or after the first run\(\)\. See to it/,
    );
    const missing = items.map((item) => ({
      ...item,
      reference: { ...item.reference, module: import.meta.url + ".gone.ts" },
    }));
    const gone = await ask({ ...record, items: missing });
    assert.match(gone.failure!.message, /sum: importing .*gone\.ts in a worker failed: /);
  });

  it("has other code there, unless the other runtime writes it otherwise", async () => {
    const record = await recordOf(make(nodes.sum(1, 2)));
    const items = record.items.map((item) => ({
      ...item,
      reference: { ...item.reference, digest: "00" },
    }));
    const { failure } = await ask({ ...record, items });
    assert.match(failure!.message, /sum: .*nodes\.ts makes another sum in its place/);
    const { values } = await ask({ ...record, items }, { comparesSources: false });
    assert.deepEqual(values, [3]);
    // The name is compared always.
    const named = items.map((item) => ({
      ...item,
      reference: { ...item.reference, name: "total" },
    }));
    const renamed = await ask({ ...record, items: named }, { comparesSources: false });
    assert.match(renamed.failure!.message, /makes another sum/);
  });

  it("has lost a method there", async () => {
    const tape = new nodes.Tape();
    const record = await recordOf(make(tape.all()));
    const functions = record.functions.map((fn) => fn.method ? { ...fn, method: "rewind" } : fn);
    const { failure } = await ask({ ...record, functions });
    assert.match(failure!.message, /Tape\.all: the class has no such method there/);
  });
});
