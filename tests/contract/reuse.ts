/** When stored values are used again: laws on random histories, and what the run says. Called for each backend. */

import fc from "fast-check";
import { type BackendOptions, definePlugin, type Node, type NodePlan } from "functionfuse";
import { randomState } from "functionfuse/plugins";
import { MemoryStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keep, mix, mixed, PlainTally, Tally } from "../support/reuse_nodes.ts";
import type { MakeBackend, TestedBackend } from "./backend.ts";

/** One node of a random graph: a function's, or a call on the instance. */
interface NodeDraft {
  readonly isCall: boolean;
  readonly parents: readonly number[];
  readonly salt: number;
  readonly isStored: boolean;
}

/** One version of a workflow whose graph stays while arguments change. */
interface Version {
  readonly salts: readonly number[];
  readonly removed: readonly number[];
  readonly rerun: number;
}

interface History {
  readonly nodes: readonly NodeDraft[];
  readonly targets: readonly number[];
  /** The node that the instance's constructor reads; it comes before all calls. */
  readonly versions: readonly Version[];
}

function randomHistory(): fc.Arbitrary<History> {
  const node = fc.record({
    isCall: fc.boolean(),
    picks: fc.array(fc.nat(), { maxLength: 3 }),
    salt: fc.nat({ max: 3 }),
    isStored: fc.integer({ min: 0, max: 6 }).map((n) => n > 0),
  });
  return fc.array(node, { minLength: 2, maxLength: 14 }).chain((drafts) => {
    const index = fc.nat({ max: drafts.length - 1 });
    return fc.record({
      nodes: fc.constant(drafts.map(({ picks, ...draft }, at) => ({
        ...draft,
        // The constructor reads the first node.
        isCall: at > 0 && draft.isCall,
        parents: at === 0 ? [] : picks.map((pick) => pick % at),
      }))),
      targets: fc.uniqueArray(index, { minLength: 1, maxLength: 3 }),
      versions: fc.array(
        fc.record({
          salts: fc.array(fc.oneof({ weight: 5, arbitrary: fc.constant(-1) }, fc.nat({ max: 3 })), {
            minLength: drafts.length,
            maxLength: drafts.length,
          }),
          removed: fc.array(index, { maxLength: 1 }),
          rerun: fc.integer({ min: -8, max: drafts.length - 1 }),
        }),
        { minLength: 2, maxLength: 5 },
      ),
    });
  });
}

/** The graph of a version, made by calls as a user makes it. */
function build({ nodes, targets }: History, salts: readonly number[]) {
  const made: Node<number>[] = [];
  let tally: InstanceType<typeof Tally> | undefined;
  nodes.forEach(({ isCall, parents }, at) => {
    const values = parents.map((parent) => made[parent]);
    if (isCall) tally ??= new Tally(1, made[0]).setName("tally") as never;
    const node = isCall ? tally!.add(salts[at], ...values) : mix(salts[at], { values });
    made.push((node as Node<number>).setName(`n${at}`));
  });
  return targets.map((target) => made[target]);
}

interface Kept {
  readonly own: string;
  readonly parents: string;
  readonly value: number;
}

/** The rule written down once more, as simply as can be: knowing all values, which nodes must run and which be read. */
class Oracle {
  readonly #kept = new Map<string, Kept>();

  constructor(readonly history: History) {}

  remove(name: string): void {
    this.#kept.delete(name);
  }

