/** What only workers do: resources, ends of workers, timeouts that stop work, references, consoles. */

import { isFuseError, ParallelWorkflow, WorkerPool, workflow } from "functionfuse";
import type { ParallelOptions, Plugin, Target, WorkerError } from "functionfuse";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { failure, useFolder } from "../contract/backend.ts";
import * as nodes from "../support/nodes.ts";

const make = (targets: Target | readonly Target[], options: Partial<ParallelOptions> = {}) =>
  new ParallelWorkflow(targets, { workflowName: "test", workers: 2, ...options });

/** Notes how many nodes run at once. */
function gauge() {
  const running = new Set<string>();
  const state = { most: 0, order: [] as string[] };
  const plugin: Plugin = {
    name: "gauge",
    options: undefined,
    hooks: {
      onNodeStart({ name }) {
        running.add(name);
        state.order.push(name);
        state.most = Math.max(state.most, running.size);
      },
      onNodeEnd: ({ name }) => void running.delete(name),
    },
  };
  return { plugin, state };
}

describe("Resources", () => {
  const many = (count: number, ms = 20) => Array.from({ length: count }, () => nodes.wait(ms));

  it("let as many nodes run at once as there are CPUs", async () => {
    const { plugin, state } = gauge();
    await make(many(15, 60), { workers: 3, plugins: [plugin] }).run();
    // Less only as long as workers are still starting.
    assert.ok(state.most > 1 && state.most <= 3, `${state.most}`);
  });

  it("let only so many nodes run at once as share a resource, also by fractions", async () => {
    for (const [amount, most] of [[1, 1], [0.5, 2], [0.34, 2], [1 / 3, 3]]) {
      const { plugin, state } = gauge();
      const wf = make(many(9, 60), { workers: 4, resources: { _model: 1 }, plugins: [plugin] });
      wf.query().setRemoteArgs({ resources: { _model: amount } });
      await wf.run();
      assert.ok(state.most <= most && state.most >= Math.min(most, 2), `${amount}: ${state.most}`);
    }
  });

  it("let other nodes run while those that share a resource wait", async () => {
    const { plugin, state } = gauge();
    const models = many(4, 60).map((node, i) => node.setName(`model ${i}`));
    const others = many(4, 10).map((node, i) => node.setName(`other ${i}`));
    const wf = make([...models, ...others], {
      workers: 2,
      resources: { _model: 1 },
      plugins: [plugin],
    });
    wf.query("model .").setRemoteArgs({ resources: { _model: 1 } });
    await wf.run();
    assert.ok(state.order.indexOf("other 3") < state.order.indexOf("model 3"), `${state.order}`);
  });

  it("let a node have several CPUs, or less than one", async () => {
    const two = gauge();
    const wide = make(many(4), { workers: 3, plugins: [two.plugin] });
    wide.query().setRemoteArgs({ numCpus: 2 });
    await wide.run();
    assert.equal(two.state.most, 1);

    const half = gauge();
    const narrow = make(many(12, 100), { workers: 2, plugins: [half.plugin] });
    narrow.query().setRemoteArgs({ numCpus: 0.5 });
    await narrow.run();
    assert.ok(half.state.most > 2 && half.state.most <= 4, `${half.state.most}`);
  });

  it("let a node that needs all CPUs have them, however many others wait", async () => {
    const { plugin, state } = gauge();
    const wf = make([...many(30, 5), nodes.wait(1).setName("wide")], { plugins: [plugin] });
    wf.query("wide").setRemoteArgs({ numCpus: 2 });
    await wf.run();
    assert.ok(state.order.indexOf("wide") < 25, `${state.order.indexOf("wide")}`);
  });

  it("refuse what can never be had, before anything runs, naming the node and the total", async () => {
    for (
      const [args, message] of [
        [{ numCpus: 3 }, /"greedy".*3 CPUs.*are 2 in total/],
        [{ numGpus: 1 }, /"greedy".*1 GPUs.*is none/],
        [{ resources: { _model: 1.5 } }, /"greedy".*1\.5 of the resource "_model".*are 1 in total/],
        [{ resources: { disk: 1 } }, /"disk".*is none/],
      ] as const
    ) {
      const { plugin, state } = gauge();
      const targets = [nodes.give(1), nodes.give(2).setName("greedy")];
      const wf = make(targets, { resources: { _model: 1 }, plugins: [plugin] });
      wf.query("greedy").setRemoteArgs(args);
      await assert.rejects(wf.run(), (error) => {
        assert.ok(isFuseError(error, "GraphError"), String(error));
        assert.deepEqual([error.reason, error.nodes], ["resources", ["greedy"]]);
        assert.match(error.message, message);
        return true;
      });
      assert.equal(state.most, 0);
    }
  });

  it("of a node on the host count too", async () => {
    const { plugin, state } = gauge();
    const here = workflow("here", async () => {
      await new Promise((done) => setTimeout(done, 30));
    });
    const wf = make([nodes.wait(30), here(), nodes.wait(30)], {
      workers: 3,
      resources: { _model: 1 },
      plugins: [plugin],
      onWarning() {},
    });
    wf.query().setRemoteArgs({ resources: { _model: 1 } });
    await wf.run();
    assert.equal(state.most, 1);
  });

  it("are refused when they make no sense", () => {
    assert.throws(() => make(nodes.give(1), { workers: 0 }), { name: "RangeError" });
    assert.throws(() => make(nodes.give(1), { workers: "2" as never }), { name: "TypeError" });
    assert.throws(() => make(nodes.give(1), { isolation: "vm" as never }), {
      message: /isolation/,
    });
    assert.throws(() => make(nodes.give(1), { resources: { a: -1 } }), { message: /resources/ });
    assert.throws(() => make(nodes.give(1), { preload: "x" as never }), { message: /preload/ });
    assert.throws(() => make(nodes.give(1), { workerz: 2 } as never), {
      name: "TypeError",
      message: /'workerz' is no option: known are .*workers/,
    });
  });
});

