/**
 * What building and running a node costs on LocalWorkflow: chains and fans of a million synchronous nodes.
 *
 * Each figure is the median of five runs, each in a process of its own, so that one's garbage is not another's.
 */

import { LocalWorkflow, type Node, workflow } from "functionfuse";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { median } from "./median.ts";

const COUNT = 1_000_000;
const ROUNDS = 5;

type Shape = "chain" | "fan";

function increment(n: number): number {
  return n + 1;
}
const node = workflow(increment);

/** A chain of calls, or as many calls on one. */
function build(shape: Shape, count: number): Node<number> | Node<number>[] {
  if (shape === "chain") {
    let last = node(0);
    for (let i = 1; i < count; i++) last = node(last);
    return last;
  }
  const root = node(0);
  return Array.from({ length: count - 1 }, () => node(root));
}

function bareCalls(count: number): number {
  let last = 0;
  for (let i = 0; i < count; i++) last = increment(last);
  return last;
}

/** Nanoseconds a node to build and to run, and bytes a node at the peak. */
async function measure(shape: Shape): Promise<Record<string, number>> {
  // Warm code, as in a program that has run for a moment.
  await new LocalWorkflow(build(shape, 20_000), { workflowName: "warm" }).run();
  bareCalls(COUNT);

  const before = process.memoryUsage.rss();
  const started = performance.now();
  const targets = build(shape, COUNT);
  const built = performance.now();
  const target = Array.isArray(targets) ? targets[targets.length - 1] : targets;
  await new LocalWorkflow(target, { workflowName: "bench" }).run();
  const ran = performance.now();
  bareCalls(COUNT);
  const bare = performance.now() - ran;
  const peak = process.resourceUsage().maxRSS * 1024;
  return {
    buildNs: (built - started) / COUNT * 1e6,
    runNs: (ran - built - bare) / COUNT * 1e6,
    peakBytes: (peak - before) / COUNT,
  };
}

const shape = process.argv[2] as Shape | undefined;
if (shape) console.log(JSON.stringify(await measure(shape)));
else {
  const self = fileURLToPath(import.meta.url);
  const command = process.versions.deno ? ["run", "-A", self] : [self];
  const rows = (["chain", "fan"] as const).map((shape) => {
    const rounds: Record<string, number>[] = Array.from(
      { length: ROUNDS },
      () => JSON.parse(execFileSync(process.execPath, [...command, shape], { encoding: "utf8" })),
    );
    const of = (key: string) => Math.round(median(rounds.map((round) => round[key])));
    return {
      shape,
      "build, ns a node": of("buildNs"),
      "run over the bare call, ns a node": of("runNs"),
      "peak, bytes a node": of("peakBytes"),
    };
  });
  console.log(
    `LocalWorkflow, ${COUNT.toLocaleString("en")} synchronous nodes, median of ${ROUNDS}:`,
  );
  console.table(rows);
}
