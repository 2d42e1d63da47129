import { RayWorkflow } from "functionfuse/backends/ray";
import { RayStorage, storageFactory } from "functionfuse/storage";
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { checkShared, openPlaces } from "../../backends/ray/cluster/storages.ts";
import { keyOf } from "../../storage/keys.ts";
import { testStorage } from "../contract/storage.ts";
import { Workspace } from "../support/fuse.ts";
import { temporaryFolder } from "../support/places.ts";
import { RayCluster, type RayNode, skipWithoutRay } from "../support/ray_cluster.ts";
import { DirectDriver, skipDirect } from "../support/ray_direct.ts";
import { range, sum, wait } from "../support/ray_nodes.ts";
import { recorder } from "../support/recorder.ts";

const REMOTE_ARGS = { resources: { _disk: 0.001 } };
const folder = temporaryFolder();
const workspace = new Workspace();
after(() => workspace.remove());

/** Whether a program that keeps files at a path runs on a Ray node. */
function keepsFiles(node: RayNode, path: string): boolean {
  return node.processes().some(({ command }) =>
    command.includes("ray_place.ts") && command.includes(path)
  );
}

/** Watches which nodes of a run were computed. */
describe("A storage on a machine of a Ray cluster", { skip: skipWithoutRay() }, () => {
  let cluster: RayCluster;
  let storage: RayStorage;
  const path = join(folder, "results");
  before(async () => {
    cluster = await RayCluster.shared();
    const { address } = cluster;
    storage = new RayStorage({ path, remoteArgs: REMOTE_ARGS, address });
  });

  /** Runs a graph whose results are kept on the machine that has `_disk`; tells how its nodes ended. */
  async function run() {
    const { plugin, ends } = recorder();
    const numbers = range(1_000).setName("numbers");
    const targets = [sum(numbers).setName("total"), wait(2_000).setName("waited")];
    const { address } = cluster;
    const onLog = () => {};
    const wf = new RayWorkflow(targets, {
      workflowName: "kept",
      address,
      onLog,
      plugins: [plugin],
    });
    wf.query("^numbers$").setRemoteArgs({ resources: { _model: 1 } });
    wf.setStorage(storage);
    const [total] = await wf.run();
    return { total, ends };
  }

  it("keeps a run's results there and nowhere else, and they are found again", async () => {
    const disk = cluster.nodes.find(({ resources }) => resources._disk)!;
    const others = cluster.nodes.filter((node) => node !== disk);
    const seen = new Set<boolean>();
    const look = setInterval(() => {
      if (keepsFiles(disk, path)) seen.add(true);
      if (others.some((node) => keepsFiles(node, path))) seen.add(false);
    }, 200);
    const first = await run();
    clearInterval(look);
    assert.equal(first.total, 499_500);
    assert.deepEqual([...seen], [true]);
    assert.deepEqual([...first.ends.values()].map(({ isStored }) => isStored), [
      false,
      false,
      false,
    ]);
    const second = await run();
    assert.equal(second.total, 499_500);
    assert.deepEqual([...second.ends.keys()].sort(), ["total", "waited"], "targets are read");
    assert.ok([...second.ends.values()].every(({ isStored }) => isStored));
  });

  it("is read from outside of the cluster, by a job on that machine", async () => {
    assert.deepEqual(await storage.listTasks("kept"), ["numbers", "total", "waited"]);
    const disk = cluster.nodes.find(({ resources }) => resources._disk)!;
    assert.ok(keepsFiles(disk, path));
    assert.ok(cluster.nodes.every((node) => node === disk || !keepsFiles(node, path)));
    const [total, list, info, runs, none] = await Promise.all([
      storage.readTask("kept", "total"),
      storage.readTask("kept", "numbers"),
      storage.taskInfo("kept", "total"),
      storage.listRuns("kept"),
      storage.hasTask("kept", "tota"),
    ]);
    assert.deepEqual([total, (list as Float64Array).length, runs.length, none], [
      499_500,
      1_000,
      2,
      false,
    ]);
    assert.equal(info.definition, "sum");
    assert.match((await storage.readJournal("kept", runs[0]))!, /"total"/);
    await assert.rejects(storage.readTask("kept", "tota"), {
      name: "StorageError",
      reason: "missing",
      message: /Stored are "numbers", "total", "waited"/,
    });
  });

  it("is written from there too, also with large values", async () => {
    const value = Float64Array.from({ length: 3_000_000 }, (_, i) => i);
    await storage.save("sent", "large", value);
    assert.deepEqual(await storage.readTask("sent", "large"), value);
    assert.equal(await storage.removeWorkflow("sent"), true);
    assert.deepEqual(await storage.listWorkflows(), ["kept"]);
  });

  it("is for the command line a text", async () => {
    const { host } = new URL(cluster.address);
    const place = `ray://${host}${path}?_disk`;
    const { code, stdout, stderr } = await workspace.fuse(["tasks", "kept", "--storage", place]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /numbers[^]*total[^]*waited/);
  });

  it("says when no machine has it, and which there are when several have", async () => {
    const { address } = cluster;
    const open = (resources: Record<string, number>) =>
      storageFactory({ kind: "ray", options: { path, remoteArgs: { resources }, address } });
    await assert.rejects(open({ _nowhere: 1 }).listTasks("kept"), {
      name: "StorageError",
      operation: "list",
      reason: "unavailable",
      message: /no machine of the cluster has \{"_nowhere":1\} now/,
    });
    await assert.rejects(open({ _disk: 2 }).listTasks("kept"), { message: /\{"_disk":2\}/ });
    const wf = new RayWorkflow(range(3), { workflowName: "lost", address, onLog: () => {} });
    wf.setStorage(open({ _nowhere: 1 }));
    await assert.rejects(wf.run(), { name: "StorageError", message: /"_nowhere":1/ });
  });
});