describe("Instances", () => {
  it("live in one worker each, and spread over the workers", async () => {
    const targets = Array.from({ length: 4 }, () => {
      const tape = new nodes.Tape();
      return [tape.where(), tape.sayLater(1), tape.where()];
    });
    const wf = make(targets.flat(), { workers: 2, isolation: "process" });
    const values = await wf.run() as number[];
    const homes = targets.map((_, i) => [values[3 * i], values[3 * i + 2]]);
    for (const [first, last] of homes) assert.equal(first, last);
    assert.equal(new Set(homes.flat()).size, 2);
  });

  it("are made anew, with all their calls, when their worker dies", async () => {
    const file = useFile();
    const tape = new nodes.Tape("first");
    tape.say("second");
    const died = nodes.flaky(file, 1, "exit");
    tape.say(died);
    const wf = make([tape.all(), died], { workers: 1 });
    wf.query("flaky_.*").setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
    assert.deepEqual(await wf.run(), [["first", "second", 1], 1]);
  });
});

const path = useFolder();
const useFile = () => path("file");

for (const isolation of ["thread", "process"] as const) {
  describe(`A worker that is a ${isolation}`, () => {
    const run = (targets: Target | readonly Target[], options: Partial<ParallelOptions> = {}) =>
      make(targets, { isolation, ...options });

    it("and ends is reported with its exit code, its node and its last lines", async () => {
      const lines = captureErrors();
      const target = nodes.die("exit", nodes.print("last words")).setName("culprit");
      const error = await failure(run(target, { workers: 1 }).run());
      lines.stop();
      assert.deepEqual([error.nodeName, error.phase], ["culprit", "worker"]);
      const cause = error.cause as WorkerError;
      assert.ok(isFuseError(cause, "WorkerError"));
      assert.equal(cause.exitCode, 3);
      assert.ok(cause.lastLines.includes("last words"), cause.lastLines.join("\n"));
      assert.match(error.message, /"culprit".*exit code 3[^]*last words/);
    });

    it("and throws outside its nodes is reported with what it threw", async () => {
      const error = await failure(run(nodes.die("throw").setName("culprit")).run());
      assert.equal(error.nodeName, "culprit");
      const cause = (error.cause as WorkerError).cause as nodes.DigitError;
      assert.match(cause.message, /no such digit: 11/);
      // `bun test` takes what threads reject for itself; only its text arrives.
      if (process.versions.bun && isolation === "thread") return;
      assert.deepEqual([cause.constructor.name, cause.digit], ["DigitError", 11]);
    });

    it("and ends is replaced, and its node tried again", async () => {
      const targets = [
        nodes.flaky(useFile(), 2, "exit"),
        ...Array.from({ length: 20 }, (_, i) => nodes.give(nodes.wait(3, i))),
      ];
      const wf = run(targets);
      wf.query("flaky_.*").setRemoteArgs({ maxRetries: 2, retryDelayMs: 1 });
      assert.deepEqual(await wf.run(), [2, ...Array.from({ length: 20 }, (_, i) => i)]);
    });

    it("and ends costs what it held, which is computed again", async () => {
      const file = useFile();
      const array = nodes.array(100_000, 2);
      const flaky = nodes.flaky(useFile(), 1, "exit");
      const wf = run(nodes.sum(nodes.total(array, array), nodes.note(file, "x"), flaky), {
        workers: 1,
      });
      wf.query("flaky_.*").setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
      assert.equal(await wf.run(), 400_001);
    });

    it("is stopped when a node that never waits runs out of time", async () => {
      const flaky = nodes.flaky(useFile(), 1, "spin");
      const wf = run([flaky, nodes.give(nodes.wait(5, 3))]);
      wf.query("flaky_.*").setRemoteArgs({ timeoutMs: 1_500, maxRetries: 1, retryDelayMs: 1 });
      const before = process.cpuUsage();
      assert.deepEqual(await wf.run(), [1, 3]);
      // Nothing of it goes on computing.
      const used = process.cpuUsage();
      await new Promise((done) => setTimeout(done, 300));
      const after = process.cpuUsage(used);
      assert.ok(used.user >= before.user);
      assert.ok(after.user < 200_000, `${after.user} µs of 300 ms`);
    });

    it("is stopped with its instance when a call that never waits runs out of time", async () => {
      const tape = new nodes.Tape("first");
      const wf = run([tape.say("second"), tape.spin()]);
      wf.query(".*spin.*").setRemoteArgs({ timeoutMs: 300 });
      const error = await failure(wf.run());
      assert.equal(error.phase, "timeout");
      await settle();
      const used = process.cpuUsage();
      await new Promise((done) => setTimeout(done, 300));
      assert.ok(process.cpuUsage(used).user < 200_000);
    });

    it("names the node before each line that it prints", async () => {
      const lines = captureErrors();
      await run([nodes.print("one\ntwo", "three").setName("speaker")]).run();
      lines.stop();
      assert.deepEqual(lines.lines, ["speaker | one\nspeaker | two", "speaker | three"]);
    });
  });
}

