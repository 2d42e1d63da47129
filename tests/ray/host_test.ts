import { isFuseError, LocalWorkflow, type Target } from "functionfuse";
import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { RayClient } from "../../ray/client.ts";
import { readLine, type RunEvent, unpackThrown } from "../../ray/events.ts";
import { type CodePackage, packCode, uriOf, zip } from "../../ray/package.ts";
import { describeRun, packRun } from "../../backends/ray/run_record.ts";
import { unpackValue } from "../../encoding/packed.ts";
import * as nodes from "../support/nodes.ts";
import { graphOf } from "../support/random_edits.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";

const skip = skipWithoutRay();
const folder = mkdtempSync(join(tmpdir(), "functionfuse-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("A run's host as a job of a Ray cluster", { skip }, () => {
  const started = skip ? undefined : RayCluster.shared();

  /** Describes a run, uploads it with its code, and follows the job. */
  async function run(
    target: Target | readonly Target[],
    { storage, stopAt }: { storage?: FileStorage; stopAt?: RunEvent["ev"] } = {},
  ) {
    const { address } = await started!;
    const client = await RayClient.connect({ address, env: { HOME: "/nonexistent" } });
    const wf = new LocalWorkflow(target, { workflowName: "job", storage });
    const settings = { workflowName: "job", storage, rule: "exact", rerun: undefined } as const;
    let code: CodePackage;
    const record = await describeRun(
      { ...settings, graph: graphOf(wf), scope: "reachable", onFailure: "stop" },
      (module) => code.urlOf(module),
      async (modules) => {
        const warn = (text: string) => assert.fail(text);
        code = await packCode({ modules, files: [], folder, mostBytes: 1e8, warn });
        await client.uploadPackage(code.uri, code.bytes);
      },
    );
    const packed = await zip(new Map([["run.bin", packRun(record)]]));
    await client.uploadPackage(uriOf(packed), packed);
    const id = `host-${randomUUID()}`;
    await client.submit({
      id,
      entrypoint: "python driver.py",
      runtimeEnv: { working_dir: code!.uri, env_vars: { FUSE_RAY_RUN: uriOf(packed) } },
    });
    const events: RunEvent[] = [];
    const said: string[] = [];
    const log = client.follow(id);
    let lines = await log.next();
    for (; !lines.done; lines = await log.next()) {
      for (const line of lines.value) {
        const read = readLine(line);
        events.push(...read.events);
        if (read.said !== undefined) said.push(read.said);
      }
      if (stopAt && events.some(({ ev }) => ev === stopAt)) await client.stop(id);
    }
    const result = events.find((event) => event.ev === "result");
    const failed = events.find((event) => event.ev === "failed");
    const values = result && unpackValue(
      await client.download(result.node_id, result.file, { bytes: result.bytes }),
    ) as unknown[];
    const failure = failed && unpackThrown(failed.thrown);
    return { job: lines.value, events, said: said.join("\n"), values, failure };
  }

  it("runs nodes, actors and groups, and brings the values back", async () => {
    const counted = new nodes.Tape("first");
    counted.say(nodes.sum(1, 2));
    const list = nodes.array(1000, 2);
    const { job, values, events, said } = await run([
      counted.all(),
      nodes.total(list, list),
      nodes.give({ at: new Date(5), bytes: Uint8Array.of(1) }),
      nodes.print("hello from a node"),
    ]);
    assert.equal(job.status, "SUCCEEDED", said);
    assert.deepEqual(values, [
      ["first", 3],
      4_000,
      { at: new Date(5), bytes: Uint8Array.of(1) },
      undefined,
    ]);
    const logs = events.filter((event) => event.ev === "log");
    assert.ok(logs.some(({ text }) => text.includes("hello from a node")));
    const ends = events.filter((event) => event.ev === "end");
    assert.equal(ends.length, 8);
    assert.ok(ends.every(({ worker }) => /\/\d+$/.test(worker!)));
  });

  it("keeps results where the client finds them, and finds the client's", async () => {
    const storage = new FileStorage({ path: join(folder, "results") });
    const make = () => nodes.sum(nodes.give(4).setName("four"), 1).setName("five");
    const first = await run(make(), { storage });
    assert.deepEqual(first.values, [5], first.said);
    const plan = await new LocalWorkflow(make(), { workflowName: "job", storage }).plan();
    assert.deepEqual(plan.map(({ action }) => action), ["stored", "stored"]);
    const second = await run(make(), { storage });
    assert.deepEqual(second.values, [5]);
    assert.deepEqual(
      second.events.flatMap((event) => event.ev === "end" ? [event.isStored] : []),
      [true],
    );
    assert.equal((await storage.listRuns("job")).length, 2);
  });

  it("tells what failed as it would be told without a cluster", async () => {
    const make = () => nodes.fail(7).setName("bad");
    const { job, failure } = await run(make());
    assert.equal(job.status, "FAILED");
    assert.ok(isFuseError(failure, "NodeError"));
    const expected = await new LocalWorkflow(make(), { workflowName: "job" }).run()
      .then(() => assert.fail(), (error) => error);
    assert.equal(failure.message, expected.message);
    assert.equal(String(failure.cause), String(expected.cause));
    assert.equal((failure.cause as { digit: number }).digit, 7);
  });

  it("ends when the job is stopped, with its journal", async () => {
    const storage = new FileStorage({ path: join(folder, "stopped") });
    const { job, values } = await run(nodes.wait(60_000), { storage, stopAt: "start" });
    assert.equal(job.status, "STOPPED");
    assert.equal(values, undefined);
    const [id] = await storage.listRuns("job");
    const journal = (await storage.readJournal("job", id))!.trim().split("\n");
    assert.equal(JSON.parse(journal.at(-1)!).error, "AbortError");
  });
});
