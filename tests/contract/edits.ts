/** What edits must do on every backend: laws on random graphs, each edit, and each refusal. Called for each backend. */

import fc from "fast-check";
import {
  definePlugin,
  type GraphReason,
  isFuseError,
  type Node,
  type NodeError,
  type Query,
} from "functionfuse";
import { randomState } from "functionfuse/plugins";
import { MemoryStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { double, increment, refuse, same } from "../support/edit_nodes.ts";
import * as nodes from "../support/nodes.ts";
import { edit, type EditDraft, graphOf, randomEdits } from "../support/random_edits.ts";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";
import { mix, mixed, PlainTally, Tally } from "../support/reuse_nodes.ts";
import { buildParityCase, failure, parityCases, useFolder } from "./backend.ts";
import type { MakePlanned } from "./reuse.ts";

/** How a backend differs from the others. */
export interface EditTraits {
  /** It runs what is made at the top level of a module elsewhere than in this process. */
  readonly isRemote: boolean;
  /** How many random graphs to try. */
  readonly numRuns: number;
}

type Planned = ReturnType<MakePlanned>;

/** Runs the suite for a backend. */
export function testEdits(name: string, make: MakePlanned, traits: EditTraits): void {
  testMeaning(name, make, traits);
  testInsertions(name, make);
  testRemovals(name, make);
  testGroups(name, make);
  testStoredGroups(name, make, traits);
  testRefusals(name, make);
}

function testMeaning(name: string, make: MakePlanned, { isRemote, numRuns }: EditTraits): void {
  describe(`${name} gives the same after edits that keep the meaning`, () => {
    const tally = { before: 0, after: 0, collapse: 0, remove: 0 };
    const editAll = (wf: Planned, edits: readonly EditDraft[]) => {
      for (const [at, draft] of edits.entries()) if (edit(wf, draft, at)) tally[draft.kind]++;
    };

    it("of random graphs", async () => {
      await fc.assert(
        fc.asyncProperty(randomGraph(), randomEdits(), async (description, edits) => {
          const { targets, expected } = makeRandomGraph(description);
          const warnings: string[] = [];
          const wf = make(targets, { onWarning: (warning) => warnings.push(warning) });
          editAll(wf, edits);
          assert.deepEqual(await wf.run(), expected);
          assert.deepEqual(warnings, []);
          // The graph is the user's own: another backend sees nothing of the edits.
          assert.ok(make(targets).findNodes().every((name) => /^\d+$/.test(name)));
        }),
        { numRuns },
      );
      const areAll = Object.values(tally).every((count) => count > 0);
      assert.ok(areAll || numRuns < 100, JSON.stringify(tally));
    });

    it("and with nodes selected in the targets' place runs what it would for these targets", async () => {
      const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(randomGraph(), picks, async (description, picks) => {
          const { plugin, ran } = observer();
          const wf = make(makeRandomGraph(description).targets, { plugins: [plugin] });
          const names = wf.findNodes();
          const selected = new Set(picks.map((n) => names[n % names.length]));
          (wf as unknown as { select(pattern: string): void }).select([...selected].join("|"));
          const targets = names.filter((name) => selected.has(name)).map(Number);
          const { expected, runnable } = makeRandomGraph({ ...description, targets });
          assert.deepEqual(await wf.run(), expected);
          assert.deepEqual(ran.map(Number).sort((a, b) => a - b), runnable);
        }),
        { numRuns },
      );
    });

    it("of the original's graphs, with classes", async () => {
      const index = fc.nat({ max: parityCases.length - 1 });
      await fc.assert(
        fc.asyncProperty(index, randomEdits(), async (index, edits) => {
          const warnings: string[] = [];
          const onWarning = (warning: string) => warnings.push(warning);
          const wf = make(buildParityCase(parityCases[index], isRemote), { onWarning });
          editAll(wf, edits);
          assert.deepEqual(await wf.run(), parityCases[index].expect.result);
          assert.deepEqual(warnings, []);
        }),
        { numRuns },
      );
    });
  });
}