function captureErrors() {
  const lines: string[] = [];
  const before = console.error;
  console.error = (line: string) => void lines.push(line);
  return { lines, stop: () => void (console.error = before) };
}

describe("A node that leaves something behind which ends its worker", () => {
  it("ends the run with what that was, however often it is tried", async () => {
    const wf = make(nodes.wait(200, nodes.stray()), { workers: 1, onWarning() {} });
    wf.query().setRemoteArgs({ maxRetries: 3, retryDelayMs: 1 });
    const error = await failure(wf.run());
    assert.equal(error.phase, "worker");
    assert.match(error.message, /threw outside its nodes: .*stray.*Perhaps "stray_\d+"/);
  });
});

describe("A child process", () => {
  it("that is killed is reported with the signal", async () => {
    const error = await failure(make(nodes.die("kill"), { isolation: "process" }).run());
    assert.equal((error.cause as WorkerError).signal, "SIGKILL");
    assert.match(error.message, /SIGKILL/);
  });

  it("that exhausts its memory costs one worker, not the run", async () => {
    const wf = make([nodes.die("memory").setName("hungry"), nodes.give(nodes.wait(5, "fine"))], {
      isolation: "process",
      onFailure: "continue",
    });
    const error = await failure(wf.run());
    assert.deepEqual(error.errors.map(({ nodeName }) => nodeName), ["hungry"]);
    assert.equal(error.phase, "worker");
  });

  it("runs nodes in another process, a thread does not", async () => {
    assert.equal(await make(nodes.pid()).run(), process.pid);
    assert.notEqual(await make(nodes.pid(), { isolation: "process" }).run(), process.pid);
  });
});

describe("A node that can't be stopped", () => {
  it("ends when it looks at its signal, though it never waits", async () => {
    const file = useFile();
    const controller = new AbortController();
    const run = make(nodes.poll(file)).run({ signal: controller.signal });
    const timer = setInterval(() => existsSync(file) && controller.abort(), 20);
    await assert.rejects(run, { name: "AbortError" });
    clearInterval(timer);
    assert.equal(readFileSync(file, "utf8"), "started ended");
  });
});

