/**
 * What ParallelWorkflow costs and gains on two workers, beside piscina and tinypool, which run in the same process just
 * before. Each figure is the median of five rounds after one that is not counted.
 *
 * What is timed is the run of a graph that is there. A peer's pool is made beforehand; so is ours where it says "kept"
 * (`WorkerPool`). "fresh" starts its workers in each run.
 */

import {
  LocalWorkflow,
  type Node,
  ParallelWorkflow,
  type Target,
  type Targets,
  WorkerPool,
} from "functionfuse";
import { Piscina } from "piscina";
import { Tinypool } from "tinypool";
import process from "node:process";
import { median } from "./median.ts";
import { increment, makeArray, readArrays, spin } from "./nodes.ts";

const ROUNDS = 5;
const COUNT = 50_000;
const WORKERS = 2;
const ARRAY_LENGTH = 8 * 1024 * 1024;
const MILLION = 1_000_000;

/** Milliseconds of an action: the median after a round that warms up. */
async function time(action: () => Promise<unknown>): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const started = performance.now();
    await action();
    if (round > 0) rounds.push(performance.now() - started);
  }
  return median(rounds);
}

const perSecond = (ms: number) => Math.round(COUNT / ms * 1_000);

function fan(): Node<number>[] {
  return Array.from({ length: COUNT }, (_, i) => increment(i));
}

function chain(): Node<number> {
  let last = increment(0);
  for (let i = 1; i < COUNT; i++) last = increment(last);
  return last;
}

async function measurePeers(): Promise<{ piscina: number; tinypool: number }> {
  const filename = new URL("./peer_task.mjs", import.meta.url).href;
  const size = { filename, minThreads: WORKERS, maxThreads: WORKERS };
  const runAll = (run: (n: number) => Promise<unknown>) => async () => {
    await Promise.all(Array.from({ length: COUNT }, (_, i) => run(i)));
  };
  const piscina = new Piscina(size);
  const piscinaMs = await time(runAll((n) => piscina.run(n)));
  await piscina.destroy();
  const tinypool = new Tinypool({ ...size, runtime: "worker_threads" });
  // In Deno it hangs when it gets its first tasks many at a time.
  await tinypool.run(0);
  const tinypoolMs = await time(runAll((n) => tinypool.run(n)));
  await tinypool.destroy();
  return { piscina: perSecond(piscinaMs), tinypool: perSecond(tinypoolMs) };
}

const workflowName = "bench";
/** Makes a backend, whose run is timed. */
type Make = (targets: Targets) => { run(): Promise<unknown> };
const local: Make = (targets) => new LocalWorkflow(targets, { workflowName });
const fresh: Make = (targets) => new ParallelWorkflow(targets, { workflowName, workers: WORKERS });

async function measure(): Promise<void> {
  const peers = await measurePeers();
  await using pool = new WorkerPool({ workers: WORKERS });
  const kept: Make = (targets) => new ParallelWorkflow(targets, { workflowName, pool });
  const timeBoth = async (build: () => Target | Target[]) => ({
    kept: await timeGraph(build, kept),
    fresh: await timeGraph(build, fresh),
  });

  const independent = await timeBoth(fan);
  const inChain = await timeBoth(chain);
  console.log(
    `\nTrivial nodes a second, ${COUNT.toLocaleString("en")} of them, ${WORKERS} workers:`,
  );
  const rates = (ms: number) => ({
    "a second": perSecond(ms),
    "times piscina": Number((perSecond(ms) / peers.piscina).toFixed(1)),
  });
  console.table({
    "piscina, independent": { "a second": peers.piscina, "times piscina": 1 },
    "tinypool, independent": {
      "a second": peers.tinypool,
      "times piscina": Number((peers.tinypool / peers.piscina).toFixed(1)),
    },
    "independent, kept": rates(independent.kept),
    "independent, fresh": rates(independent.fresh),
    "chain, kept": rates(inChain.kept),
    "chain, fresh": rates(inChain.fresh),
  });

  const table: Record<string, Record<string, number>> = {};
  const graphs: Record<string, () => Target | Target[]> = {
    "40 nodes that compute for 20 ms": () => Array.from({ length: 40 }, () => spin(20)),
    "two arrays of 64 MB made and read": () =>
      readArrays(makeArray(ARRAY_LENGTH), makeArray(ARRAY_LENGTH)),
    "one trivial node": () => increment(1),
  };
  for (const [name, build] of Object.entries(graphs)) {
    const localMs = await timeGraph(build, local);
    const both = await timeBoth(build);
    table[name] = {
      "local, ms": round(localMs),
      "kept, ms": round(both.kept),
      "fresh, ms": round(both.fresh),
      "local / kept": round(localMs / both.kept),
      "local / fresh": round(localMs / both.fresh),
    };
  }
  console.log("\nMilliseconds from run() to the values:");
  console.table(table);
}

async function timeGraph(
  build: () => Target | Target[],
  make: Make,
): Promise<number> {
  const rounds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const backend = make(build());
    const started = performance.now();
    await backend.run();
    if (round > 0) rounds.push(performance.now() - started);
  }
  return median(rounds);
}

function round(value: number): number {
  return Number(value.toFixed(2));
}

async function measureMillion(shape: string): Promise<void> {
  const started = performance.now();
  let last = increment(0);
  const nodes: Target[] = [last];
  for (let i = 1; i < MILLION; i++) {
    last = increment(shape === "chain" ? last : i);
    if (shape !== "chain") nodes.push(last);
  }
  await fresh(shape === "chain" ? last : nodes).run();
  console.log(
    `${MILLION.toLocaleString("en")} nodes, ${shape}: ${
      Math.round(performance.now() - started)
    } ms to build and run, peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`,
  );
}

// A million nodes in a process of their own, so that the peak is theirs: `bench/parallel.ts chain` or `independent`.
if (process.argv[2]) await measureMillion(process.argv[2]);
else await measure();
