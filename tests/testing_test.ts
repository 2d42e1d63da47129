import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it, mock } from "node:test";
import {
  definePlugin,
  GraphError,
  LocalWorkflow,
  NodeError,
  nodeSignal,
  workflow,
} from "functionfuse";
import { randomState } from "functionfuse/plugins";
import { given, runWith, type RunWithOptions } from "functionfuse/testing";
import { combine } from "./support/nodes.ts";
import { makeRandomGraph, randomGraph } from "./support/random_graph.ts";

const load = workflow("load", (path: string): number[] => {
  throw new Error(`there is no ${path}`);
});
const train = workflow("train", (x: readonly number[], rate: number) => ({ x, rate }));
const score = workflow("score", (model: { rate: number }, x: readonly number[]) => {
  return model.rate * x.length;
});
const best = workflow("best", (scores: readonly number[]) => Math.max(...scores));
const Counter = workflow(
  class Counter {
    constructor(public total: number) {}
    add(n: number) {
      return this.total += n;
    }
    get() {
      return this.total;
    }
  },
);
const identity = workflow("identity", <T>(x: T) => x);

/** Two models, the better one of which is asked for. */
function digits() {
  const data = load("digits.csv").setName("load");
  const models = [train(data, 0.5).setName("train_a"), train(data, 0.25).setName("train_b")];
  const scores = models.map((model, i) => score(model, data).setName(`score_${"ab"[i]}`));
  return { data, models, scores, target: best(scores).setName("best") };
}

describe("runWith", () => {
  it("runs what lies behind a replaced node, and tells what ran", async () => {
    const { target } = digits();
    const { value, ran } = await runWith(target, { values: { load: [1, 2, 3, 4] } });
    assert.equal(value, 2);
    assert.deepEqual(ran, ["train_a", "score_a", "train_b", "score_b", "best"]);
  });

  it("does not run what only replaced nodes read", async () => {
    const { target } = digits();
    const values = { "score_.*": 7 };
    const { value, ran } = await runWith(target, { values });
    assert.equal(value, 7);
    assert.deepEqual(ran, ["best"]);
    assert.deepEqual((await runWith(target, { values: { best: "none" } })).ran, []);
  });

  it("runs only what the targets need", async () => {
    const { models, data } = digits();
    const { value, ran } = await runWith([models[0].rate, data[1]], { values: { load: [1, 5] } });
    assert.deepEqual(value, [0.5, 5]);
    assert.deepEqual(ran, ["train_a"]);
  });

  it("runs a graph as it is without replacements, and gives errors as they are", async () => {
    assert.equal((await runWith(score(train([1], 2), [1]))).value, 2);
    await assert.rejects(runWith(digits().target), (error: NodeError) => {
      return error instanceof NodeError && error.nodeName === "load" &&
        (error.cause as Error).message === "there is no digits.csv";
    });
  });

  it("hands values over as they are, functions and classes' instances too", async () => {
    const one = identity(1 as unknown).setName("one");
    const same = identity(one);
    for (const value of [new Date(), () => 1, Symbol("x"), null, undefined, new WeakMap(), NaN]) {
      assert.equal(Object.is((await runWith(same, { values: { one: value } })).value, value), true);
    }
    const { value } = await runWith(same, { values: { one: Promise.resolve(3) } });
    assert.equal(value, 3);
  });

  it("finds nodes by names, patterns, regular expressions and the nodes themselves", async () => {
    const { target, models, data } = digits();
    const all: RunWithOptions["values"][] = [
      { "train_.*": { rate: 3 }, load: [1] },
      [[/TRAIN_./i, { rate: 3 }], ["load", [1]]],
      new Map<RegExp | string, unknown>([[/train_[ab]/, { rate: 3 }], ["load", [1]]]),
      [given(data, [1]), [models[0], { rate: 3 }], [models[1], { rate: 3 }]],
    ];
    for (const values of all) assert.equal((await runWith(target, { values })).value, 3);
  });

  it("takes a text for a name before it takes it for a pattern", async () => {
    const a = identity(1).setName("loss[0] (a.b)");
    const b = identity(2).setName("loss0 axb");
    const both = identity([a, b]);
    const { value } = await runWith(both, { values: { "loss[0] (a.b)": 7 } });
    assert.deepEqual(value, [7, 2]);
    assert.deepEqual((await runWith(both, { values: { "loss[0] (?:a.b)": 7 } })).value, [1, 7]);
  });

  it("prefers names to patterns, later ones to earlier ones, and values to functions", async () => {
    const { scores } = digits();
    const values = { score_a: 1, "score_.*": 2 };
    assert.deepEqual((await runWith(scores, { values })).value, [1, 2]);
    const pairs = [["score_.*", 2], ["score_(a|b)", 3]] as const;
    assert.deepEqual((await runWith(scores, { values: pairs })).value, [3, 3]);
    const functions = { "score_.*": () => 4, score_b: () => 5 };
    const run = await runWith(scores, { values: { "score_.*": 2, load: [] }, functions });
    assert.deepEqual(run.value, [2, 5]);
  });

  it("leaves the graph as it was, for other runs and other backends", async () => {
    const two = identity(2).setName("two");
    const four = identity([two, two]);
    await runWith(four, { values: { two: 5 }, functions: { "identity.*": (x) => x } });
    assert.deepEqual((await runWith(four)).value, [2, 2]);
    const wf = new LocalWorkflow(four, { workflowName: "test" });
    assert.deepEqual(await wf.run(), [2, 2]);
    assert.equal(wf.findNodes().length, 2);
  });

  it("runs 20,000 nodes in a chain", async () => {
    let node = identity(0).setName("first");
    for (let i = 0; i < 20_000; i++) node = identity(node);
    const { value, ran } = await runWith(node, { values: { first: 9 } });
    assert.equal(value, 9);
    assert.equal(ran.length, 20_000);
  });
});