  next(salts: readonly number[], present: ReadonlySet<string>, rerun: string | undefined) {
    const { nodes, targets } = this.history;
    const values: number[] = [];
    const identities: string[] = [];
    const runs = new Set<number>();
    const calls: number[] = [];
    let tally: PlainTally | undefined;
    let state = "";
    nodes.forEach(({ isCall, parents, isStored }, at) => {
      const read = parents.map((parent) => values[parent]);
      if (isCall && !tally) {
        tally = new PlainTally(1, values[0]);
        state = `tally(${identities[0]})`;
      }
      values[at] = isCall ? tally!.add(salts[at], ...read) : mixed(salts[at], read);
      const own = `${isCall} ${salts[at]}`;
      const from = parents.map((parent) => identities[parent]).join() + (isCall ? state : "");
      const made = `${own}(${from})`;
      if (isCall) state = made;
      identities[at] = isStored ? `= ${values[at]}` : made;
      if (!present.has(`n${at}`)) return;
      const kept = this.#kept.get(`n${at}`);
      const isRight = isStored && kept?.own === own && kept.parents === from && rerun !== `n${at}`;
      if (isCall) calls.push(at);
      if (!isRight) {
        runs.add(at);
        // What the instance is depends on all earlier calls.
        if (isCall) { for (const call of calls) runs.add(call); }
      }
      if (isStored && !isRight) this.#kept.set(`n${at}`, { own, parents: from, value: values[at] });
    });
    const reads = new Set<number>();
    const need = (at: number) => !runs.has(at) && reads.add(at);
    targets.forEach(need);
    for (const at of runs) nodes[at].parents.forEach(need);
    // An instance of which no call is there is made for what its constructor does.
    const isMade = calls.length === 0 ? present.has("tally") : calls.some((call) => runs.has(call));
    if (isMade) need(0);
    return { values: targets.map((target) => values[target]), runs, reads };
  }
}

/** A backend with what it tells. */
interface PlannedBackend extends TestedBackend {
  plan(): Promise<NodePlan[]>;
}

/** Makes a backend that can plan. */
export type MakePlanned = (...parameters: Parameters<MakeBackend>) => PlannedBackend;

function observer() {
  const ran: string[] = [];
  const read: string[] = [];
  const reasons = new Map<string, string>();
  const plugin = definePlugin("observer", () => ({
    onNodeEnd({ name }, { isStored, reason }) {
      (isStored ? read : ran).push(name);
      if (reason !== undefined) reasons.set(name, reason);
    },
  }))();
  return { plugin, ran, read, reasons };
}

const namesOf = (nodes: Iterable<number>) => [...nodes].map((at) => `n${at}`).sort();

