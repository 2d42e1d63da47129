/** What a job's log tells, to whom: with logs as clusters write them, and no cluster. */

import type { Graph } from "../../core/graph.ts";
import { EngineError, NodeError, type Plugin } from "functionfuse";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Watchers } from "../../core/watchers.ts";
import type { RayClient } from "../../ray/client.ts";
import { EventLines, packThrown, type RunEvent } from "../../ray/events.ts";
import { FollowedJob } from "../../backends/ray/follow.ts";
import type { RayJob } from "../../ray/jobs.ts";
import { packValue } from "../../encoding/packed.ts";

const RUN: RunEvent = {
  ev: "run",
  names: ["load", "tr\x1b[2Jain"],
  definitions: ["load", "train"],
  which: [0, 1],
  targets: [{ node: 1, path: [] }],
  isList: false,
  toRun: 2,
  toRead: 0,
  notNeeded: 0,
};
const FOLDER = "/tmp/ray/session_1/runtime_resources/working_dir_files/_ray_pkg_" + "0a".repeat(16);

function linesOf(...events: RunEvent[]): string[] {
  let text = "";
  const lines = new EventLines((line) => text += line);
  for (const event of events) lines.add(event);
  lines.flush();
  return text.split("\n").slice(0, -1);
}

/** Follows a log that is given in pieces. */
async function follow(pieces: string[][], job: Partial<RayJob> = {}, files = new Map()) {
  const told: string[] = [];
  const plugin: Plugin = {
    name: "recorder",
    options: undefined,
    hooks: {
      onRunStart: ({ workflowName, toRun }) => void told.push(`run ${workflowName} ${toRun}`),
      onNodeStart: ({ name }) => void told.push(`start ${JSON.stringify(name)}`),
      onNodeEnd: ({ name, definition }, { durationMs, worker }) =>
        void told.push(`end ${name} ${definition} ${durationMs} ${worker}`),
      onNodeReused: ({ name }) => void told.push(`reused ${name}`),
      onNodeError: ({ name }, { error }) => void told.push(`error ${name} ${error.stack}`),
    },
  };
  const client = {
    async *follow() {
      yield* pieces;
      return { status: "SUCCEEDED", message: "", isOver: true, ...job };
    },
    download: (node: string, file: string) => Promise.resolve(files.get(`${node}/${file}`)),
    jobPage: (id: string) => `http://head/#/jobs/${id}`,
  } as unknown as RayClient;
  const warnings: string[] = [];
  const lines: string[] = [];
  const followed = new FollowedJob(client, "fuse-1", {
    watch: ({ names, definitions, which }) => {
      const nodes = names.map((name, i) => ({ name, definition: { name: definitions[which[i]] } }));
      const graph = { nodes, plugins: [{ plugin, nodes: undefined }] } as unknown as Graph;
      return new Watchers(graph, () => {});
    },
    warn: (text) => warnings.push(text),
    log: (line) => lines.push(line),
    workflowName: "demo",
    folderUrl: "file:///home/me/a%20b/",
  });
  const ended = await followed.follow(undefined).then(
    (values) => ({ values, error: undefined }),
    (error) => ({ values: undefined, error }),
  );
  return { ...ended, told, warnings, lines, reused: followed.reused };
}

