/** Where nodes run, and runs that lose workers, machines, their driver or their client. */

import { RayWorkflow } from "functionfuse/backends/ray";
import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { Workspace } from "../support/fuse.ts";
import { RayCluster, type RayNode, skipWithoutRay, until } from "../support/ray_cluster.ts";
import {
  expected,
  layers,
  type Note,
  readNotes,
  SIZES,
  step,
  Tally,
} from "../support/ray_fault_nodes.ts";
import { errorOf, fuseRun } from "../support/ray_runs.ts";
import { recorder } from "../support/recorder.ts";

const LONGEST_MS = 120_000;
const skip = skipWithoutRay();
const workspace = new Workspace();
after(() => workspace.remove());

let cluster: RayCluster;
before(async () => {
  if (!skip) cluster = await RayCluster.shared();
});

const path = (name: string) => join(workspace.path, name);
const onLog = () => {};

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The first note that there is, now or soon. */
async function waitForNote(log: string, fits: (note: Note, all: Note[]) => boolean): Promise<Note> {
  let found: Note | undefined;
  await until("a node", LONGEST_MS, () => {
    const all = readNotes(log);
    found = all.find((note) => fits(note, all));
    return found !== undefined;
  });
  return found!;
}

/** Whether a note is of a node that is at work. */
function isAtWork({ what, label, pid }: Note, all: Note[]): boolean {
  const isEnd = (note: Note) => note.what === "end" && note.label === label && note.pid === pid;
  return what === "begin" && !all.some(isEnd);
}

/** How often a node was run to its end. */
function countEnds(log: string, label: string): number {
  return readNotes(log).filter((note) => note.what === "end" && note.label === label).length;
}

/** What there is of jobs that run: programs that the cluster runs for them. */
function programs(): { pid: number; command: string }[] {
  return cluster.nodes.flatMap((node) => node.processes())
    .filter(({ command }) => /cluster\/(node|host)\.ts|python driver\.py/.test(command));
}

/** A machine that may go, and how it is recognized. */
async function addMachine(): Promise<{ machine: RayNode; isThere: (note: Note) => boolean }> {
  const machine = await cluster.addNode({ cpus: 2 });
  const raylet = rayletOf(machine);
  return { machine, isThere: (note) => note.raylet === raylet };
}

function rayletOf(machine: RayNode): number {
  return machine.processes().find(({ command }) => command.includes("/raylet "))!.pid;
}

/** Waits until a node has ended there, and another one is at work. */
async function waitForWork(log: string, isThere: (note: Note) => boolean): Promise<void> {
  await waitForNote(
    log,
    (note, all) =>
      isThere(note) && isAtWork(note, all) && all.some((one) => one.what === "end" && isThere(one)),
  );
}

describe("Nodes", { skip }, () => {
  it("run on the machine that has what they need, and nowhere else", async () => {
    const log = path("placed.log");
    const { plugin, ends } = recorder();
    const models = [0, 1, 2].map((i) => step(log, `model_${i}`, 50, i, []).setName(`model_${i}`));
    const disks = models.map((model, i) => {
      return step(log, `disk_${i}`, 50, 1, [model]).setName(`disk_${i}`);
    });
    const tally = new Tally(log).setName("disk_tally");
    const calls = disks.map((disk, i) =>
      tally.add(`disk_call_${i}`, 1, disk).setName(`disk_call_${i}`)
    );
    const { address } = cluster;
    const wf = new RayWorkflow(calls, {
      ...{ workflowName: "placed", address, onLog, plugins: [plugin] },
    });
    wf.query("model_.*").setRemoteArgs({ resources: { _model: 1 } });
    wf.query("disk_.*").setRemoteArgs({ resources: { _disk: 0.25 } });
    assert.deepEqual(await wf.run(), [1, 4, 11]);
    const notes = readNotes(log);
    assert.equal(notes.length, 18);
    for (const resource of ["_model", "_disk"]) {
      const machine = cluster.nodes.find(({ resources }) => resource in resources)!;
      const raylet = rayletOf(machine);
      const own = notes.filter(({ label }) => label.startsWith(resource.slice(1)));
      assert.deepEqual([...new Set(own.map((note) => note.raylet))], [raylet], resource);
      for (const { label } of own) {
        assert.equal(ends.get(label)!.worker!.split("/")[0], machine.id.slice(0, 8));
      }
    }
  });
});