/** Runs the suite for a backend. */
export function testReuse(name: string, make: MakePlanned, numRuns = 200): void {
  describe(`${name} uses stored values again`, () => {
    it("just when running would give the same, and reads only what is needed, whatever happens", async () => {
      await fc.assert(
        fc.asyncProperty(randomHistory(), async (history) => {
          const storage = new MemoryStorage();
          const oracle = new Oracle(history);
          const salts = history.nodes.map(({ salt }) => salt);
          for (const version of history.versions) {
            version.salts.forEach((salt, at) => salt >= 0 && (salts[at] = salt));
            for (const at of version.removed) {
              await storage.removeTask("test", { taskName: `n${at}` });
              oracle.remove(`n${at}`);
            }
            const rerun = version.rerun < 0 ? undefined : `n${version.rerun}`;
            const { plugin, ran, read } = observer();
            const options: Partial<BackendOptions> = {
              storage,
              plugins: [plugin],
              ...(rerun !== undefined && { rerun }),
            };
            const wf = make(build(history, salts), options);
            const present = new Set(wf.findNodes());
            history.nodes.forEach(({ isStored }, at) => {
              if (!isStored && present.has(`n${at}`)) wf.query(`n${at}`).setStored(false);
            });
            const planned = await wf.plan();
            const values = await wf.run();
            const expected = oracle.next(salts, present, rerun);
            assert.deepEqual(values, expected.values);
            const isNode = (name: string) => name !== "tally";
            assert.deepEqual(ran.filter(isNode).sort(), namesOf(expected.runs));
            // A call's value may be read before it turns out that a later call of its instance has to run.
            const onlyRead = new Set(read).difference(new Set(ran));
            assert.deepEqual([...onlyRead].sort(), namesOf(expected.reads));
            // The plan names all that ran, and all of which it was certain did.
            const certain = planned.filter(({ isCertain }) => isCertain).map(({ name }) => name);
            assert.ok(certain.every((name) => ran.includes(name)), `${certain} of ${ran}`);
            const possible = planned.filter(({ action }) => action === "run").map((p) => p.name);
            assert.ok(ran.every((name) => possible.includes(name)), `${ran} of ${possible}`);
          }
        }),
        { numRuns },
      );
    });

    it("when a function was replaced, and says so", async () => {
      const storage = new MemoryStorage();
      const build = () => keep(keep({ n: 1 }).setName("first")).setName("second");
      const run = async (replace: boolean) => {
        const { plugin, ran, reasons } = observer();
        const wf = make(build(), { storage, plugins: [plugin] });
        if (replace) {
          wf.query("first").replaceFunction((value: { n: number }) => ({ n: value.n + 1 }));
        }
        return { value: await wf.run(), ran, reasons };
      };
      assert.deepEqual((await run(false)).value, { n: 1 });
      const { value, ran, reasons } = await run(true);
      assert.deepEqual([value, ran], [{ n: 2 }, ["first", "second"]]);
      assert.match(reasons.get("second")!, /value of "first" changed/);
      assert.deepEqual((await run(true)).ran, []);
    });

    it("but not with another plugin or other options, which it names", async () => {
      const storage = new MemoryStorage();
      const run = async (seed?: number) => {
        const { plugin, ran, reasons } = observer();
        const wf = make(keep(1).setName("x"), { storage, plugins: [plugin] });
        if (seed !== undefined) wf.setPlugin("x", randomState({ seed }));
        await wf.run();
        return { ran, reason: reasons.get("x") };
      };
      assert.deepEqual((await run()).ran, ["x"]);
      assert.deepEqual((await run()).ran, []);
      assert.match((await run(1)).reason!, /plugin randomState is new/);
      assert.deepEqual((await run(1)).ran, []);
      assert.match((await run(2)).reason!, /plugin randomState changed/);
    });

    it("but not with other arguments, of any kind, which it names", async () => {
      const storage = new MemoryStorage();
      const run = async (value: unknown) => {
        const { plugin, ran, reasons } = observer();
        const wf = make(keep(value).setName("x"), { storage, plugins: [plugin] });
        await wf.run();
        return ran.length > 0 ? reasons.get("x") : "reused";
      };
      const values = [
        1,
        "1",
        0,
        -0,
        NaN,
        null,
        undefined,
        true,
        "true",
        1n,
        [],
        {},
        [1],
        [[1]],
        { a: 1, b: 2 },
        new Map([["a", 1]]),
        new Set([1]),
        new Date(1),
        /a/g,
        new Uint8Array([1]),
        new Int8Array([1]),
        new Float64Array(1_000),
        "x".repeat(10_000),
      ];
      await run("something else");
      for (const value of values) {
        assert.equal(await run(value), "argument 1 changed");
        assert.equal(await run(structuredClone(value)), "reused");
      }
    });

    it("by name alone, if that is wanted", async () => {
      const storage = new MemoryStorage();
      const run = (value: number) =>
        make(keep(value).setName("x"), { storage, reuse: "name" }).run();
      assert.deepEqual([await run(1), await run(2)], [1, 1]);
      await storage.removeTask("test", { taskName: "x" });
      assert.equal(await run(2), 2);
    });

    it("never of a value that does not say what it was made from", async () => {
      const storage = new MemoryStorage();
      await storage.save("test", "x", "by hand");
      const { plugin, reasons } = observer();
      assert.equal(
        await make(keep("made").setName("x"), { storage, plugins: [plugin] }).run(),
        "made",
      );
      assert.match(reasons.get("x")!, /does not say what it was made from/);
    });

    it("and keeps a journal of each run, without values", async () => {
      const storage = new MemoryStorage();
      const secret = "hunter2 is a secret";
      const target = keep([keep(secret).setName("a")]).setName("b");
      await make(target, { storage }).run();
      await make(target, { storage, rerun: "a" }).run();
      const runs = await storage.listRuns("test");
      assert.equal(runs.length, 2);
      const [first, second] = await Promise.all(
        runs.map(async (run) => (await storage.readJournal("test", run))!),
      );
      assert.ok(!(first + second).includes("hunter2"));
      const parse = (text: string) =>
        text.trimEnd().split("\n").map((line): Record<string, unknown> => JSON.parse(line));
      assert.deepEqual(parse(first).map(({ event }) => event), ["start", "node", "node", "end"]);
      const [start, a, b, end] = parse(second);
      assert.deepEqual([start.event, start.run, start.toRun], ["start", runs[1], 2]);
      assert.deepEqual([a.node, a.reuse, a.reason], ["a", "ran", "it was asked to"]);
      assert.ok(Number(a.bytes) > 0 && typeof a.worker === "string");
      assert.ok(Date.parse(String(a.start)) <= Date.parse(String(a.end)));
      assert.deepEqual([b.node, b.reuse], ["b", "stored"]);
      assert.deepEqual([end.ran, end.read, end.reused], [1, 1, 1]);
    });
  });
}
