/** What nodes do in the workers of a cluster: where they run, how these end, and what they print. */

import type { Node, Plugin, WorkerError } from "functionfuse";
import { definePlugin } from "functionfuse";
import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, it } from "node:test";
import { failure, useFolder } from "../contract/backend.ts";
import * as nodes from "../support/nodes.ts";
import { RayCluster, until } from "../support/ray_cluster.ts";
import { DirectDrivers, skipDirect } from "../support/ray_direct.ts";

const drivers = new DirectDrivers(() => RayCluster.shared());

/** Where nodes ran. */
function places() {
  const workers = new Map<string, string | undefined>();
  const plugin: Plugin = definePlugin("places", () => ({
    onNodeEnd: ({ name }, { worker }) => void workers.set(name, worker),
  }))();
  return { plugin, workers };
}

/** Kills Ray's worker that is at a task, once it is. */
async function killWorkerAt(task: string): Promise<void> {
  const { nodes } = await RayCluster.shared();
  await until(`a worker at ${task}`, 30_000, () => {
    const found = nodes.flatMap((node) => node.processes())
      .find(({ command }) => command.startsWith(`ray::${task}`));
    if (found) process.kill(found.pid, "SIGKILL");
    return found !== undefined;
  });
}

describe("A worker of Ray", { skip: skipDirect() }, () => {
  const file = useFolder();
  after(() => drivers.stop());

  it("runs the nodes that need what only its machine has", async () => {
    const { plugin, workers } = places();
    const targets = ["_model", "_disk"].map((name) => nodes.pid().setName(name));
    const wf = drivers.workflow(targets, { plugins: [plugin] });
    wf.query("_model").setRemoteArgs({ resources: { _model: 1 } });
    wf.query("_disk").setRemoteArgs({ resources: { _disk: 0.001 } });
    await wf.run();
    const cluster = await RayCluster.shared();
    for (const [name, worker] of workers) {
      const [node] = cluster.nodes.filter(({ resources }) => Object.hasOwn(resources, name));
      assert.equal(worker?.split("/")[0], node.id.slice(0, 8));
    }
    assert.equal(workers.size, 2);
  });

  it("runs nodes and instances of any name", async () => {
    const name = 'a\0b\n"c" \u202e/../…';
    const tape = nodes.Tape("said").setName(name);
    const wf = drivers.workflow([nodes.sum(1, 2).setName(`${name} too`), tape.all()]);
    assert.deepEqual(await wf.run(), [3, ["said"]]);
  });

  it("that a node ends fails the node, with how it ended and what it said", async () => {
    for (const [how, pattern] of [["exit", /exit code 3/], ["kill", /SIGKILL/]] as const) {
      const error = await failure(drivers.workflow(nodes.die(how)).run());
      assert.equal(error.phase, "worker");
      assert.match((error.cause as WorkerError).message, pattern);
      assert.match((error.cause as WorkerError).message, /^The worker \S+\/\d+ /);
    }
    const thrown = await failure(drivers.workflow(nodes.die("throw")).run());
    assert.match(thrown.message, /threw outside its nodes: RangeError: no such digit: 11/);
    const wf = drivers.workflow(nodes.flaky(file("flaky"), 1, "exit"));
    wf.query().setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
    assert.equal(await wf.run(), 1);
  });

  it("that is killed costs a try that nobody sees", async () => {
    const wf = drivers.workflow(nodes.wait(1_000, "done").setName("victim"));
    const [value] = await Promise.all([wf.run(), killWorkerAt("victim")]);
    assert.equal(value, "done");
  });

  it("that is killed with an instance has this made anew, with the calls that it had seen", async () => {
    const tape = new nodes.Tape(1).setName("killed tape");
    tape.say(2);
    tape.sayLater(nodes.wait(1, 3));
    tape.say(nodes.wait(1_000, 4));
    const wf = drivers.workflow(tape.all());
    const [said] = await Promise.all([wf.run(), killWorkerAt("killed tape")]);
    assert.deepEqual(said, [1, 2, 3, 4]);
  });

  it("stops a call whose time is up, with its instance", async () => {
    const tape = new nodes.Tape(1);
    tape.say(2);
    (tape.spin() as unknown as Node<unknown>).setName("spin");
    const retried: boolean[] = [];
    const plugin = definePlugin("observer", () => ({
      onNodeError: (_: unknown, { willRetry }: { willRetry: boolean }) =>
        void retried.push(willRetry),
    }))();
    const wf = drivers.workflow(tape.all(), { plugins: [plugin] });
    wf.query("spin").setRemoteArgs({ timeoutMs: 300, maxRetries: 1, retryDelayMs: 1 });
    const error = await failure(wf.run());
    assert.deepEqual([error.nodeName, error.phase], ["spin", "timeout"]);
    assert.deepEqual(retried, [true, false]);
  });

  it("leaves to the host what can't be sent, whose place the run tells", async () => {
    const { plugin, workers } = places();
    const warnings: string[] = [];
    const target = nodes.predict(nodes.fit(2).setName("model"), nodes.wait(1, 4).setName("x"));
    const wf = drivers.workflow(target.setName("y"), {
      plugins: [plugin],
      onWarning: (warning) => warnings.push(warning),
    });
    assert.equal(await wf.run(), 8);
    assert.deepEqual([workers.get("model"), workers.get("y")], ["host", "host"]);
    assert.notEqual(workers.get("x"), "host");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /^"model" and what reads its value run on the host.*Model/);
  });

  it("runs small nodes together, and tells what each printed", async () => {
    const ran = places();
    const lines = Array.from({ length: 100 }, (_, i) => nodes.print(`line ${i}`));
    const wf = drivers.workflow(lines, { plugins: [ran.plugin] });
    await wf.run();
    // Beside the nodes, workers may have said something.
    const printed = wf.printed.filter(([node]) => node !== undefined);
    const texts = printed.toSorted(([a], [b]) => a! - b!).map(([, text]) => text);
    assert.deepEqual(texts, lines.map((_, i) => `line ${i}`));
    for (const worker of ran.workers.values()) assert.match(worker!, /^[0-9a-f.]+\/\d+$/);
  });
});
