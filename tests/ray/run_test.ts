/** Whole runs on a cluster, as jobs. */

import { isFuseError, type NodeEnd, type Plugin, type RayOptions, type Target } from "functionfuse";
import { RayWorkflow } from "functionfuse/backends/ray";
import { randomState } from "functionfuse/plugins";
import { MemoryStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, it } from "node:test";
import { RayClient } from "../../ray/client.ts";
import { Workspace } from "../support/fuse.ts";
import { RayCluster, skipWithoutRay, until } from "../support/ray_cluster.ts";
import {
  Counter,
  describeAll,
  fail,
  prepare,
  prepared,
  range,
  say,
  sum,
  wait,
} from "../support/ray_nodes.ts";

const workspace = new Workspace();
after(() => workspace.remove());

/** Notes all that a run tells. */
function recorder() {
  const events: string[] = [];
  const ends = new Map<string, NodeEnd>();
  const plugin: Plugin = {
    name: "recorder",
    options: undefined,
    hooks: {
      onRunStart: ({ toRun }) => void events.push(`run ${toRun}`),
      onNodeStart: ({ name }) => void events.push(`start ${name}`),
      onNodeEnd({ name }, end) {
        ends.set(name, end);
        events.push(`end ${name}`);
      },
      onNodeError: ({ name }, { willRetry }) => void events.push(`error ${name} ${willRetry}`),
      onRunEnd: ({ ran, error }) => void events.push(`over ${ran} ${error !== undefined}`),
    },
  };
  return { plugin, events, ends };
}

/** A backend for the shared cluster, and the lines that it tells. */
async function make<const T extends Target | readonly Target[]>(
  targets: T,
  options: Partial<RayOptions> = {},
) {
  const { address } = await RayCluster.shared();
  const lines: string[] = [];
  const onLog = (line: string) => void lines.push(line);
  const wf = new RayWorkflow(targets, { workflowName: "Test it!", address, onLog, ...options });
  const jobId = () => /^Ray job (\S+): http/m.exec(lines.join("\n"))?.[1];
  return { wf, lines, jobId };
}

