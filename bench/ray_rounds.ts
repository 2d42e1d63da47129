/** The host of bench/ray.ts, in the place of the one of a job: measures, and has Python Ray measure in turn. */

import type { BackendOptions, Target } from "functionfuse";
import { type ChildProcess, spawn } from "node:child_process";
import { loadavg } from "node:os";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DriverLink } from "../backends/ray/cluster/driver_link.ts";
import { createRayExecutor } from "../backends/ray/cluster/executor.ts";
import { Backend } from "../core/backend.ts";
import type { Executor } from "../core/executor.ts";
import type { ExecutorSetup } from "../core/passes.ts";
import { RAY_PYTHON } from "../tests/support/ray_cluster.ts";
import { median } from "./median.ts";
import { GRAPHS } from "./ray_nodes.ts";

const ROUNDS = 5;
const COUNT = 2_000;
const WIDTH = 100;
const ARRAY_LENGTH = 256 * 1024 * 1024 / Float64Array.BYTES_PER_ELEMENT;
const PEER = fileURLToPath(new URL("ray_peer.py", import.meta.url));
const REPOSITORY = new URL("../", import.meta.url).href;

/** A run on the cluster whose job this process belongs to. */
class Bench extends Backend<Target | readonly Target[], unknown> {
  readonly #driver: DriverLink;

  constructor(targets: Target | readonly Target[], driver: DriverLink, options: BackendOptions) {
    super(targets, options, console.warn);
    this.#driver = driver;
  }

  protected override createExecutor(setup: ExecutorSetup): Promise<Executor> {
    return createRayExecutor(setup, this.#driver, {
      moduleInPackage: (url) => url.replace(REPOSITORY, "package:/functionfuse/"),
      onLog: (_node, text) => console.error(text),
    });
  }
}

/** Python Ray, with a job of its own on the same cluster. */
class Peer {
  readonly #process: ChildProcess = spawn(RAY_PYTHON, [PEER], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  readonly #lines = createInterface(this.#process.stdout!)[Symbol.asyncIterator]();

  async time(...words: (string | number)[]): Promise<number> {
    this.#process.stdin!.write(`${words.join(" ")}\n`);
    return Number((await this.#lines.next()).value);
  }

  stop(): void {
    this.#process.stdin!.end();
  }
}

const driver = new DriverLink((pieces) => {
  for (const piece of pieces) process.stdout.write(piece);
});
process.stdin.on("data", (bytes) => driver.receive(bytes as Uint8Array));
process.stdin.on("end", () => driver.ended("It has closed its line."));
const peer = new Peer();

async function time(graph: string, size: number, isGrouped: boolean): Promise<number> {
  const wf = new Bench(GRAPHS[graph](size, WIDTH), driver, { workflowName: "bench" });
  wf.query().setGroup(isGrouped);
  const started = performance.now();
  const value = await wf.run();
  return graph === "handed" ? Number(value) : performance.now() - started;
}

async function measure(graph: string, size: number, ways: Record<string, boolean>): Promise<void> {
  const names = Object.keys(ways);
  const rounds: Record<string, number[]> = { "Python Ray": [] };
  for (const name of names) rounds[name] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const times: Record<string, number> = { "Python Ray": await peer.time(graph, size, WIDTH) };
    for (const name of names) times[name] = await time(graph, size, ways[name]);
    if (round > 0) { for (const [name, ms] of Object.entries(times)) rounds[name].push(ms); }
  }
  const peerMs = median(rounds["Python Ray"]);
  for (const [name, times] of Object.entries(rounds)) {
    rows[`${graph}, ${name}`] = {
      ms: Math.round(median(times)),
      "times Python Ray": Number((median(times) / peerMs).toFixed(2)),
    };
  }
}

const rows: Record<string, Record<string, number>> = {};
const [wanted = ""] = process.argv.slice(3);
const both = { "each node a task": false, grouped: true };
for (const graph of ["independent", "layers"]) {
  if (graph.includes(wanted)) await measure(graph, COUNT, both);
}
for (const graph of ["filled", "handed"]) {
  if (graph.includes(wanted)) await measure(graph, ARRAY_LENGTH, { "Float64Array": false });
}
peer.stop();
driver.stop();
// Its standard output is the line to the driver.
console.error(JSON.stringify({ rows, load: loadavg()[0] }));
