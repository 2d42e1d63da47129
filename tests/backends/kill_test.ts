/** Workers that are killed at random moments: every run gives the right values in the end. */

import { ParallelWorkflow } from "functionfuse";
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { useFolder } from "../contract/backend.ts";
import * as nodes from "../support/nodes.ts";

const RUNS = 200;
const path = useFolder();

/** A graph of chains, instances, large and small values; what it gives, and how to let each node be tried again. */
function build() {
  const arrays = [1, 2, 3].map((n) => nodes.array(20_000, n));
  const tape = new nodes.Tape();
  for (let n = 0; n < 5; n++) tape.sayLater(nodes.sum(n, 1));
  let chain = nodes.sum(1, 0);
  for (let n = 0; n < 20; n++) chain = nodes.sum(chain, 1);
  const waits = Array.from({ length: 6 }, (_, n) => nodes.wait(n, nodes.sum(n, n)));
  return {
    targets: [
      nodes.total(...arrays),
      tape.all(),
      chain,
      nodes.sum(...waits),
      nodes.total(arrays[1]),
    ],
    expected: [120_000, [1, 2, 3, 4, 5], 21, 30, 40_000],
  };
}

/** The children of this process. */
function children(): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === process.pid;
    } catch {
      return false;
    }
  }).map(Number);
}

const isAlwaysTried = { maxRetries: Infinity, retryDelayMs: 1 };
const noise = { onWarning() {} };

describe("Workers that are killed at random moments", () => {
  const skip = existsSync("/proc/self/stat") ? false : "needs /proc to find child processes";

  it(
    `cost time, and never a right result: ${RUNS} runs of processes`,
    { skip, timeout: 600_000 },
    async () => {
      let killed = 0;
      let typicalMs = 100;
      for (let run = 0; run < RUNS; run++) {
        const { targets, expected } = build();
        const wf = new ParallelWorkflow(targets, {
          workflowName: "kills",
          workers: 2,
          isolation: "process",
          ...noise,
        });
        wf.query().setRemoteArgs(isAlwaysTried);
        const timer = setTimeout(() => {
          const [pid] = children().sort(() => Math.random() - 0.5);
          if (pid === undefined) return;
          process.kill(pid, "SIGKILL");
          killed++;
        }, Math.random() * typicalMs);
        const started = performance.now();
        assert.deepEqual(await wf.run(), expected, `run ${run}`);
        clearTimeout(timer);
        typicalMs += 0.1 * (performance.now() - started - typicalMs);
      }
      assert.ok(killed > RUNS / 4, `only ${killed} were killed`);
    },
  );

  it(
    `cost time, and never a right result: ${RUNS} runs of threads`,
    { timeout: 600_000 },
    async () => {
      for (let run = 0; run < RUNS; run++) {
        const { targets, expected } = build();
        const delay = nodes.wait(Math.random() * 10);
        const flaky = nodes.flaky(path("kill"), 1, "exit", delay);
        const wf = new ParallelWorkflow([...targets, flaky], {
          workflowName: "kills",
          workers: 2,
          ...noise,
        });
        wf.query().setRemoteArgs(isAlwaysTried);
        assert.deepEqual(await wf.run(), [...expected, 1], `run ${run}`);
      }
    },
  );
});