/** Counts the runs of each node, and of all calls of observers' hooks. */
function observer() {
  const ran: string[] = [];
  const reasons = new Map<string, string | undefined>();
  const plugin = definePlugin("observer", () => ({
    onNodeEnd({ name }, { isStored, reason }) {
      if (!isStored) ran.push(name);
      reasons.set(name, reason);
    },
  }))();
  return { plugin, ran, reasons };
}

function testInsertions(name: string, make: MakePlanned): void {
  describe(`${name} with inserted nodes`, () => {
    it("puts one on every value that a node reads, nested ones and items included", async () => {
      const pair = nodes.give([1, 2]).setName("pair");
      const one = nodes.give(10).setName("one");
      const target = nodes.give({ list: [pair[0], { deep: one }], again: one, fixed: 5 })
        .setName("target");
      const wf = make(target);
      wf.query("target").insertBefore(increment);
      assert.deepEqual(await wf.run(), { list: [2, { deep: 11 }], again: 11, fixed: 5 });
      assert.deepEqual(wf.findNodes().sort(), [
        "one",
        "pair",
        "target",
        "target/before/increment_0000",
        "target/before/increment_0001",
        "target/before/increment_0002",
      ]);
    });

    it("puts one on the value that a node gives, for all that read it, items and targets", async () => {
      const pair = nodes.give([1, 2]).setName("pair");
      const targets = [pair, pair[1], nodes.sum(pair[0], pair[1]).setName("sum")];
      const wf = make(targets);
      wf.query("pair").insertAfter(double);
      assert.deepEqual(await wf.run(), [[2, 4], 4, 6]);
      assert.deepEqual(wf.findNodes(), ["pair", "pair/after/double_0000", "sum"]);
      assert.deepEqual(await make(targets).run(), [[1, 2], 2, 3], "the user's own graph");
    });

    it("puts what is inserted later next to the node", async () => {
      const one = nodes.give(1).setName("one");
      const after = make(nodes.give(one));
      after.query("one").insertAfter(double).insertAfter(increment);
      assert.equal(await after.run(), 4);
      const before = make(nodes.give(one).setName("two"));
      before.query("two").insertBefore(double).insertBefore(increment);
      assert.equal(await before.run(), 3);
    });

    it("finds, sets and edits what was inserted as any other node", async () => {
      const wf = make(nodes.sum(nodes.give(1), 5).setName("sum"));
      wf.query("sum").insertBefore(increment);
      wf.query("sum/before/.*").insertAfter(double).insertBefore(double);
      assert.equal(await wf.run(), 11);
      wf.query(".*increment_0000").replaceFunction(same);
      assert.equal(await wf.run(), 9);
    });

    it("inserts around calls of an instance, and before it is made", async () => {
      const tape = new nodes.Tape(nodes.give(1)).setName("tape");
      const said = tape.say(nodes.give(2)).setName("said");
      const all = tape.all().setName("all");
      const wf = make([said, all]);
      wf.query("tape|said").insertBefore(increment);
      wf.query("said").insertAfter(double);
      assert.deepEqual(await wf.run(), [4, [2, 3]]);
    });

    it("reports what an inserted node throws under its name", async () => {
      const wf = make(nodes.give(nodes.give(1).setName("one")));
      wf.query("one").insertAfter(refuse);
      const error = await failure(wf.run());
      assert.equal(error.nodeName, "one/after/refuse_0000");
      assert.match(
        error.message,
        /refuse, defined at .*edits\.ts:\d+.*RangeError: no 1|edit_nodes/,
      );
    });

    it("reuses their values, and those of nodes for which nothing has changed", async () => {
      const storage = new MemoryStorage();
      const run = async (prepare: (wf: Planned) => void) => {
        const { plugin, ran } = observer();
        const first = nodes.give(2).setName("first");
        const wf = make(nodes.sum(first, 1).setName("second"), { storage, plugins: [plugin] });
        prepare(wf);
        return [await wf.run(), ...ran];
      };
      assert.deepEqual(await run(() => {}), [3, "first", "second"]);
      const insert = (wf: Planned) => wf.query("second").insertBefore(double);
      assert.deepEqual(await run(insert), [5, "second/before/double_0000", "second"]);
      assert.deepEqual(await run(insert), [5]);
      const other = (wf: Planned) => wf.query("first").insertAfter(same);
      // The same value, so what reads it need not run.
      assert.deepEqual(await run(() => {}), [3, "second"]);
      assert.deepEqual(await run(other), [3, "first/after/same_0000"]);
      assert.deepEqual(await storage.listTasks("test"), [
        "first",
        "first/after/same_0000",
        "second",
        "second/before/double_0000",
      ]);
    });
  });
}