describe("A run that loses", { skip }, () => {
  const size = { width: 6, depth: 4, ms: 500 };

  it("a worker, and then a machine, computes nothing again that is stored", async () => {
    const log = path("faults.log");
    const storage = new FileStorage({ path: path("faults") });
    const { machine, isThere } = await addMachine();
    const { address } = cluster;
    const wf = new RayWorkflow(layers(log, size), { workflowName: "faults", address, onLog });
    wf.setStorage(storage);
    const run = wf.run();
    run.catch(() => {});
    const isStep = (name: string) => name.startsWith("step");
    await until("a stored step", LONGEST_MS, async () => {
      return (await storage.listTasks("faults").catch(() => [])).some(isStep);
    });
    const victim = await waitForNote(log, (note, all) => !isThere(note) && isAtWork(note, all));
    process.kill(victim.worker, "SIGKILL");
    await waitForWork(log, isThere);
    const stored = await storage.listTasks("faults");
    await machine.kill();
    assert.equal(await run, expected(size));
    // The victim may have come to its end and not been able to say so.
    const steps = stored.filter((name) => isStep(name) && name !== victim.label);
    assert.ok(steps.length > 0);
    assert.deepEqual(steps.filter((name) => countEnds(log, name) !== 1), []);
  });

  it("a machine, without a storage, computes again what was there alone", async () => {
    const log = path("unkept.log");
    const { machine, isThere } = await addMachine();
    const { address } = cluster;
    const wf = new RayWorkflow(layers(log, size), { workflowName: "unkept", address, onLog });
    const run = wf.run();
    run.catch(() => {});
    await waitForWork(log, isThere);
    await machine.kill();
    assert.equal(await run, expected(size));
  });

  it("the only machine with what a node needs says so, and goes on when there is one again", async () => {
    const log = path("missing.log");
    const warnings: string[] = [];
    const gpu = { resources: { _rare: 1 } };
    const machine = await cluster.addNode(gpu);
    const { address } = cluster;
    const wf = new RayWorkflow(step(log, "rare", 2_000, 7, []).setName("rare"), {
      ...{ workflowName: "missing", address, onLog },
      onWarning: (warning) => void warnings.push(warning),
    });
    wf.query("rare").setRemoteArgs(gpu);
    const run = wf.run();
    run.catch(() => {});
    await waitForNote(log, isAtWork);
    await machine.kill();
    await until("a warning", LONGEST_MS, () => warnings.length > 0);
    assert.match(
      warnings[0],
      /^"rare" waits for .*"_rare": now no machine has "_rare" .*setRemoteArgs\.$/,
    );
    const again = await cluster.addNode(gpu);
    assert.equal((await run)[0], 7);
    await again.kill();
  });

  it("its client goes on, and another process gets its result", async () => {
    const log = path("attached.log");
    const { process: client, ended } = fuseRun(workspace, cluster, log, "short");
    await waitForNote(log, isAtWork);
    process.kill(client.pid!, "SIGKILL");
    const { stderr } = await ended;
    const id = /^Ray job (\S+):/m.exec(stderr)![1];
    const attached = await workspace.fuse([
      ...["run", "--no-config", "--attach", id, "--address", cluster.address, "--json"],
    ]);
    assert.equal(attached.code, 0, attached.stderr);
    assert.equal(JSON.parse(attached.stdout), expected(SIZES.short));
    const labels = readNotes(log).filter(({ what }) => what === "end").map(({ label }) => label);
    assert.equal(new Set(labels).size, labels.length, "each has run once");
  });

  it("its driver and its client continues when it is started again", async () => {
    const log = path("driver.log");
    const storage = path("driver");
    const before = programs().map(({ pid }) => pid);
    const { process: client, ended } = fuseRun(workspace, cluster, log, "long", [
      "--no-config",
      "--storage",
      storage,
    ]);
    await waitForNote(log, ({ what, label }) => what === "end" && label.startsWith("step_1"));
    process.kill(client.pid!, "SIGKILL");
    const { stderr } = await ended;
    const id = /^Ray job (\S+):/m.exec(stderr)![1];
    const attach = ["run", "--no-config", "--attach", id, "--address", cluster.address];
    const attached = workspace.fuse(attach);
    const drivers = programs().filter(({ pid, command }) =>
      !before.includes(pid) && command.includes("driver.py")
    );
    assert.ok(drivers.length > 0);
    for (const { pid } of drivers) process.kill(pid, "SIGKILL");
    const gone = await attached;
    assert.equal(gone.code, 4, gone.stderr);
    assert.match(errorOf(gone), /^error: The (?:run's driver on|Ray job \S+ has ended)/);
    await until(
      "the end of its programs",
      LONGEST_MS,
      () => programs().every(({ pid }) => before.includes(pid)),
    );

    const kept = new FileStorage({ path: storage });
    const [name] = await kept.listWorkflows();
    const stored = (await kept.listTasks(name)).filter((task) => task.startsWith("step"));
    assert.ok(stored.length > 0);
    const counts = stored.map((task) => countEnds(log, task));
    const again = await fuseRun(workspace, cluster, log, "long", [
      "--no-config",
      "--storage",
      storage,
    ]).ended;
    assert.equal(again.code, 0, again.stderr);
    assert.equal(JSON.parse(again.stdout), expected(SIZES.long));
    assert.deepEqual(stored.map((task) => countEnds(log, task)), counts);
  });
});

describe("Ctrl-C", { skip }, () => {
  it("ends the job with all that it has started", async () => {
    const log = path("busy.log");
    const before = programs().map(({ pid }) => pid);
    const { process: client, ended } = fuseRun(workspace, cluster, log, "busy");
    await until("two nodes", LONGEST_MS, () => readNotes(log).length === 2);
    const started = programs().filter(({ pid }) => !before.includes(pid));
    assert.ok(started.length >= 4, "a driver, its host, and two programs with nodes");
    process.kill(client.pid!, "SIGINT");
    const { code, stderr } = await ended;
    assert.equal(code, 130, stderr);
    const pids = [
      ...started.map(({ pid }) => pid),
      ...readNotes(log).flatMap(({ pid, worker }) => [pid, worker]),
    ];
    await until("the end of its programs", LONGEST_MS, () => !pids.some(isAlive));
    assert.deepEqual(programs().filter(({ pid }) => !before.includes(pid)), []);
  });
});
