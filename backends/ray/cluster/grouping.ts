/**
 * Which nodes go together into one task of Ray's: so many quick ones that the task's own cost hardly counts.
 *
 * How long functions take is learnt while they run. Of one that is not known yet, as many nodes are sent, each by itself, as
 * the cluster has CPUs; the others wait until the first of them is heard of.
 */

import type { Pass } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import type { Loading } from "../../../core/loading.ts";
import { RUN } from "../../../core/plan.ts";
import type { Costs } from "../../shared/costs.ts";
import type { NeedsOfNodes } from "./needs.ts";

/** A function that takes longer than this is run by tasks of its own. */
const QUICK_MS = 10;
/** A task is made about so long: it costs Ray about a millisecond. */
const TASK_MS = 50;
/** Less than this is not worth a CPU of its own. */
const LEAST_MS = 5;
/** What a call costs at least, with all that is around it. */
const CALL_MS = 0.02;
const MOST_NODES = 1_000;
/** Of more nodes that follow one, some had better run elsewhere. */
const MOST_FOLLOWERS = 8;
/** What reads more is looked at when it is ready: to look before, from each node that it reads, takes too long. */
const MOST_READ = 64;
/** So many tasks of quick nodes are on their way for each CPU; what becomes ready meanwhile is put together. */
const TASKS_PER_CPU = 2;

/** What is sent as one task. */
export interface Batch {
  readonly nodes: number[];
  /** Whether it was put together from quick nodes. */
  readonly isQuick: boolean;
}

/** What grouping depends on. */
export interface GroupingParts {
  readonly graph: Graph;
  readonly loading: Loading;
  readonly costs: Costs;
  readonly needs: NeedsOfNodes;
  /** Whether a node may be sent before the run asks for it: it was not, and all that it reads can be sent. */
  canGoAhead(i: number): boolean;
  /** Whether a node had better go alone. */
  isLoner(i: number): boolean;
}

/** Nodes of one function and equal needs that wait. */
interface Bucket {
  readonly key: string;
  readonly id: number;
  readonly nodes: number[];
  head: number;
}

/** Puts the nodes of one run together. */
export class Grouping {
  readonly #parts: GroupingParts;
  readonly #buckets = new Map<string, Bucket>();
  /** Of functions whose costs are not known, how many nodes are on their way. */
  readonly #probes = new Map<number, number>();
  #quickTasks = 0;
  /** How many CPUs the cluster has. */
  cpus: number;

  constructor(parts: GroupingParts, cpus: number) {
    this.#parts = parts;
    this.cpus = cpus;
  }

  /** Whether nodes wait for others to be done. */
  get isFull(): boolean {
    return this.#buckets.size > 0;
  }

  /** Whether a node may share its task. */
  mayShare(i: number): boolean {
    return this.#parts.needs.of(i).groupKey !== undefined && !this.#parts.isLoner(i);
  }

  /** A node that may share its task is ready. */
  add(i: number): void {
    const { needs, loading } = this.#parts;
    const key = needs.of(i).groupKey!;
    const id = loading.idOf(i)!;
    const name = `${id} ${key}`;
    const bucket = this.#buckets.get(name);
    if (bucket) bucket.nodes.push(i);
    else this.#buckets.set(name, { key, id, nodes: [i], head: 0 });
  }

  /** Empties the queue. */
  takeAll(): number[] {
    const all = [...this.#buckets.values()].flatMap(({ nodes, head }) => nodes.slice(head));
    this.#buckets.clear();
    return all;
  }

  /** A task has been sent. */
  sent({ nodes, isQuick }: Batch): void {
    if (isQuick) this.#quickTasks++;
    else this.#probe(nodes, 1);
  }

  /** A task that was sent is over. */
  ended({ nodes, isQuick }: Batch): void {
    if (isQuick) this.#quickTasks--;
    else this.#probe(nodes, -1);
  }

  #probe([i]: readonly number[], by: number): void {
    const id = this.#parts.loading.idOf(i);
    if (id !== undefined) this.#probes.set(id, (this.#probes.get(id) ?? 0) + by);
  }