describe("The log of a job", () => {
  it("tells observers what happens, and leads to the result", async () => {
    const file = { ev: "result", file: "r.bin", node_id: "n", bytes: 1 } as const;
    const packed = packValue([new Float32Array([1, 2])]);
    const { values, told, warnings, lines, reused } = await follow(
      [
        ["2026-11-23 13:14:50,399\tINFO job_manager.py:5 -- Runtime env is setting up.", ""],
        linesOf(RUN, { ev: "start", node: 0, at: 1 }, { ev: "start", node: 1, at: 2 }),
        ["a line of a program's own"],
        linesOf(
          { ev: "log", node: 1, text: "epoch 1\nepoch 2\n", worker: "w" },
          { ev: "log", node: -1, text: "outside", worker: "10.0.0.1:77" },
          { ev: "end", node: 1, durationMs: 5, isStored: false, worker: "10.0.0.1:77" },
          { ev: "reused", node: 0 },
          { ev: "warn", text: "Careful." },
          { ev: "over", durationMs: 9, reused: 1 },
          file,
        ),
      ],
      {},
      new Map([["n/r.bin", packed]]),
    );
    assert.deepEqual(values, [new Float32Array([1, 2])]);
    assert.deepEqual(told, [
      "run demo 2",
      `start "load"`,
      `start ${JSON.stringify(RUN.names[1])}`,
      `end ${RUN.names[1]} train 5 10.0.0.1:77`,
      "reused load",
    ]);
    assert.deepEqual(warnings, ["Careful."]);
    // A name that would clear the terminal does not.
    const shown = "[tr [2Jain]";
    assert.deepEqual(lines, [
      "a line of a program's own",
      `${shown} epoch 1`,
      `${shown} epoch 2`,
      "[10.0.0.1:77] outside",
    ]);
    assert.equal(reused, 1);
  });

  it("is understood where a program has left a line without an end", async () => {
    const file = { ev: "result", file: "r.bin", node_id: "n", bytes: 1 } as const;
    const [events] = linesOf(RUN, file);
    const files = new Map([["n/r.bin", packValue([7])]]);
    const { values, lines } = await follow([[`downloading …${events}`]], {}, files);
    assert.deepEqual(values, [7]);
    assert.deepEqual(lines, ["downloading …"]);
  });

  it("tells what the run failed with, with the user's own places", async () => {
    const cause = new RangeError(`no digits in ${FOLDER}/code/data/x.csv`);
    cause.stack = `RangeError: no digits
    at read (file://${FOLDER}/code/lib/read.ts:3:5)
    at invoke (file://${FOLDER}/functionfuse/core/node_host.ts:35:35)`;
    const failed = new NodeError("It failed.", { nodeName: "load", phase: "run", cause });
    const { error, told } = await follow([
      linesOf(
        RUN,
        { ev: "error", node: 0, thrown: packThrown(failed), willRetry: false },
        { ev: "failed", thrown: packThrown(failed) },
      ),
    ], { status: "FAILED" });
    assert.ok(error instanceof NodeError);
    assert.equal(error.nodeName, "load");
    const { message, stack } = error.cause as Error;
    assert.equal(message, "no digits in /home/me/a b/data/x.csv");
    assert.equal(
      stack!.trimEnd(),
      "RangeError: no digits\n    at read (file:///home/me/a%20b/lib/read.ts:3:5)",
    );
    assert.match(told.at(-1)!, /^error load /);
  });

  it("says how to follow a job whose cluster doesn't answer any more", async () => {
    const client = {
      // deno-lint-ignore require-yield
      async *follow() {
        throw new EngineError("Can't ask for the job fuse-1.");
      },
    } as unknown as RayClient;
    const nobody = { watch: () => assert.fail(), warn() {}, log() {} };
    const job = new FollowedJob(client, "fuse-1", {
      ...{ ...nobody, workflowName: "demo", folderUrl: undefined },
    });
    await assert.rejects(job.follow(undefined), {
      name: "EngineError",
      message: /^Can't ask for the job fuse-1\. If the job goes on, fuse run --attach fuse-1,/,
    });
  });

  const ends: [what: string, job: Partial<RayJob>, pieces: string[][], message: RegExp][] = [
    [
      "a setup that fails",
      { status: "FAILED", message: "runtime_env setup failed: no such package" },
      [],
      /fuse-1 has ended without a result\. See http:\/\/head\/#\/jobs\/fuse-1\. Ray says: runtime_env/,
    ],
    [
      "a supervisor that dies",
      {
        status: "FAILED",
        message:
          "Job supervisor actor died: The actor died.\n\tclass_name: JobSupervisor\n\tip: 10.0.0.1\n" +
          "The actor is dead. End of file. Some common causes include: (1) memory.\n(2) ray stop.",
      },
      [],
      /Ray says: Job supervisor actor died: The actor died\.\nThe actor is dead\. End of file\. Memory may have run out on that machine, or room on its disk\.$/,
    ],
    [
      "a program that fails",
      {
        status: "FAILED",
        message: "Job entrypoint command failed with exit code 1, last available logs " +
          "(truncated to 20,000 chars):\n\x1eFUSE 0 [{}]\nthe last words",
      },
      [["the last words"]],
      /fuse-1\. Ray says: Job entrypoint command failed with exit code 1\nIts last lines are:\n {2}the last words$/,
    ],
    [
      "a driver that gives up",
      { status: "FAILED" },
      [["There is no Deno on 10.0.0.1: install it there."]],
      /Its last lines are:\n {2}There is no Deno on 10\.0\.0\.1/,
    ],
    ["somebody's stop", { status: "STOPPED" }, [linesOf(RUN)], /was stopped: by `ray job stop`/],
    [
      "somebody's stop, of which the run could tell",
      { status: "STOPPED" },
      [linesOf(RUN, {
        ev: "failed",
        thrown: packThrown(new DOMException("The run was stopped.", "AbortError")),
      })],
      /^The Ray job fuse-1 was stopped: by .* Start the run again: with a storage/,
    ],
    [
      "a line that was cut off",
      { status: "FAILED" },
      [[...linesOf(RUN), '\x1eFUSE 2 [{"ev":"resu']],
      /has ended without a result/,
    ],
  ];
  for (const [what, job, pieces, message] of ends) {
    it(`that ends by ${what} is an error of the engine that leads on`, async () => {
      const { error } = await follow(pieces, job);
      assert.equal(error.name, "EngineError");
      assert.match(error.message, message);
    });
  }
});