describe("What can't be carried to a worker", () => {
  it("runs on the host, with one warning that says why and what to do", async () => {
    const warnings: string[] = [];
    const k = 3;
    const here = workflow("here", (n: number) => n * k);
    const there = workflow("there", (n: number) => n + k);
    const targets = [1, 2, 3].map((n) => nodes.give(there(here(nodes.give(n)))));
    const wf = make(targets, { onWarning: (warning: string) => warnings.push(warning) });
    assert.deepEqual(await wf.run(), [6, 9, 12]);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0], /here: importing [^]*there: importing [^]*top level of a module/);
  });

  it("may be a plugin", async () => {
    const warnings: string[] = [];
    const wf = make(nodes.draw(1), { onWarning: (warning: string) => warnings.push(warning) });
    const random = Math.random;
    wf.setPlugin(undefined, {
      name: "constant",
      options: undefined,
      hooks: {
        remoteInitialize() {
          Math.random = () => 0.25;
          return () => void (Math.random = random);
        },
      },
    });
    assert.deepEqual(await wf.run(), [0.25]);
    assert.match(warnings[0], /plugin "constant": it was not made by definePlugin/);
  });

  it("may be what replaces a function", async () => {
    const wf = make(nodes.sum(1, 2), { onWarning() {} });
    wf.query().replaceFunction((a: number, b: number) => a * 10 + b);
    assert.equal(await wf.run(), 12);
  });
});

describe("A worker pool", () => {
  for (const isolation of ["thread", "process"] as const) {
    it(`serves several runs with the same workers: ${isolation}`, async () => {
      await using pool = new WorkerPool({ workers: 2, isolation });
      const run = (targets: Target | readonly Target[]) =>
        new ParallelWorkflow(targets, { workflowName: "test", pool }).run();
      const pids = new Set<unknown>();
      for (let round = 0; round < 3; round++) {
        const array = nodes.array(50_000, round);
        assert.equal(await run(nodes.total(array, array)), 100_000 * round);
        await failure(run([nodes.fail(1), nodes.wait(5)]));
        for (
          const id of await run([nodes.pid(nodes.wait(20)), nodes.pid(nodes.wait(20))]) as number[]
        ) {
          pids.add(id);
        }
      }
      // Without a pool there would be two in each round; one that is still starting when its run ends is not kept.
      assert.ok(pids.size <= 4, `${[...pids]}`);
      await Promise.all([run(nodes.wait(5)), run(nodes.wait(5)), run(nodes.wait(5))]);
    });
  }

  it("replaces a worker that died, and takes no other options", async () => {
    await using pool = new WorkerPool({ workers: 1 });
    const run = (target: Target) =>
      new ParallelWorkflow(target, { workflowName: "test", pool }).run();
    assert.equal((await failure(run(nodes.die("exit")))).phase, "worker");
    assert.equal(await run(nodes.sum(1, 2)), 3);
    await pool.close();
    await assert.rejects(run(nodes.sum(1, 2)), { name: "TypeError", message: /it is closed/ });
    assert.throws(() => make(nodes.give(1), { pool }), { name: "TypeError", message: /'workers'/ });
  });
});

describe("After a run", () => {
  it("no thread and no open file is left", {
    skip: !existsSync("/proc/self/task") && "needs /proc",
  }, async () => {
    const count = () => [
      readdirSync("/proc/self/task").length,
      readdirSync("/proc/self/fd").length,
    ];
    const runAll = async () => {
      await make(nodes.give(1)).run();
      await failure(make([nodes.fail(1), nodes.wait(20)]).run());
      await make(nodes.give(1), { isolation: "process" }).run();
    };
    await runAll();
    await settle();
    const before = count();
    for (let i = 0; i < 5; i++) await runAll();
    await settle();
    const after = count();
    // The runtime's own threads come and go; ours would be twenty more.
    assert.ok(after[0] <= before[0] + 4 && after[1] <= before[1] + 4, `${before} → ${after}`);
  });
});

describe("Deno's sanitizers", () => {
  const skip = process.versions.deno ? false : "only Deno has them";
  it("find no worker, timer or file that a run has left", { skip }, () => {
    const file = fileURLToPath(new URL("../fixtures/leaks.ts", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, ["test", "-A", file], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /12 passed/);
  });
});

/** Threads take a moment to be gone. */
const settle = () => new Promise((done) => setTimeout(done, 500));