describe("runWith on random graphs", () => {
  it("gives what plain calls give, and runs just what the targets need", async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph(), fc.uniqueArray(fc.nat({ max: 29 })), async (graph, picks) => {
        const { targets } = makeRandomGraph(graph);
        const { nodes } = graph;
        const replaced = new Set(picks.filter((index) => index < nodes.length));
        const needed = new Set<number>();
        const values = new Map<number, number>();
        const compute = (index: number): number => {
          if (replaced.has(index)) return -index;
          needed.add(index);
          const known = values.get(index) ?? combine(index, nodes[index].parents.map(compute));
          values.set(index, known);
          return known;
        };
        const expected = graph.targets.map(compute);
        const inGraph = new Set(
          new LocalWorkflow(targets, { workflowName: "random" }).findNodes().map(Number),
        );
        const standIns = [...replaced.intersection(inGraph)]
          .map((index) => [String(index), -index] as const);
        const { value, ran } = await runWith(targets, { values: standIns });
        assert.deepEqual(value, expected);
        assert.deepEqual(new Set(ran.map(Number)), needed);
        assert.equal(ran.length, needed.size, "each node once");
      }),
      { numRuns: 300 },
    );
  });
});

describe("runWith and functions", () => {
  it("gives the nodes' arguments to the functions, what lies before them runs", async () => {
    const { target } = digits();
    const fake = mock.fn((x: number[], rate: number) => ({ rate: rate * x.length }));
    const { value, ran } = await runWith(target, {
      functions: { "train_.*": fake },
      values: { load: [1, 2] },
    });
    assert.equal(value, 2);
    assert.deepEqual(fake.mock.calls.map((call) => call.arguments), [[[1, 2], 0.5], [
      [1, 2],
      0.25,
    ]]);
    assert.deepEqual(ran, ["score_a", "score_b", "best"]);
  });

  it("lets a node fail that does not", async () => {
    const broken = () => {
      throw new RangeError("the disk is full");
    };
    await assert.rejects(runWith(identity(1).setName("one"), { functions: { one: broken } }), {
      name: "NodeError",
      nodeName: "one",
      message: /^Node "one" \(identity, defined at .*testing_test\.ts:\d+:\d+\) failed: RangeError/,
    });
  });

  it("awaits what asynchronous functions give", async () => {
    const functions = { "identity_.*": async (x: number) => await Promise.resolve(x + 1) };
    assert.equal((await runWith(identity(1), { functions })).value, 2);
  });
});