function testRemovals(name: string, make: MakePlanned): void {
  describe(`${name} with nodes removed`, () => {
    it("runs all but these, which may read one another", async () => {
      const { plugin, ran } = observer();
      const a = nodes.give(1).setName("a");
      const b = nodes.fail(1, a).setName("b");
      nodes.sum(b, nodes.fail(2, b).setName("c")).setName("d");
      const tape = new nodes.Tape(a).setName("tape");
      tape.say(tape.fail().setName("fail")).setName("say");
      const wf = make(nodes.sum(a, 1).setName("sum"), { plugins: [plugin] });
      const query = wf.query("[bcd]|tape|fail|say").remove();
      assert.deepEqual(query.names, []);
      assert.deepEqual(wf.findNodes(), ["a", "sum"]);
      assert.equal(await wf.run(), 2);
      assert.deepEqual(ran, ["a", "sum"]);
      assert.throws(() => query.collapse("g"), { name: "GraphError", reason: "no-match" });
    });
  });
}

function testGroups(name: string, make: MakePlanned): void {
  describe(`${name} with groups`, () => {
    const file = useFolder();

    it("runs one node in the place of several", async () => {
      const a = nodes.give(1).setName("a");
      const b = nodes.sum(a, 1).setName("b");
      const c = nodes.wait(1, b).setName("c");
      const target = nodes.sum(c, a).setName("target");
      const { plugin, ran } = observer();
      const wf = make(target, { plugins: [plugin] });
      const query = wf.query("b|c").collapse("both");
      assert.deepEqual(query.names, ["both"]);
      assert.deepEqual(wf.findNodes(), ["a", "both", "target"]);
      assert.equal(await wf.run(), 3);
      assert.deepEqual(ran, ["a", "both", "target"]);
    });

    it("gives a record of the values that are read from outside, and to targets what they ask for", async () => {
      const storage = new MemoryStorage();
      const a = nodes.give({ x: [1, 2] }).setName("a");
      const b = nodes.sum(a.x[0], a.x[1]).setName("b");
      const targets = [a.x[1], b, nodes.give([a, b]).setName("c")];
      const wf = make(targets, { storage });
      wf.query("a|b").collapse("both");
      assert.deepEqual(await wf.run(), [2, 3, [{ x: [1, 2] }, 3]]);
      assert.deepEqual(await storage.readTask("test", "both"), { a: { x: [1, 2] }, b: 3 });
    });

    it("gives the value that nobody reads, if there is no other", async () => {
      const storage = new MemoryStorage();
      const a = nodes.give(1).setName("a");
      nodes.sum(nodes.sum(a, 1).setName("b"), 1).setName("c");
      const wf = make(a, { storage });
      wf.query("b|c").collapse("both");
      assert.equal(await wf.run(), 1);
      assert.equal(await storage.readTask("test", "both"), 3);
    });

    it("may have instances with all their calls, and groups", async () => {
      const tape = new nodes.Tape(nodes.give("a")).setName("tape");
      tape.sayLater("b").setName("say b");
      const said = tape.say(nodes.give("c").setName("c")).setName("say c");
      const all = tape.all().setName("all");
      const wf = make([all, said]);
      wf.query("tape|say b|say c|all").collapse("tape");
      wf.query("c|tape").collapse("more").insertBefore(same);
      assert.deepEqual(await wf.run(), [["a", "b", "c"], 3]);
      wf.query("give_.*|more.*").collapse("everything");
      assert.deepEqual(wf.findNodes(), ["everything"]);
      assert.deepEqual(await wf.run(), [["a", "b", "c"], 3]);
    });

    it("keeps plugins of its nodes, and has its own", async () => {
      const [a, b] = ["a", "b"].map((name) => nodes.trace().setName(name));
      const wf = make([nodes.give([a, b]).setName("c")]);
      wf.setPlugin("a", nodes.mark({ mark: "own" }));
      wf.setPlugin("b", nodes.deeper);
      wf.query("a|b|c").collapse("group").setPlugin(nodes.mark({ mark: "all" }));
      assert.deepEqual(await wf.run(), [[[2, "all:group", "own:a"], [2, "all:group"]]]);
      // What prepares all nodes prepares each of them, and not the group once more.
      const each = make(nodes.give([a]).setName("d"), { plugins: [nodes.mark({ mark: "each" })] });
      each.query("a|d").collapse("group");
      assert.deepEqual(await each.run(), [[1, "each:a"]]);
    });

    it("is watched by whoever watched one of its nodes", async () => {
      const { plugin, ran } = observer();
      const a = nodes.give(1).setName("a");
      const wf = make(nodes.sum(nodes.sum(a, 1).setName("b"), 1).setName("c"));
      wf.query("a").setPlugin(plugin);
      wf.query("a|b").collapse("group");
      await wf.run();
      assert.deepEqual(ran, ["group"]);
    });

    it("draws the random numbers that its nodes would draw", async () => {
      const draw = async (prepare: (wf: Planned) => void) => {
        const [a, b] = ["a", "b"].map((name) => nodes.draw(2).setName(name));
        const wf = make(nodes.give([a, b]).setName("c"), { plugins: [randomState({ seed: 7 })] });
        prepare(wf);
        return await wf.run();
      };
      const plain = await draw(() => {});
      assert.deepEqual(await draw((wf) => wf.query().collapse("all")), plain);
      assert.deepEqual(await draw((wf) => wf.query("a").insertAfter(same)), plain);
    });

    it("leaves the seeds that are counted to the nodes that would have them", async () => {
      const list = Array.from({ length: 4 }, (_, i) => nodes.trace().setName(`t${i}`));
      const all = nodes.give([list[2], list[0]]).setName("all");
      const wf = make([all, ...list], { plugins: [nodes.seeds] });
      const plain = await wf.run();
      wf.query("all|t2|t0").collapse("group");
      wf.query("t1").insertAfter(same);
      assert.deepEqual(await wf.run(), plain);
    });

    it("leaves no environment behind when its time is up", async () => {
      const slow = nodes.wait(5_000, 1).setName("slow");
      const wf = make([nodes.sum(slow, 1).setName("sum"), nodes.trace().setName("trace")], {
        onFailure: "continue",
        plugins: [{
          name: "observer",
          options: undefined,
          hooks: { onNodeEnd: ({ name }) => void ended.push(name) },
        }],
      });
      const ended: string[] = [];
      wf.query("slow").setPlugin(nodes.mark({ mark: "slow" }));
      wf.query("slow|sum").collapse("group").setRemoteArgs({ timeoutMs: 50 });
      await failure(wf.run());
      assert.deepEqual(ended, ["trace"]);
      const after = make([nodes.trace(), nodes.trace()]);
      assert.deepEqual(await after.run(), [[0], [0]]);
    });

    it("runs replaced functions", async () => {
      const one = nodes.give(1).setName("one");
      const wf = make(nodes.sum(one, 1).setName("sum"));
      wf.query("one").replaceFunction(double);
      wf.query().collapse("all");
      assert.equal(await wf.run(), 3);
    });

    it("says which of its nodes failed, with what that threw", async () => {
      const a = nodes.give(1).setName("a");
      const bad = nodes.fail(nodes.give(11)).setName("bad");
      const wf = make(nodes.sum(a, bad, nodes.wait(1, bad).setName("last")).setName("sum"));
      wf.query("bad|last").collapse("inner");
      wf.query("a|inner|sum").collapse("outer");
      const error = await failure(wf.run());
      assert.deepEqual([error.nodeName, error.phase], ["outer", "run"]);
      assert.match(
        error.message,
        /"outer".*"inner".*"bad" \(fail, defined at .*RangeError: no such digit: 11/,
      );
      const inner = error.cause as NodeError;
      assert.ok(isFuseError(inner, "NodeError"));
      assert.equal(inner.nodeName, "inner");
      assert.ok(isFuseError(inner.cause, "NodeError"));
      assert.equal(inner.cause.nodeName, "bad");
      assert.ok(inner.cause.cause instanceof RangeError);
      assert.equal((inner.cause.cause as nodes.DigitError).digit, 11);
    });

    it("says which of its nodes could not read its arguments, or be prepared", async () => {
      const nothing = nodes.give({} as { inner: { x: number } }).setName("nothing");
      const unread = make(nodes.sum(nothing.inner.x, 1).setName("sum"));
      unread.query().collapse("all");
      const error = await failure(unread.run());
      assert.deepEqual([error.nodeName, error.phase], ["all", "arguments"]);
      assert.match(error.message, /"sum".*nothing\["inner"\], which gave undefined/);

      const unprepared = make(nodes.sum(nodes.give(1), 1).setName("sum"));
      unprepared.query("sum").setPlugin(nodes.failing());
      unprepared.query().collapse("all");
      const { phase, cause } = await failure(unprepared.run());
      assert.equal(phase, "initialize");
      assert.equal((cause as NodeError).nodeName, "sum");
    });

    it("has retries and a time limit of its own, and is not run on when its time is up", async () => {
      const path = file("flaky");
      const flaky = nodes.flaky(path, 2, "throw").setName("flaky");
      const again = make(nodes.sum(flaky, 1));
      again.query("flaky").setRemoteArgs({ maxRetries: 5 });
      again.query().collapse("group");
      await failure(again.run());
      again.query("group").setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
      assert.equal(await again.run(), 3);

      const noted = file("noted");
      const late = nodes.note(noted, "x", nodes.wait(300).setName("wait")).setName("note");
      const slow = make(late);
      slow.query("wait|note").collapse("group").setRemoteArgs({ timeoutMs: 100 });
      const error = await failure(slow.run());
      assert.deepEqual([error.nodeName, error.phase], ["group", "timeout"]);
      await new Promise((done) => setTimeout(done, 400));
      assert.throws(() => readFileSync(noted), { code: "ENOENT" });
    });

    it("tells a node that listens that its time is up", async () => {
      const path = file("listen");
      const wf = make(nodes.sum(nodes.wait(1, 1), nodes.listen(path) as never));
      wf.query().collapse("group").setRemoteArgs({ timeoutMs: 300 });
      await failure(wf.run());
      assert.equal(readFileSync(path, "utf8"), "started ended by TimeoutError");
    });

    it("needs the most of each resource that one of its nodes needs", () => {
      const a = nodes.give(1).setName("a");
      const wf = make(nodes.sum(a, 1).setName("b"));
      wf.query("a").setRemoteArgs({ resources: { _x: 2 }, memory: 10, timeoutMs: 5 });
      wf.query("b").setRemoteArgs({ resources: { _x: 1, _y: 3 }, numCpus: 0.5 });
      wf.query().collapse("group");
      const { nodes: [group], settings } = graphOf(wf);
      assert.deepEqual(settings.get(group)!.policy, {
        maxRetries: 0,
        retryDelayMs: 100,
        timeoutMs: Infinity,
        remoteArgs: { numCpus: 1, numGpus: 0, memory: 10, resources: { _x: 2, _y: 3 } },
      });
    });

    it("calls functions that are arguments, and keeps the class of values", async () => {
      const model = nodes.fit(2).setName("model");
      const wf = make([nodes.predict(model, 4), nodes.call((x) => x + 1, 1)], { onWarning() {} });
      wf.query("model|predict.*").collapse("one");
      wf.query("call.*").collapse("other");
      assert.deepEqual(await wf.run(), [8, 2]);
    });
  });
}

/** A graph whose arguments and edits change from one run to the next. */
interface EditedHistory {
  readonly nodes: readonly { readonly parents: readonly number[]; readonly isCall: boolean }[];
  readonly target: number;
  readonly versions: readonly { readonly salts: readonly number[]; readonly edits: EditDraft[] }[];
}

function randomHistory(): fc.Arbitrary<EditedHistory> {
  const node = fc.record({ isCall: fc.boolean(), picks: fc.array(fc.nat(), { maxLength: 3 }) });
  return fc.array(node, { minLength: 2, maxLength: 10 }).chain((drafts) =>
    fc.record({
      nodes: fc.constant(drafts.map(({ isCall, picks }, at) => ({
        isCall: at > 0 && isCall,
        parents: at === 0 ? [] : picks.map((pick) => pick % at),
      }))),
      target: fc.nat({ max: drafts.length - 1 }),
      versions: fc.array(
        fc.record({
          salts: fc.array(fc.nat({ max: 2 }), {
            minLength: drafts.length,
            maxLength: drafts.length,
          }),
          edits: randomEdits(),
        }),
        { minLength: 2, maxLength: 5 },
      ),
    })
  );
}

/** The graph of a version, and what it gives. */
function buildVersion({ nodes, target }: EditedHistory, salts: readonly number[]) {
  const made: Node<number>[] = [];
  const values: number[] = [];
  let tally: InstanceType<typeof Tally> | undefined;
  let plain: PlainTally | undefined;
  nodes.forEach(({ isCall, parents }, at) => {
    const reads = parents.map((parent) => made[parent]);
    const read = parents.map((parent) => values[parent]);
    if (isCall) {
      tally ??= new Tally(1, made[0]).setName("tally") as never;
      plain ??= new PlainTally(1, values[0]);
    }
    const node = isCall ? tally!.add(salts[at], ...reads) : mix(salts[at], { values: reads });
    made.push((node as Node<number>).setName(`n${at}`));
    values.push(isCall ? plain!.add(salts[at], ...read) : mixed(salts[at], read));
  });
  return { target: made[target], expected: values[target] };
}

function testStoredGroups(name: string, make: MakePlanned, { numRuns }: EditTraits): void {
  describe(`${name} with stored groups`, () => {
    it("uses stored values just when running would give the same, whatever was edited before", async () => {
      await fc.assert(
        fc.asyncProperty(randomHistory(), async (history) => {
          const storage = new MemoryStorage();
          for (const { salts, edits } of history.versions) {
            for (const isAgain of [false, true]) {
              const { plugin, ran } = observer();
              const { target, expected } = buildVersion(history, salts);
              const wf = make(target, { storage, plugins: [plugin] });
              for (const [at, draft] of edits.entries()) edit(wf, draft, at);
              assert.equal(await wf.run(), expected);
              // Nothing but an instance of which no call is left, which can't be stored.
              if (isAgain) assert.deepEqual(ran.filter((name) => name !== "tally"), []);
            }
          }
        }),
        { numRuns: Math.ceil(numRuns / 3) },
      );
    });

    const storage = new MemoryStorage();
    const run = async (
      { start = 1, step = 1, prepare = (wf: Planned): unknown => wf.query("b|c").collapse("both") },
    ) => {
      const { plugin, ran, reasons } = observer();
      const a = nodes.give(start).setName("a");
      const b = nodes.sum(a, step).setName("b");
      const c = nodes.sum(a, b).setName("c");
      const wf = make(nodes.sum(c, 1).setName("d"), { storage, plugins: [plugin] });
      prepare(wf);
      const planned = (await wf.plan()).filter(({ action }) => action === "run");
      const value = await wf.run();
      return { value, ran, reasons, planned };
    };

    it("uses their values again, and says what has changed when it does not", async () => {
      assert.deepEqual((await run({})).ran, ["a", "both", "d"]);
      assert.deepEqual(await storage.listTasks("test"), ["a", "both", "d"]);
      assert.deepEqual((await run({})).ran, []);

      const stepped = await run({ step: 2 });
      assert.deepEqual([stepped.value, stepped.ran], [5, ["both", "d"]]);
      assert.equal(stepped.reasons.get("both"), 'argument 2 of "b" changed');
      assert.deepEqual(stepped.planned.map(({ name }) => name), ["both", "d"]);

      const started = await run({ step: 2, start: 5 });
      assert.match(started.reasons.get("both")!, /the value of "a" changed/);
      assert.equal(started.value, 13);
    });

    it("knows a group by what it does, not by its name alone", async () => {
      await run({ start: 5 });
      const replaced = await run({
        start: 5,
        prepare(wf) {
          wf.query("b").replaceFunction(double);
          wf.query("b|c").collapse("both");
        },
      });
      assert.deepEqual([replaced.value, replaced.ran], [16, ["both", "d"]]);
      assert.match(replaced.reasons.get("both")!, /double is new|double changed/);

      const seeded = await run({
        start: 5,
        prepare(wf) {
          wf.query("b").setPlugin(randomState({ seed: 1 }));
          wf.query("b|c").collapse("both");
        },
      });
      assert.match(seeded.reasons.get("both")!, /plugin randomState of "b" is new|double/);

      // The value is the same, whoever makes it, so what reads it does not run.
      await run({});
      const other = await run({ prepare: (wf) => wf.query("a|b|c").collapse("three") });
      assert.deepEqual(other.ran, ["three"]);
    });

    it("is made again where other values are asked of it", async () => {
      const storage = new MemoryStorage();
      const run = async (isAll: boolean) => {
        const { plugin, ran } = observer();
        const a = nodes.give(1).setName("a");
        const b = nodes.sum(a, 1).setName("b");
        const wf = make(isAll ? [a, b] : [b], { storage, plugins: [plugin] });
        wf.query().collapse("group");
        return [await wf.run(), ...ran];
      };
      assert.deepEqual(await run(false), [[2], "group"]);
      assert.deepEqual(await run(true), [[1, 2], "group"]);
      assert.deepEqual(await run(true), [[1, 2]]);
      assert.deepEqual(await run(false), [[2], "group"]);
    });

    it("is not stored where a value that it gives was not to be", async () => {
      const storage = new MemoryStorage();
      const a = nodes.give(1).setName("a");
      const wf = make(nodes.sum(nodes.sum(a, 1).setName("b"), 1).setName("c"), { storage });
      wf.query("a").setStored(false);
      wf.query("a|b").collapse("group");
      assert.equal(await wf.run(), 3);
      assert.deepEqual(await storage.listTasks("test"), ["c", "group"]);
      const other = make(nodes.sum(a, 1), { storage: new MemoryStorage() });
      other.query("a").setStored(false).collapse("alone");
      assert.equal(await other.run(), 2);
      assert.equal(graphOf(other).settings.get(graphOf(other).nodes[0])!.isStored, false);
    });

    it("keeps a journal that speaks of the group", async () => {
      await run({ start: 9 });
      const id = (await storage.listRuns("test")).at(-1)!;
      const lines = (await storage.readJournal("test", id))!.trimEnd().split("\n");
      const entries = lines.map((line): Record<string, unknown> => JSON.parse(line));
      assert.deepEqual(
        entries.filter(({ event }) => event === "node").map(({ node, definition }) => [
          node,
          definition,
        ]),
        [["a", "give"], ["both", "group of 2 nodes"], ["d", "sum"]],
      );
    });
  });
}

function testRefusals(name: string, make: MakePlanned): void {
  const build = () => {
    const a = nodes.give(1).setName("a");
    const b = nodes.sum(a, 1).setName("b");
    const c = nodes.sum(b, 1).setName("c");
    const d = nodes.sum(a, c).setName("d");
    const tape = new nodes.Tape(a).setName("tape");
    const one = tape.say(1).setName("tape.one");
    const two = tape.say(c).setName("tape.two");
    nodes.give("end", one).setName("end");
    return make([d, two]);
  };
  const cases: [
    what: string,
    edit: (wf: Planned) => unknown,
    reason: GraphReason,
    names: string[],
    text: RegExp,
  ][] = [
    ...(["insertBefore", "insertAfter", "replaceFunction"] as const).map((
      method,
    ): typeof cases[number] => [
      `${method} of nothing`,
      (wf) => wf.query("x.*")[method](same),
      "no-match",
      [],
      /no node's whole name matches "x\.\*"\. There are a, /,
    ]),
    ["a group of nothing", (wf) => wf.query("x").collapse("g"), "no-match", [], /matches "x"/],
    ["the removal of nothing", (wf) => wf.query("x").remove(), "no-match", [], /matches "x"/],
    [
      "nodes before one that reads none",
      (wf) => wf.query("a").insertBefore(same),
      "no-value",
      ["a"],
      /before "a", as it reads no value/,
    ],
    [
      "a node after an instance",
      (wf) => wf.query("a|tape").insertAfter(same),
      "no-value",
      ["tape"],
      /after "tape", as an instance is no value/,
    ],
    [
      "a group of a name that is taken",
      (wf) => wf.query("b|c").collapse("d"),
      "duplicate-name",
      ["d"],
      /another node has that name/,
    ],
    [
      "a group of nodes that are not connected",
      (wf) => wf.query("b|end").collapse("g"),
      "not-connected",
      ["b", "end"],
      /"b"; "end"/,
    ],
    [
      "a group that would wait for itself",
      (wf) => wf.query("a|c|d").collapse("g"),
      "cycle",
      ["a", "b", "c"],
      /"a" → "b" → "c"/,
    ],
    [
      "a group of some calls of an instance",
      (wf) => wf.query("tape|tape.one|end").collapse("g"),
      "split-class",
      ["tape.two"],
      /"tape" and "tape.one" would be in the group, and "tape.two" would not/,
    ],
    [
      "the removal of what others read",
      (wf) => wf.query("a|b").remove(),
      "still-used",
      ["a", "b"],
      /"a" is read by "d"[^]*"b" is read by "c"/,
    ],
    [
      "the removal of a target",
      (wf) => wf.query("d").remove(),
      "still-used",
      ["d"],
      /"d" is a target/,
    ],
    [
      "the removal of an instance whose calls stay",
      (wf) => wf.query("tape").remove(),
      "still-used",
      ["tape"],
      /"tape" is the instance that "tape.one" is a call of/,
    ],
    [
      "the removal of a call before others",
      (wf) => wf.query("tape.one|end").remove(),
      "still-used",
      ["tape.one"],
      /"tape.one" comes before "tape.two", a call of the same instance/,
    ],
  ];

  describe(`${name} refuses`, () => {
    for (const [what, edit, reason, names, text] of cases) {
      it(what, () => {
        const wf = build();
        const graph = graphOf(wf);
        assert.throws(() => edit(wf), (error) => {
          assert.ok(isFuseError(error, "GraphError"), String(error));
          assert.match(error.message, text);
          assert.deepEqual([error.reason, [...error.nodes].sort()], [reason, names]);
          return true;
        });
        assert.equal(graphOf(wf), graph, "nothing has changed");
      });
    }

    it("what is no plain function, and what can't be a name", () => {
      const wf = build();
      const wrong: [unknown, RegExp][] = [
        [undefined, /'fn' must be a function: current value is undefined/],
        [nodes.give, /"give" is a workflow function/],
        [class Wrong {}, /"Wrong" is a class/],
        [function* wrong() {}, /"wrong" is a generator/],
        [(() => function* () {})(), /as 'fn' is a generator/],
      ];
      for (const [value, text] of wrong) {
        for (const method of ["insertBefore", "insertAfter", "replaceFunction"] as const) {
          const edit = () => wf.query("b")[method](value as never);
          assert.throws(edit, { name: "TypeError", message: text });
        }
      }
      for (const value of [undefined, "", 5, "\ud800"]) {
        const edit = () => wf.query("b").collapse(value as never);
        assert.throws(edit, { name: "TypeError", message: /'name' must be/ });
      }
      assert.throws(() => wf.query("tape.*").replaceFunction(same), /constructor of a class/);
      wf.query("b|c").collapse("g");
      assert.throws(() => wf.query("g").replaceFunction(same), /"g", as it is a group of 2 nodes/);
    });

    it("to use a query of nodes that are gone, and goes on with one of those that are not", async () => {
      const wf = build();
      const queries: Query[] = ["b", "end", "d", ".*"].map((name) => wf.query(name));
      const [b, end, d, all] = queries;
      wf.query("b|c").collapse("g");
      wf.query("end").remove();
      assert.throws(() => b.setStored(false), /"b" is not in the graph any more.*part of "g"/);
      assert.throws(() => end.names, /"end" is not in the graph any more: it was removed/);
      assert.throws(() => all.insertAfter(same), { name: "GraphError", reason: "edited" });
      assert.deepEqual(d.insertAfter(increment).names, ["d"]);
      assert.deepEqual(await wf.run(), [5, 3]);
      assert.deepEqual(wf.query("g").setStored(false).names, ["g"]);
      assert.throws(() => wf.query("g").nodes, { name: "GraphError", reason: "edited" });
      assert.equal((wf.query("d").nodes as Node<unknown>[]).length, 1);
    });
  });
}