  /** What is to be sent now; `isWaiting` tells whether the run still waits for a node. */
  take(pass: Pass, isWaiting: (i: number) => boolean): Batch[] {
    const batches: Batch[] = [];
    const quick = new Map<string, Bucket[]>();
    for (const [name, bucket] of this.#buckets) {
      const ms = this.#parts.costs.msOf(bucket.id);
      if (ms !== undefined && ms <= QUICK_MS) {
        const others = quick.get(bucket.key);
        if (others) others.push(bucket);
        else quick.set(bucket.key, [bucket]);
        continue;
      }
      let room = Infinity;
      if (ms === undefined) room = this.#mostTasks / 2 - (this.#probes.get(bucket.id) ?? 0);
      for (; room > 0 && bucket.head < bucket.nodes.length; room--) {
        const i = bucket.nodes[bucket.head++];
        if (isWaiting(i)) batches.push({ nodes: [i], isQuick: false });
      }
      if (bucket.head === bucket.nodes.length) this.#buckets.delete(name);
    }
    for (const buckets of quick.values()) this.#takeQuick(buckets, pass, isWaiting, batches);
    return batches;
  }

  get #mostTasks(): number {
    return TASKS_PER_CPU * Math.max(1, Math.ceil(this.cpus));
  }

  #takeQuick(
    buckets: Bucket[],
    pass: Pass,
    isWaiting: (i: number) => boolean,
    batches: Batch[],
  ): void {
    const totalMs = buckets.reduce(
      (sum, { id, nodes, head }) => sum + (nodes.length - head) * this.#msOf(id),
      0,
    );
    const shareMs = Math.min(TASK_MS, Math.max(LEAST_MS, totalMs / Math.max(1, this.cpus)));
    // Tasks of this turn are counted when they are sent.
    for (let count = this.#quickTasks; count < this.#mostTasks && buckets.length > 0; count++) {
      const nodes: number[] = [];
      let ms = 0;
      while (buckets.length > 0 && ms < shareMs && nodes.length < MOST_NODES) {
        const bucket = buckets[0];
        const i = bucket.nodes[bucket.head++];
        if (bucket.head >= bucket.nodes.length) {
          this.#buckets.delete(`${bucket.id} ${bucket.key}`);
          buckets.shift();
        }
        if (!isWaiting(i)) continue;
        nodes.push(i);
        ms += this.#msOf(bucket.id);
      }
      if (nodes.length === 0) break;
      this.#extend(nodes, ms, pass);
      batches.push({ nodes, isQuick: true });
    }
  }

  #msOf(id: number): number {
    return Math.max(CALL_MS, this.#parts.costs.msOf(id) ?? Infinity);
  }

  /** Adds to a call of an instance, if it is quick, the calls that follow it. */
  follow(nodes: number[], pass: Pass): void {
    const ms = this.#msOf(this.#parts.loading.idOf(nodes[0])!);
    if (ms <= QUICK_MS) this.#extend(nodes, ms, pass);
  }

  /**
   * Adds to nodes, which take about `ms`, quick ones that follow them, as long as all that these read is among them or there
   * already; of a call, the calls that follow it on its instance.
   */
  #extend(nodes: number[], ms: number, pass: Pass): void {
    const { graph, loading, needs } = this.#parts;
    const { dependents, dependentOffsets } = graph;
    const inside = new Set(nodes);
    const instance = graph.instances[nodes[0]];
    const key = needs.of(nodes[0]).groupKey;
    for (let at = 0; at < nodes.length; at++) {
      const from = dependentOffsets[nodes[at]];
      const to = dependentOffsets[nodes[at] + 1];
      if (to - from > MOST_FOLLOWERS) continue;
      for (let k = from; k < to; k++) {
        const node = dependents[k];
        if (ms >= TASK_MS || nodes.length >= MOST_NODES) return;
        if (inside.has(node) || graph.instances[node] !== instance) continue;
        if (needs.of(node).groupKey !== key || !this.#canFollow(node, inside, pass)) continue;
        inside.add(node);
        nodes.push(node);
        ms += this.#msOf(loading.idOf(node)!);
      }
    }
  }

  #canFollow(i: number, inside: ReadonlySet<number>, pass: Pass): boolean {
    const { graph, loading, costs } = this.#parts;
    const { nodes, inputs, inputOffsets, previous } = graph;
    if (pass.actions[i] !== RUN || nodes[i].definition.kind === "constructor") return false;
    const id = loading.idOf(i);
    if (id === undefined || (costs.msOf(id) ?? Infinity) > QUICK_MS) return false;
    if (previous[i] >= 0 && !inside.has(previous[i])) return false;
    if (inputOffsets[i + 1] - inputOffsets[i] > MOST_READ) return false;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      if (!inside.has(inputs[at]) && !(inputs[at] in pass.values)) return false;
    }
    return this.#parts.canGoAhead(i) && !this.#parts.isLoner(i);
  }
}