describe("A storage that a driver of Ray reaches", { skip: skipDirect() }, () => {
  let cluster: RayCluster;
  let driver: DirectDriver;
  const path = join(folder, "direct");
  before(async () => {
    cluster = await RayCluster.shared();
    driver = await DirectDriver.start(cluster);
    openPlaces(driver.link);
  });
  after(async () => {
    delete (globalThis as { [name: symbol]: unknown })[Symbol.for("functionfuse.places")];
    await driver.stop();
  });
  afterEach(() => rmSync(path, { recursive: true, force: true }));

  testStorage("RayStorage", () => ({
    storage: new RayStorage({ path, remoteArgs: REMOTE_ARGS }),
    tamper(workflow, task, change) {
      const file = join(path, keyOf(workflow), `${keyOf(task)}.fuse`);
      writeFileSync(file, change(new Uint8Array(readFileSync(file))));
    },
    damageStep: 61,
  }));

  it("ends with its machine, and says so", async () => {
    const node = await cluster.addNode({ cpus: 1, resources: { _spare: 1 } });
    const remoteArgs = { resources: { _spare: 0.5 } };
    const storage = new RayStorage({ path, remoteArgs });
    await storage.save("w", "x", 1);
    assert.ok(keepsFiles(node, path));
    await node.kill();
    await assert.rejects(storage.readTask("w", "x"), {
      name: "StorageError",
      reason: "unavailable",
      message: /no machine of the cluster has \{"_spare":0\.5\} now/,
    });
  });

  it("starts its program again when that was killed", async () => {
    const storage = new RayStorage({ path, remoteArgs: REMOTE_ARGS });
    await storage.save("w", "x", 1);
    const disk = cluster.nodes.find(({ resources }) => resources._disk)!;
    const programs = disk.processes().filter(({ command }) =>
      command.includes("ray_place.ts") && command.includes(path)
    );
    for (const { pid } of programs) process.kill(pid, "SIGKILL");
    assert.equal(await storage.readTask("w", "x"), 1);
  });

  it("may be a folder, if all machines share it", async () => {
    const spec = { kind: "file", options: { path } };
    await checkShared(spec, driver.link);
    const machines = await driver.link.findBlind(join(path, "nothing"));
    assert.ok(machines.length > 0, "a machine that does not have a file is named");
    await assert.rejects(checkShared(spec, { findBlind: () => Promise.resolve(machines) }), {
      name: "StorageError",
      message: /not all machines of the cluster share this folder: it is not that of [\d.]+/,
    });
  });
});
