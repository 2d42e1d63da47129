/** Nodes that write down where they run, so that a test sees what was computed, by whom, and how often. */

import { type Arg, type Node, type Target, workflow } from "functionfuse";
import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

// Too large to travel with reports: such values lie in the object store.
const LENGTH = 20_000;

/** What a node has written down. */
export interface Note {
  readonly what: "begin" | "end";
  readonly label: string;
  /** The program that ran it. */
  readonly pid: number;
  /** Ray's worker process that has this program. */
  readonly worker: number;
  /** The process of Ray's node that has the worker. */
  readonly raylet: number;
}

/** All that was written down so far. */
export function readNotes(log: string): Note[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line));
}

/** The nearest process above this one that is a node of Ray's. */
function findRaylet(): number {
  for (let pid = process.ppid; pid > 1;) {
    const said = execFileSync("ps", ["-o", "ppid=,args=", "-p", String(pid)], { encoding: "utf8" });
    if (said.includes("/raylet ")) return pid;
    pid = Number.parseInt(said);
  }
  return 0;
}

let raylet: number | undefined;

function note(log: string, what: Note["what"], label: string): void {
  raylet ??= findRaylet();
  const { pid, ppid: worker } = process;
  appendFileSync(
    log,
    `${JSON.stringify({ what, label, pid, worker, raylet } satisfies Note)}\n`,
  );
}

export const step = workflow(
  "step",
  async (log: string, label: string, ms: number, own: number, reads: Float64Array[]) => {
    note(log, "begin", label);
    await delay(ms);
    note(log, "end", label);
    return new Float64Array(LENGTH).fill(reads.reduce((sum, read) => sum + read[0], own));
  },
);

export const Tally = workflow(
  class Tally {
    #sum = 0;
    constructor(readonly log: string) {}
    async add(label: string, ms: number, read: Float64Array) {
      note(this.log, "begin", label);
      await delay(ms);
      note(this.log, "end", label);
      // The order of calls matters.
      return this.#sum = 2 * this.#sum + read[0];
    }
  },
);

export const total = workflow(
  "total",
  (reads: Float64Array[], sum: number) => reads.reduce((sum, read) => sum + read[0], sum),
);

/** How many steps there are side by side, and one after the other, and how long each takes. */
export interface Size {
  readonly width: number;
  readonly depth: number;
  readonly ms: number;
}

/** Layers of steps, each of which reads two of the layer before, and an instance that sees the last. */
export function layers(log: string, { width, depth, ms }: Size): Node<number> {
  let last: Arg<Float64Array>[] = [];
  for (let row = 0; row < depth; row++) {
    last = Array.from({ length: width }, (_, i) => {
      const label = `step_${row}_${i}`;
      const reads = row === 0 ? [] : [last[i], last[(i + 1) % width]];
      return step(log, label, ms, i, reads).setName(label);
    });
  }
  const tally = new Tally(log).setName("tally");
  const sums = last.slice(0, 2).map((read, i) =>
    tally.add(`tally_${i}`, ms, read).setName(`tally_${i}`)
  );
  return total(last, sums[1]).setName("total");
}

/** What they give. */
export function expected({ width, depth }: Pick<Size, "width" | "depth">): number {
  let last = Array.from({ length: width }, (_, i) => i);
  for (let row = 1; row < depth; row++) {
    last = last.map((value, i) => i + value + last[(i + 1) % width]);
  }
  return last.reduce((sum, value) => sum + value, 2 * last[0] + last[1]);
}

/** A program that does not listen to anybody, and one that does. */
export const busy = workflow("busy", async (log: string, label: string, listens: boolean) => {
  note(log, "begin", label);
  const end = performance.now() + 120_000;
  while (performance.now() < end) if (listens) await delay(100);
});

/** Ends its program, or the worker that has that, at once or when it has been heard, or has too little memory. */
export const die = workflow("die", async (
  log: string,
  how: "exit" | "kill" | "worker" | "late" | "memory",
) => {
  note(log, "begin", how);
  console.error(`the last words before ${how}`);
  if (how === "late") await delay(1_500);
  if (how === "exit") process.exit(3);
  if (how === "memory") return Array.from({ length: 1e8 }, (_, i) => ({ i })).length;
  const pid = how === "kill" ? process.pid : process.ppid;
  spawnSync("kill", ["-9", String(pid)]);
  return await new Promise<number>(() => {});
});

/** By what `fuse run` is asked to do. */
export const SIZES: Readonly<Record<string, Size>> = {
  short: { width: 2, depth: 3, ms: 700 },
  long: { width: 4, depth: 4, ms: 700 },
};

/** As `fuse run` calls it. */
export default function workflowOf(
  { log = "", what = "" }: { log?: string; what?: string } = {},
): Target | readonly Target[] {
  if (what === "busy") return [busy(log, "spins", false), busy(log, "listens", true)];
  if (what === "greedy") return total([], 1).setName("greedy");
  if (what in SIZES) return layers(log, SIZES[what]);
  return die(log, what as "exit").setName("deadly");
}
