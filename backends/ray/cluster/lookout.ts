/** Looks from time to time what the cluster has, and warns of nodes that wait in vain: they may wait for ever. */

import type { Graph } from "../../../core/graph.ts";
import type { Cluster, DriverLink } from "./driver_link.ts";
import type { NeedsOfNodes } from "./needs.ts";
import { type Amounts, fitsOn, keyOf, type Machines, sayBusy, sayMissing } from "./shortage.ts";
import type { Tasks } from "./tasks.ts";

/** What is looked at, and who is told. */
export interface LookoutParts {
  readonly graph: Graph;
  readonly driver: Pick<DriverLink, "hello">;
  readonly needs: Pick<NeedsOfNodes, "amountsOf">;
  readonly tasks: Pick<Tasks, "all" | "of" | "endedCount">;
  /** The nodes that the run waits for and that are to run in the cluster. */
  waiting(): readonly number[];
  /** Takes what the cluster has now. */
  seen(cluster: Cluster): void;
  warn(text: string): void;
}

/** When something is to be said again. */
interface Said {
  readonly againMs: number;
  readonly pauseMs: number;
}

/** Nodes with the same needs. */
interface Group {
  readonly amounts: Amounts;
  readonly nodes: number[];
}

// Clusters grow and shrink by machines.
const LOOK_EVERY_MS = 5_000;
// So long it is waited for that the first of the nodes that were sent begins: packages may have to be installed.
const LONGEST_QUIET_MS = 30_000;
// What was said is said again after so long, and then less and less often.
const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 120_000;
const MOST_WARNINGS = 3;

/** The lookout of one run. */
export class Lookout {
  readonly #parts: LookoutParts;
  /** By what was warned of. */
  #said = new Map<string, Said>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isLooking = false;
  /** Since when nothing has run, as far as is known, and how many tasks had ended by then. */
  #quiet: { readonly sinceMs: number; readonly ended: number } | undefined;

  constructor(parts: LookoutParts) {
    this.#parts = parts;
  }

  begin(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_EVERY_MS);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** Looks once. */
  async look(nowMs: number = performance.now()): Promise<void> {
    const { driver, waiting, seen } = this.#parts;
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      if (waiting().length === 0) return void (this.#quiet = undefined);
      const cluster = await driver.hello();
      seen(cluster);
      this.#judge(cluster, nowMs);
    } catch {
      // There is no driver any more, of which all hear.
    } finally {
      this.#isLooking = false;
    }
  }

  #judge({ nodes, free }: Cluster, nowMs: number): void {
    const { waiting, tasks } = this.#parts;
    const machines = nodes.filter(({ alive }) => alive);
    const warnings = new Map<string, string>();
    const groups = [...this.#groups(waiting())];
    for (const [key, { amounts, nodes }] of groups) {
      if (fitsOn(machines, amounts)) continue;
      warnings.set(`missing ${key}`, sayMissing(this.#names(nodes), amounts, machines));
    }
    const quietMs = this.#quietFor(machines, nowMs);
    if (warnings.size === 0 && quietMs >= LONGEST_QUIET_MS) {
      for (const [key, { amounts, nodes }] of groups) {
        const sent = nodes.filter((i) => tasks.of(i));
        if (sent.length === 0) continue;
        const text = sayBusy(this.#names(sent), amounts, { machines, free, quietMs });
        warnings.set(`busy ${key}`, text);
      }
    }
    this.#say(warnings, nowMs);
  }

  /** How long nothing has run of what was sent. */
  #quietFor(machines: Machines, nowMs: number): number {
    const { tasks } = this.#parts;
    const sent = tasks.all();
    const alive = new Set(machines.map(({ id }) => id));
    const runs = ({ machine }: { machine: string | undefined }) =>
      machine !== undefined && alive.has(machine);
    if (sent.length === 0 || sent.some(runs)) this.#quiet = undefined;
    else if (this.#quiet?.ended !== tasks.endedCount) {
      this.#quiet = { sinceMs: nowMs, ended: tasks.endedCount };
    }
    return this.#quiet ? nowMs - this.#quiet.sinceMs : 0;
  }

  #groups(nodes: readonly number[]): Map<string, Group> {
    const groups = new Map<string, Group>();
    for (const i of nodes) {
      const amounts = this.#parts.needs.amountsOf(i);
      const key = keyOf(amounts);
      const group = groups.get(key);
      if (group) group.nodes.push(i);
      else groups.set(key, { amounts, nodes: [i] });
    }
    return groups;
  }

  #names(nodes: readonly number[]): string[] {
    return nodes.map((i) => this.#parts.graph.nodes[i].name);
  }

  #say(warnings: ReadonlyMap<string, string>, nowMs: number): void {
    const said = new Map<string, Said>();
    for (const [key, text] of [...warnings].slice(0, MOST_WARNINGS)) {
      const before = this.#said.get(key);
      if (before && nowMs < before.againMs) {
        said.set(key, before);
        continue;
      }
      const pauseMs = Math.min(before ? 2 * before.pauseMs : FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
      said.set(key, { againMs: nowMs + pauseMs, pauseMs });
      this.#parts.warn(text);
    }
    // What is over is said at once when it begins anew.
    this.#said = said;
  }
}
