/** What nodes need while they run, and what there is of it. */

import { GraphError } from "../../core/errors.ts";
import { type Graph, settingsOf } from "../../core/graph.ts";
import type { Policy } from "../../core/policy.ts";

/** Amounts by name, in ten-thousandths: fractions of which ten make one make exactly one. */
type Amounts = ReadonlyMap<string, number>;

const PARTS = 10_000;

/** What one node needs. */
export interface Needs {
  /** Equal for nodes that need the same. */
  readonly key: string;
  readonly amounts: Amounts;
  /** One CPU and nothing else, and no time limit: such nodes can be sent many at a time. */
  readonly isPlain: boolean;
  /** The node has a time limit, so what it runs in must be one that can be stopped. */
  readonly isLimited: boolean;
}

const PLAIN: Needs = {
  key: "",
  amounts: new Map([["numCpus", PARTS]]),
  isPlain: true,
  isLimited: false,
};

/** The resources of one run. */
export class Resources {
  readonly #graph: Graph;
  readonly #total: Map<string, number>;
  readonly #free: Map<string, number>;
  readonly #needs = new Map<Policy, Needs>();
  /** Instances of which a call has a time limit: they have to live where that can be kept. */
  readonly #limited = new Set<number>();

  /** `total` holds `numCpus` and what else there is; what it does not name there is none of, but of memory any amount. */
  constructor(graph: Graph, total: Readonly<Record<string, number>>) {
    this.#graph = graph;
    this.#total = new Map(Object.entries(total).map(([name, amount]) => [name, asParts(amount)]));
    this.#free = new Map(this.#total);
    for (const i of this.#set()) {
      const instance = graph.instances[i];
      const policy = settingsOf(graph, i)?.policy;
      if (instance >= 0 && policy && policy.timeoutMs < Infinity) this.#limited.add(instance);
    }
  }

  /**
   * Refuses what can never be had.
   *
   * @throws {GraphError} Naming the first such node and the total.
   */
  check(): void {
    for (const i of this.#set()) {
      for (const [name, amount] of this.of(i).amounts) {
        const total = this.#total.get(name) ?? (name === "memory" ? Infinity : 0);
        if (amount <= total) continue;
        const node = this.#graph.nodes[i].name;
        throw new GraphError(
          `Node "${node}" can never run: it needs ${show(name, amount)}, and there ${
            total === 0 ? "is none" : `are ${total / PARTS}`
          } in total. ${advice(name)}`,
          { reason: "resources", nodes: [node] },
        );
      }
    }
  }

  /** The nodes that something was set for. */
  #set(): number[] {
    const { nodes, settings } = this.#graph;
    if (settings.size === 0) return [];
    return [...nodes.keys()].filter((i) => settings.has(nodes[i]));
  }

  /** What a node needs. */
  of(i: number): Needs {
    const needs = this.#own(i);
    if (this.#limited.size === 0 || !this.#limited.has(i) || needs.isLimited) return needs;
    return { ...needs, key: `true ${needs.key}`, isPlain: false, isLimited: true };
  }

  #own(i: number): Needs {
    const policy = settingsOf(this.#graph, i)?.policy;
    if (!policy) return PLAIN;
    let needs = this.#needs.get(policy);
    if (!needs) this.#needs.set(policy, needs = needsOf(policy));
    return needs;
  }

  /** Whether there is enough of everything but the CPUs, and of these too. */
  fit({ amounts }: Needs): { others: boolean; cpus: boolean } {
    let others = true;
    for (const [name, amount] of amounts) {
      if (name !== "numCpus" && amount > this.#freeOf(name)) others = false;
    }
    return { others, cpus: (amounts.get("numCpus") ?? 0) <= this.#freeOf("numCpus") };
  }

  /** The same without CPUs: what runs on the host takes none of the workers'. */
  withoutCpus({ amounts }: Needs): Needs {
    const others = new Map([...amounts].filter(([name]) => name !== "numCpus"));
    return { key: "", amounts: others, isPlain: false, isLimited: false };
  }

  take({ amounts }: Needs): void {
    for (const [name, amount] of amounts) this.#free.set(name, this.#freeOf(name) - amount);
  }

  giveBack({ amounts }: Needs): void {
    for (const [name, amount] of amounts) this.#free.set(name, this.#freeOf(name) + amount);
  }

  #freeOf(name: string): number {
    return this.#free.get(name) ?? (name === "memory" ? Infinity : 0);
  }
}

function needsOf(policy: Policy): Needs {
  const { numCpus = 1, numGpus = 0, memory = 0, resources = {} } = policy.remoteArgs;
  const entries = Object.entries({ ...resources, numCpus, numGpus, memory })
    .map(([name, amount]): [string, number] => [name, asParts(amount)])
    .filter(([, amount]) => amount > 0)
    .sort(([a], [b]) => a < b ? -1 : 1);
  const isLimited = policy.timeoutMs < Infinity;
  const isPlain = !isLimited && entries.length === 1 && entries[0][0] === "numCpus" &&
    entries[0][1] === PARTS;
  if (isPlain) return PLAIN;
  const key = `${isLimited} ${JSON.stringify(entries)}`;
  return { key, amounts: new Map(entries), isPlain, isLimited };
}

function asParts(amount: number): number {
  return Math.round(amount * PARTS);
}

function show(name: string, parts: number): string {
  const amount = parts / PARTS;
  if (name === "numCpus") return `${amount} CPUs`;
  if (name === "numGpus") return `${amount} GPUs`;
  return name === "memory" ? `${amount} bytes of memory` : `${amount} of the resource "${name}"`;
}

function advice(name: string): string {
  return name === "numCpus"
    ? "Raise the option 'workers', or lower the node's numCpus."
    : `Raise or set "${name}" in the option 'resources', or lower what the node needs.`;
}