describe("RayWorkflow", { skip: skipWithoutRay() }, () => {
  it("runs functions, instances and plugins in the cluster, and gives what they give", async () => {
    const counter = new Counter(sum(range(10).setName("numbers")));
    counter.add(5);
    const total = counter.add(1).setName("total");
    const { plugin, events, ends } = recorder();
    const all = describeAll({ total, list: [range(3)[1]] });
    const { wf, lines, jobId } = await make([total, all.text, all, prepared().setName("p")], {
      plugins: [plugin],
    });
    wf.setPlugin("p", prepare({ word: "for" }));
    wf.setPlugin(undefined, randomState({ seed: 7 }));
    const text = `{"total":51,"list":[1]}`;
    assert.deepEqual(await wf.run(), [51, text, { text, runtime: "deno" }, "for p"]);
    assert.match(jobId()!, /^fuse-test-it-[0-9a-f]{10}$/);
    assert.match(lines[0], /\/#\/jobs\/fuse-test-it-/);
    assert.equal(events[0], "run 8");
    assert.equal(events.at(-1), "over 8 false");
    assert.equal(ends.size, 8);
    assert.ok(ends.get("numbers")!.worker);
    // What it has told once, it tells again to who comes later.
    const { address } = await RayCluster.shared();
    const later = recorder();
    const value = await RayWorkflow.attach(jobId()!, {
      ...{ address, plugins: [later.plugin], onLog() {} },
    });
    assert.deepEqual(value, [51, text, { text, runtime: "deno" }, "for p"]);
    assert.deepEqual(later.events, events);
  });

  it("uploads code once, and of the run no more than its description", async () => {
    const verbose = { verbose: true };
    const first = await make(say("one"), verbose);
    assert.equal(await first.wf.run(), "one");
    const second = await make(say("two"), verbose);
    assert.equal(await second.wf.run(), "two");
    assert.match(second.lines.join("\n"), /the cluster has it already/);
    const listed = second.lines.filter((line) => /^\s+[\d.]+ k?B {2}\//.test(line)).join("\n");
    assert.match(listed, /tests\/support\/ray_nodes\.ts/);
    assert.doesNotMatch(listed, /\.git|\.fuse|node_modules|run_test/);
    // With the node's name, which the lines of nodes begin with.
    assert.ok(second.lines.some((line) => /^\[say_\d+\] two$/.test(line)), second.lines.join("\n"));
  });

  it("fails with what the node threw, at its place in the user's own files", async () => {
    const { plugin, events } = recorder();
    const { wf } = await make(fail(3).setName("failing"), { plugins: [plugin] });
    wf.query("failing").setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
    const error = await wf.run().then(() => undefined, (error) => error);
    assert.ok(isFuseError(error, "NodeError"), String(error));
    assert.equal(error.nodeName, "failing");
    const { name, message, digits, stack } = error.cause as RangeError & { digits: number };
    assert.deepEqual([name, message, digits], ["NoDigits", "There are 3 digits.", 3]);
    assert.ok(error.cause instanceof RangeError);
    assert.match(
      stack!,
      new RegExp(`${new URL("../support/ray_nodes.ts", import.meta.url).href}:`),
    );
    assert.doesNotMatch(stack!, /_ray_pkg_/);
    assert.deepEqual(events.filter((event) => event.startsWith("error")), [
      "error failing true",
      "error failing false",
    ]);
    assert.equal(events.at(-1), "over 0 true");
  });

  it("stops its job when the signal aborts", async () => {
    const { wf, lines, jobId } = await make(wait(120_000));
    const controller = new AbortController();
    const run = wf.run({ signal: controller.signal });
    run.catch(() => {});
    await until("the node to begin", 60_000, () => lines.join().includes("] waiting"));
    controller.abort(new Error("Enough."));
    await assert.rejects(run, { message: "Enough." });
    const client = await RayClient.connect({ address: (await RayCluster.shared()).address });
    assert.equal((await client.job(jobId()!)).status, "STOPPED");
  });

  it("tells when somebody else stops the job", async () => {
    const { wf, lines, jobId } = await make(wait(120_000));
    const run = wf.run();
    run.catch(() => {});
    await until("the node to begin", 60_000, () => lines.join().includes("] waiting"));
    const client = await RayClient.connect({ address: (await RayCluster.shared()).address });
    await client.stop(jobId()!);
    await assert.rejects(run, { name: "EngineError", message: /was stopped: by `ray job stop`/ });
  });

  it("tells that its own program in the cluster was killed", async () => {
    const { wf, lines } = await make(wait(120_000));
    const run = wf.run();
    run.catch(() => {});
    await until("the node to begin", 60_000, () => lines.join().includes("] waiting"));
    const { nodes } = await RayCluster.shared();
    const host = nodes.flatMap((node) => node.processes())
      .find(({ command }) => command.includes("cluster/host.ts"));
    process.kill(host!.pid, "SIGKILL");
    await assert.rejects(run, {
      name: "EngineError",
      message: /exit code 1\nIts last lines are:\n.*The run's own process was ended by SIGKILL\.$/s,
    });
  });

  it("refuses what can't be taken to a cluster before anything is uploaded", async () => {
    const { wf, lines } = await make(range(1), { storage: new MemoryStorage() });
    await assert.rejects(wf.run(), { name: "UnsupportedError", message: /no other process/ });
    const { address } = await RayCluster.shared();
    await assert.rejects(RayWorkflow.attach("nobody", { address, onLog() {} }), {
      name: "EngineError",
      message: /no job "nobody"/,
    });
    assert.deepEqual(lines, []);
  });

  it("is what fuse run uses, and fuse run --attach follows", async () => {
    workspace.write(
      "workflow.ts",
      `import { workflow } from "functionfuse";
import { twice } from "./twice.ts";
const first = workflow("first", (n: number) => { console.log("from first"); return twice(n); });
export default ({ n = 1 }) => ({ small: first(n), large: first(100).setName("hundred") });
`,
    );
    workspace.write("twice.ts", "export const twice = (n: number) => 2 * n;\n");
    const { address } = await RayCluster.shared();
    workspace.write(
      "fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";
export default defineConfig({
  backend: "ray",
  ray: { address: "${address}", deno: "path" },
  rules: [{ query: "hundred", insertAfter: (n: number) => n + 1 }],
});
`,
    );
    const ran = await workspace.fuse(["run", "workflow.ts", "--param", "n=4", "--json"]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.deepEqual(JSON.parse(ran.stdout), { small: 8, large: 201 });
    assert.match(ran.stderr, /\[first_0000\] from first\n/);
    const id = /^Ray job (\S+):/m.exec(ran.stderr)![1];
    const attached = await workspace.fuse(["run", "--attach", id, "--json"]);
    assert.equal(attached.code, 0, attached.stderr);
    assert.equal(attached.stdout, ran.stdout);
    // The cluster has kept the results where it was told.
    const again = await workspace.fuse(["run", "workflow.ts", "--param", "n=4"]);
    assert.match(again.stderr, /Nothing had to run/);
  });
});

describe("Without a cluster", () => {
  const NOWHERE = "http://127.0.0.1:1";

  it("RayWorkflow says that nothing answers", async () => {
    const wf = new RayWorkflow(range(1), { workflowName: "x", address: NOWHERE });
    await assert.rejects(wf.run(), { name: "EngineError", message: /Can't reach the cluster/ });
  });

  it("fuse run ends with 4, and says what to do", async () => {
    workspace.write(
      "alone.ts",
      `import { workflow } from "functionfuse"; export default workflow("one", () => 1)();`,
    );
    const flags = ["run", "alone.ts", "--no-config", "--backend", "ray", "--address", NOWHERE];
    const { code, stdout, stderr } = await workspace.fuse(flags);
    assert.equal(code, 4, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /error: Can't reach the cluster/);
  });

  it("flags that mean nothing are refused", async () => {
    const cases: [args: string[], message: RegExp][] = [
      [["alone.ts", "--address", NOWHERE], /--address is for a Ray cluster: add --backend ray/],
      [["alone.ts", "--backend", "ray", "--workers", "2"], /--workers is for workers, and a Ray/],
      [["alone.ts", "--attach", "x"], /leave out alone\.ts/],
      [[], /Which workflow\?/],
      [
        ["alone.ts", "--backend", "ray", "--address", "ftp://x"],
        /^error: The address of .*"ftp:\/\/x"\.$/m,
      ],
      [["--attach", "x", "--address", "head:99999"], /^error: The address of .*"head:99999"\.$/m],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await workspace.fuse(["run", "--no-config", ...args]);
      assert.equal(code, 64, stderr);
      assert.match(stderr, message);
    }
  });

  it("options that are wrong are refused where they are given", () => {
    const wrong: [options: object, message: RegExp][] = [
      [{ adress: "x" }, /'adress' is no option/],
      [{ deno: "brew" }, /'deno' must be "path" or "pip"/],
      [{ runtimeEnv: { working_dir: "." } }, /'working_dir'/],
      [{ runtimeEnv: { env_vars: { A: 1 } } }, /'env_vars' that are texts/],
      [{ runtimeEnv: { pip: "requirements.txt" }, deno: "pip" }, /as a list of packages/],
      [{ files: "data" }, /'files' must be a list of texts/],
      [{ driverArgs: { cpus: 1 } }, /driverArgs/],
      [{ maxPackageBytes: 0 }, /'maxPackageBytes'/],
    ];
    for (const [options, message] of wrong) {
      assert.throws(
        () => new RayWorkflow(range(1), { workflowName: "x", ...options } as RayOptions),
        { name: "TypeError", message },
      );
    }
  });
});
