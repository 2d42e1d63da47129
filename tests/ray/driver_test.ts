import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { rebuildThrown } from "../../core/thrown.ts";
import { RayCluster, until } from "../support/ray_cluster.ts";
import { DirectDriver, skipDirect } from "../support/ray_direct.ts";
import { Read, Tasks } from "../support/ray_tasks.ts";

// 8 MB: shared between processes where that is possible.
const LARGE = 1 << 20;
const LONGEST_MS = 15_000;

describe("The driver and the workers of a run on Ray", { skip: skipDirect() }, () => {
  let cluster: RayCluster;
  let driver: DirectDriver;
  let tasks: Tasks;

  const start = async () => {
    driver = await DirectDriver.start(cluster);
    tasks = new Tasks(driver.link);
    await tasks.load();
  };
  before(async () => {
    cluster = await RayCluster.shared();
    await start();
  });
  after(() => driver?.stop());

  const fill = async (length: number, value: number) => {
    const { node, done } = await tasks.run("fill", [length, value]);
    assert.deepEqual(done!.held.map(([held]) => held), [node]);
    return node;
  };
  const drop = (...nodes: number[]) => driver.link.send({ op: "drop", nodes });
  /** Fills the object store several times over, so that memory that was let go of is used again. */
  const churn = async () => {
    for (let round = 0; round < 8; round++) drop(await fill(16 * LARGE, -1));
  };
  const programs = () =>
    cluster.nodes.flatMap((node) => node.processes())
      .filter(({ command }) => command.includes("cluster/node.ts"));

  describe("with tasks", () => {
    it("keep a worker's program warm, and tell where and when each ran", async () => {
      const { done, report } = await tasks.run("give", [{ few: [1, undefined, 2n] }]);
      assert.deepEqual(report!.values, [{ few: [1, undefined, 2n] }]);
      assert.ok(Math.abs(done!.at - Date.now()) < 60_000);
      assert.ok(cluster.nodes.some(({ id }) => id === done!.where.node));
      const pids = new Set<unknown>();
      for (let i = 0; i < 10; i++) pids.add(await tasks.value("pid"));
      assert.ok(pids.size <= 4, `10 tasks ran in ${pids.size} processes`);
    });

    it("tell of a task that takes a while that it has started", async () => {
      const { task, ended } = tasks.start("wait", [1_500]);
      const isTold = () => tasks.started.some((frame) => frame.task === task);
      let isOver = false;
      void ended.then(() => isOver = true);
      await until("the start of a task", LONGEST_MS, isTold);
      assert.equal(isOver, false);
      await ended;
    });

    it("tell what nodes print, and who printed it", async () => {
      const node = (await tasks.run("print", ["two\nlines"])).node;
      const printed = () => tasks.printed.filter(({ text }) => text.startsWith("two\nlines"));
      await until("what a node has printed", LONGEST_MS, () => printed().length === 2);
      // The console and standard output are two ways, either of which may be the faster.
      const told = new Map(printed().map(({ node, text }) => [node, text]));
      const expected = new Map([[node, "two\nlines"], [-1, "two\nlines without the console"]]);
      assert.deepEqual(told, expected);
    });

    it("run a task before the one that it reads has ended", async () => {
      const first = tasks.start("fill", [LARGE, 0.5]);
      assert.equal(await tasks.value("sum", [new Read(first.node)]), LARGE / 2);
    });

    it("refuse options that Ray refuses, and values that are not there", async () => {
      const wrong = await tasks.run("give", [1], { resources: { CPU: 1 } });
      assert.equal(wrong.failed!.kind, "refused");
      assert.match(wrong.failed!.text, /CPU/);
      const missing = await tasks.run("give", [new Read(123_456)]);
      assert.equal(missing.failed!.kind, "lost");
      assert.deepEqual(missing.failed!.lost, [123_456]);
    });

    it("say what can't be looked up, and run what can", async () => {
      await tasks.load((items) =>
        items.map((item) =>
          item.reference.name === "sum"
            ? { ...item, reference: { ...item.reference, digest: "0" } }
            : item.reference.name === "same"
            ? { ...item, reference: { ...item.reference, module: "package:/nowhere.ts" } }
            : item
        )
      );
      const changed = await tasks.run("sum", [new Float64Array(1)]);
      assert.equal(changed.failed!.kind, "code");
      assert.match(changed.failed!.text, /makes another sum in its place/);
      const missing = await tasks.run("same", [1]);
      assert.match(missing.failed!.text, /nowhere\.ts in a worker failed/);
      assert.equal(await tasks.value("give", [5]), 5);
      await tasks.load();
    });
  });

  describe("with values", () => {
    it("leave large ones in the object store, from which readers have them", async () => {
      const node = await fill(LARGE, 0.5);
      assert.equal(await tasks.value("sum", [new Read(node)]), LARGE / 2);
      const copy = await tasks.run("same", [new Read(node)]);
      assert.equal(await tasks.value("sum", [new Read(copy.node)]), LARGE / 2);
      const got = await driver.link.get(node) as { value: Float64Array };
      assert.equal(got.value.length, LARGE);
      assert.equal(got.value.at(-1), 0.5);
      drop(node, copy.node);
      assert.deepEqual(await driver.link.get(node), { lost: [node] });
    });

    it("give what was asked for before it was dropped", async () => {
      const { node, ended } = tasks.start("fill", [LARGE, 0.5]);
      const got = driver.link.get(node);
      drop(node);
      await ended;
      assert.equal((await got as { value: Float64Array }).value.length, LARGE);
    });

    it("stay as they are, whatever their worker makes after them", async () => {
      const lengths = [LARGE, 200_000, 3 * LARGE, 20_000, 2 * LARGE, LARGE];
      const nodes: number[] = [];
      for (const [at, length] of lengths.entries()) nodes.push(await fill(length, at + 1));
      for (const [at, length] of lengths.entries()) {
        assert.equal(await tasks.value("sum", [new Read(nodes[at])]), length * (at + 1));
        const got = await driver.link.get(nodes[at]) as { value: Float64Array };
        assert.ok(got.value.length === length && got.value.every((found) => found === at + 1));
      }
      drop(...nodes);
    });

    it("have several large parts, and small ones between them", async () => {
      const { node } = await tasks.run("pieces", [[LARGE, 3, 200_001, LARGE + 1]]);
      const sums = [LARGE, 6, 600_003, 4 * LARGE + 4];
      assert.deepEqual(await tasks.value("sumPieces", [new Read(node)]), sums);
      const copy = await tasks.run("same", [new Read(node)]);
      assert.deepEqual(await tasks.value("sumPieces", [new Read(copy.node)]), sums);
      drop(node, copy.node);
    });

    it("take those that the host has", async () => {
      const node = driver.link.nextNumber();
      const { encodeValue } = await import("../../backends/ray/cluster/wire.ts");
      const array = new Float64Array(LARGE).fill(2);
      driver.link.send({ op: "put", node }, encodeValue(array));
      assert.equal(await tasks.value("sum", [new Read(node)]), 2 * LARGE);
    });

    it("let a node change only its own copy of what it reads", async () => {
      for (const length of [20_000, LARGE]) {
        const { node } = await tasks.run("fill", [length, 1]);
        assert.equal(await tasks.value("change", [new Read(node)]), length + 60);
        assert.equal(await tasks.value("change", [new Read(node)]), length + 60);
        assert.equal(await tasks.value("sum", [new Read(node)]), length);
      }
    });

    it("are what they were when they were returned", async () => {
      const { node } = await tasks.run("changeLater", [4 * LARGE]);
      assert.equal(await tasks.value("sum", [new Read(node)]), 4 * LARGE);
      drop(node);
    });

    it("free the memory of what is dropped", async () => {
      await churn();
      const spilled = readdirSync(cluster.folder, { recursive: true, encoding: "utf8" })
        .filter((path) => /ray_spilled_objects[^/]*\/./.test(path));
      assert.deepEqual(spilled, []);
    });

    it("keep what an instance has kept, whatever becomes of the value", async () => {
      const { node: actor } = await tasks.run("Keeper");
      for (const [method, value] of [["keep", 1], ["handOver", 2]] as const) {
        const node = await fill(LARGE, value);
        await tasks.value(`Keeper.${method}`, [new Read(node)], { actor });
        drop(node);
      }
      await churn();
      assert.deepEqual(await tasks.value("Keeper.sums", [], { actor }), [LARGE, 2 * LARGE]);
      driver.link.send({ op: "dropActor", actor });
    });

    it("are an instance's own only until it has made them", async () => {
      const { node: actor } = await tasks.run("Keeper");
      const made: number[] = [];
      for (const value of [1, 2, 3]) {
        made.push((await tasks.run("Keeper.make", [2 * LARGE, value], { actor })).node);
      }
      assert.deepEqual(
        await tasks.value("Keeper.sums", [], { actor }),
        [2, 4, 6].map((n) => n * LARGE),
      );
      driver.link.send({ op: "dropActor", actor });
      for (const [at, node] of made.entries()) {
        assert.equal(await tasks.value("sum", [new Read(node)]), 2 * LARGE * (at + 1));
      }
      drop(...made);
    });

    it("say which can't leave their process", async () => {
      for (
        const [name, why] of [["model", /an instance of Keeper/], [
          "memory",
          /could not be/,
        ]] as const
      ) {
        const { node, done, report } = await tasks.run(name);
        const [position, problem] = report!.unsendable!;
        assert.equal(position, 0);
        assert.match(String(problem), why);
        assert.deepEqual(done!.held, []);
        const reader = await tasks.run("give", [new Read(node)]);
        assert.deepEqual(reader.failed!.lost, [node]);
      }
    });
  });

  describe("with tasks that fail", () => {
    it("tell what a node threw, and in doing what", async () => {
      const { failure } = (await tasks.run("fail", ["no digits"])).report!;
      assert.equal(failure!.phase, "run");
      const error = rebuildThrown(failure!.thrown) as Error;
      assert.ok(error instanceof RangeError);
      assert.equal(error.message, "no digits");
    });

    it("tell how a program ended by itself, with its last words, and start another one", async () => {
      const exit = (await tasks.run("exit")).failed!;
      assert.equal(exit.kind, "died");
      assert.equal(exit.exitCode, 3);
      assert.equal(exit.lines.at(-1), "the last words");
      assert.ok(exit.where!.pid > 0);
      const kill = (await tasks.run("kill")).failed!;
      assert.equal(kill.signal, "SIGKILL");
      const { failed: stray, thrown } = await tasks.run("stray");
      assert.equal(stray!.exitCode, 1);
      assert.equal((rebuildThrown(thrown!) as Error).message, "nobody waits for it");
      assert.equal(await tasks.value("give", [5]), 5);
    });

    it("end a node whose time is up: one that listens by itself, others with their program", async () => {
      const listens = await tasks.run("listen", [], { timeoutMs: 300 });
      assert.equal(listens.failed!.kind, "timeout");
      assert.equal(listens.failed!.text, "It took longer than 300 ms.");
      const begun = performance.now();
      const computes = await tasks.run("spin", [60_000], { timeoutMs: 300 });
      assert.equal(computes.failed!.kind, "timeout");
      assert.ok(performance.now() - begun < 10_000);
      assert.equal(await tasks.value("give", [5]), 5);
    });

    it("leave the next task alone where a node ends just when its time is up", async () => {
      const alone = { resources: { _model: 1 } };
      for (let round = 0; round < 30; round++) {
        await tasks.run("wait", [60], { ...alone, timeoutMs: 60 + round % 3 });
        assert.equal(await tasks.value("give", [round], alone), round);
      }
    });

    it("end tasks that are cancelled, whether they run or not", async () => {
      const all = Array.from({ length: 8 }, () => tasks.start("wait", [60_000]));
      await until(
        "the start of a task",
        LONGEST_MS,
        () => all.some(({ task }) => tasks.started.some((frame) => frame.task === task)),
      );
      for (const { task } of all) driver.link.send({ op: "cancel", task });
      for (const { ended } of all) assert.equal((await ended).failed!.kind, "cancelled");
      assert.equal(await tasks.value("give", [5]), 5);
    });

    it("leave workers that die to Ray, as often as it may try", async () => {
      const { failed } = await tasks.run("killWorker", [], { max_retries: 0 });
      assert.equal(failed!.kind, "died");
      assert.match(failed!.text, /^The worker died unexpectedly/);
      const { task, ended } = tasks.start("wait", [2_000, "again"], { max_retries: 1 });
      const isTold = () => tasks.started.find((frame) => frame.task === task);
      await until("the start of a task", LONGEST_MS, () => isTold() !== undefined);
      process.kill(isTold()!.where.pid, "SIGKILL");
      assert.deepEqual((await ended).report!.values, ["again"]);
    });

    it("say which values went with a machine, if Ray can't make them again", async () => {
      const machine = await cluster.addNode({ cpus: 1, resources: { doomed: 1 } });
      const doomed = { resources: { doomed: 0.1 } };
      const { node } = await tasks.run("fill", [LARGE, 1], { ...doomed, max_retries: 0 });
      const kept = await fill(LARGE, 2);
      await machine.kill();
      const { failed } = await tasks.run("give", [[new Read(kept), 1], new Read(node)]);
      assert.equal(failed!.kind, "lost");
      assert.deepEqual(failed!.lost, [node]);
    });
  });

  describe("with actors", () => {
    it("run calls in their order, and stop the one that is cancelled", async () => {
      const { node: actor } = await tasks.run("Keeper");
      const calls = [20, 0, 10].map((ms, value) =>
        tasks.start("Keeper.keep", [new Float64Array([value])], { actor, timeoutMs: ms + 60_000 })
      );
      for (const { ended } of calls) await ended;
      assert.deepEqual(await tasks.value("Keeper.sums", [], { actor }), [0, 1, 2]);
      const { task, ended } = tasks.start("Keeper.wait", [60_000], { actor });
      await until(
        "the start of a call",
        LONGEST_MS,
        () => tasks.started.some((frame) => frame.task === task),
      );
      driver.link.send({ op: "cancel", task });
      assert.equal((await ended).failed!.kind, "cancelled");
      driver.link.send({ op: "dropActor", actor });
    });

    it("say that an instance is gone with its program or its worker", async () => {
      for (const name of ["Keeper.end", "worker"]) {
        const { node: actor, done } = await tasks.run("Keeper");
        if (name === "worker") process.kill(done!.where.pid, "SIGKILL");
        const { failed } = await tasks.run("Keeper.end", [], { actor });
        assert.equal(failed!.kind, "died", name);
        assert.deepEqual(failed!.lost, [actor], name);
        const next = (await tasks.run("Keeper.sums", [], { actor })).failed!;
        assert.deepEqual(next.lost, [actor], name);
        driver.link.send({ op: "dropActor", actor });
        const after = (await tasks.run("Keeper.sums", [], { actor })).failed!;
        assert.equal(after.kind, "lost");
      }
    });
  });

  describe("at the end", () => {
    it("leave nothing behind, whether the host stops the driver or it is killed", async () => {
      for (const isKilled of [true, false]) {
        const busy = [tasks.start("spin", [60_000]), tasks.start("wait", [60_000])];
        await until(
          "the start of a task",
          LONGEST_MS,
          () => busy.some(({ task }) => tasks.started.some((frame) => frame.task === task)),
        );
        assert.ok(programs().length > 0);
        if (isKilled) driver.process.kill("SIGKILL");
        await driver.stop();
        await until("the end of all programs", LONGEST_MS, () => programs().length === 0);
        if (isKilled) await start();
      }
      await start();
    });

    it("say what to do where there is no Deno", async () => {
      await driver.stop();
      const env = { runtime_env: { env_vars: { FUSE_DENO: "/nowhere/deno" } } };
      process.env.RAY_JOB_CONFIG_JSON_ENV_VAR = JSON.stringify(env);
      try {
        await start();
      } finally {
        delete process.env.RAY_JOB_CONFIG_JSON_ENV_VAR;
      }
      const { failed } = await tasks.run("give", [1]);
      assert.equal(failed!.kind, "setup");
      assert.match(
        failed!.text,
        /^FUSE_DENO is "\/nowhere\/deno", and there is no such program on/,
      );
    });
  });
});