describe("runWith and classes", () => {
  it("runs the calls of an instance in their order, those before a target too", async () => {
    const counter = new Counter(1).setName("counter");
    counter.add(2);
    const get = counter.get();
    counter.add(100);
    const { value, ran } = await runWith(get);
    assert.equal(value, 3);
    assert.deepEqual(ran, ["counter", "Counter.add_0000", "Counter.get_0000"]);
    assert.equal((await runWith(counter)).value.total, 103);
  });

  it("leaves an instance as it is at a call that is replaced", async () => {
    const counter = new Counter(1);
    const sum = counter.add(load("numbers")[0]).setName("add");
    const get = counter.get();
    const { value, ran } = await runWith([sum, get], { values: { add: 50 } });
    assert.deepEqual(value, [50, 1]);
    assert.equal(ran.length, 2, "not load, nor add");
    const run = await runWith(get, { values: { add: 50 } });
    assert.equal(run.value, 1);
  });

  it("does not make an instance of which all calls are replaced", async () => {
    const counter = new Counter(load("start")[0]);
    const sum = counter.add(1).setName("add");
    const out = identity(sum).setName("out");
    assert.deepEqual(await runWith(out, { values: { add: 2 } }), { value: 2, ran: ["out"] });
  });

  it("makes calls on an object in the place of an instance", async () => {
    const counter = new Counter(load("start")[0]).setName("counter");
    counter.add(2);
    const get = counter.get();
    const fake = { total: 0, add: mock.fn((n: number) => n), get: () => 40 };
    const { value, ran } = await runWith(get, { values: { counter: fake } });
    assert.equal(value, 40);
    assert.deepEqual(fake.add.mock.calls[0].arguments, [2]);
    assert.equal(ran.length, 2);
    assert.ok(!ran.includes("counter") && !ran.includes("load"));
    const made = await runWith(get, {
      values: [["load_.*", [5]]],
      functions: [[counter, (start) => Promise.resolve({ ...fake, get: () => start })]],
    });
    assert.equal(made.value, 5);
  });

  it("says which method an object in the place of an instance does not have", async () => {
    const counter = new Counter(1).setName("counter");
    const get = counter.get().setName("get");
    await assert.rejects(runWith(get, { values: [given(counter, { add: (n) => n })] }), {
      name: "NodeError",
      nodeName: "counter",
      message: /in the place of an instance of Counter has no method get, which "get" calls\./,
    });
    await assert.rejects(runWith(get, { functions: [[counter, () => 1]] }), /must be an object/);
  });
});

describe("runWith refuses", () => {
  const { target, data } = digits();

  it("a name that finds nothing, with the nearest one", async () => {
    for (const values of [{ laod: 1 }, [[/laod/, 1]] as const]) {
      await assert.rejects(runWith(target, { values }), (error: GraphError) => {
        assert.ok(error instanceof GraphError);
        assert.equal(error.reason, "unknown-node");
        assert.match(error.message, /laod.* The nearest name is "load"\./);
        return true;
      });
    }
    await assert.rejects(
      runWith(target, { functions: { "train_": () => 1 } }),
      /"train_" of 'functions' finds none: .* The nearest name is "train_[ab]"/,
    );
  });

  it("a node of another graph, and an item", async () => {
    const values = [[identity(1).setName("other"), 2]] as const;
    await assert.rejects(runWith(target, { values }), { name: "GraphError", nodes: ["other"] });
    await assert.rejects(
      runWith(target, { values: [[data[0], 1]] }),
      /Cannot replace "load\[0\]", as it is an item: replace the node itself/,
    );
  });

  it("a pattern that is none", async () => {
    await assert.rejects(runWith(target, { values: { "train_(": 1 } }), {
      name: "TypeError",
      message: /Cannot find nodes by the pattern "train_\("/,
    });
  });

  it("what can't be in a node's place", async () => {
    const counter = new Counter(1).setName("counter");
    const wrong: [RunWithOptions, RegExp][] = [
      [{ values: { counter: 5 } }, /the instance "counter" as its value must be an object.*number/],
      [{ values: { counter: identity(1) } }, /Cannot replace "counter" by a node/],
      [{ functions: { counter: 5 as never } }, /must be a function.*number.*'values'/],
      [{ values: "counter" as never }, /'values' must be an object by names, or a list/],
      [{ values: ["counter"] as never }, /'values' must be an object by names, or a list/],
      [{ values: counter as never }, /'values' must be an object by names, or a list/],
      [{ values: [[5 as never, 5]] }, /a key must be a name.*current value is 5/],
      [{ value: { counter: 5 } } as never, /'value' is no option: known are values, functions/],
    ];
    for (const [options, message] of wrong) {
      await assert.rejects(runWith(counter.get(), options), { name: "TypeError", message });
    }
  });

  it("targets that no backend takes", async () => {
    await assert.rejects(runWith([]), { name: "GraphError", reason: "no-targets" });
    await assert.rejects(runWith(5 as never), { name: "GraphError", reason: "not-a-node" });
    const twice = identity([identity(1).setName("x"), identity(2).setName("x")]);
    await assert.rejects(runWith(twice), { name: "GraphError", reason: "duplicate-name" });
  });
});

describe("runWith and the rest of a run", () => {
  it("sets plugins for all nodes, by the names that they have in the graph", async () => {
    const random = workflow("random", () => Math.random());
    const plugins = () => [randomState({ seed: 3 })];
    const { value } = await runWith([random().setName("a"), random().setName("b")], {
      plugins: plugins(),
    });
    const wf = new LocalWorkflow(random().setName("b"), {
      workflowName: "test",
      plugins: plugins(),
    });
    assert.equal(value[1], await wf.run());
    const heard: string[] = [];
    const listen = definePlugin("listen", () => ({ onNodeStart: ({ name }) => heard.push(name) }));
    await runWith(identity(identity(1).setName("in")).setName("out"), {
      values: { in: 2 },
      plugins: [listen()],
    });
    assert.deepEqual(heard, ["in", "out"]);
  });

  it("takes no fake clock for the real one", async () => {
    const busy = workflow("busy", (started: number) => {
      while (performance.now() - started < 60);
      return setTimeout(() => {}, 1000);
    });
    const clock = { setTimeout: globalThis.setTimeout };
    globalThis.setTimeout = (() => "fake") as never;
    try {
      const { value } = await runWith(identity([busy(performance.now()), identity(1)]));
      assert.deepEqual(value, ["fake", 1]);
    } finally {
      Object.assign(globalThis, clock);
    }
  });

  it("ends when its signal aborts", async () => {
    const wait = workflow("wait", async () => {
      const signal = nodeSignal();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject()));
    });
    const controller = new AbortController();
    const run = runWith(wait(), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(run, /enough/);
  });
});

// Every line below a `@ts-expect-error` must be refused by the compiler, and every other one accepted.
export function types() {
  const { data, models } = digits();
  const counter = new Counter(1);
  given(data, [1, 2]);
  given(data, Promise.resolve([1]));
  // @ts-expect-error the value is of another type
  given(data, ["a"]);
  // @ts-expect-error a part is missing
  given(models[0], { rate: 1 });
  // @ts-expect-error an item is no node
  given(data[0], 1);
  given(counter, { add: (n: number) => n });
  // @ts-expect-error there is no such method
  given(counter, { sub: (n: number) => n });
  // @ts-expect-error the method gives something else
  given(counter, { add: (n: number) => `${n}` });
  const one: Promise<{ value: number[] }> = runWith(data, { values: { a: 1 } });
  const two: Promise<{ value: [number[], number] }> = runWith([data, data[0]]);
  // @ts-expect-error a value is no target
  runWith(5);
  // @ts-expect-error there is no such option
  runWith(data, { value: {} });
  // @ts-expect-error functions must be functions
  runWith(data, { functions: { load: [1] } });
  // @ts-expect-error given() makes values
  runWith(data, { functions: [given(data, [1])] });
  // @ts-expect-error keys are names, patterns and nodes
  runWith(data, { values: [[5, 1]] });
  // @ts-expect-error what ran is not to be changed
  one.then(async () => (await runWith(data)).ran.push(""));
  return [one, two];
}
