/** What nodes need of a cluster, in Ray's words, and whether any of its machines can ever give it. */

import { EngineError } from "../../../core/errors.ts";
import { type Graph, settingsOf } from "../../../core/graph.ts";
import type { Policy, RemoteArgs } from "../../../core/policy.ts";
import type { Cluster } from "./driver_link.ts";
import { type Amounts, amountsOf, fitsOn, keyOf, tooMuch } from "./shortage.ts";
import type { RayOptions } from "./wire.ts";

/** What one node needs. */
export interface Needs {
  readonly options: RayOptions;
  /** The longest that it may take, in milliseconds, if there is a limit. */
  readonly timeoutMs: number | undefined;
  /** Equal for nodes that may go into one task; `undefined` for one that goes alone. */
  readonly groupKey: string | undefined;
}

// How often Ray runs a task again whose worker or machine died.
const MAX_RETRIES = 3;
const PLAIN = needsOf({ numCpus: 1 }, undefined);

/** The needs of one graph's nodes. */
export class NeedsOfNodes {
  readonly #graph: Graph;
  readonly #known = new Map<Policy, Needs>();
  /** Of instances, what their constructors and calls were set to need. */
  readonly #instances = new Map<number, RemoteArgs[]>();

  constructor(graph: Graph) {
    this.#graph = graph;
    const { nodes, instances, settings } = graph;
    if (settings.size === 0) return;
    for (let i = 0; i < nodes.length; i++) {
      const instance = nodes[i].definition.kind === "constructor" ? i : instances[i];
      const policy = settingsOf(graph, i)?.policy;
      if (instance < 0 || !policy) continue;
      const known = this.#instances.get(instance);
      if (known) known.push(policy.remoteArgs);
      else this.#instances.set(instance, [policy.remoteArgs]);
    }
  }

  of(i: number): Needs {
    const settings = settingsOf(this.#graph, i);
    const policy = settings?.policy;
    let needs = PLAIN;
    if (policy) {
      needs = this.#known.get(policy) ?? needsOf(policy.remoteArgs, policy.timeoutMs);
      this.#known.set(policy, needs);
    }
    const mayBeGrouped = settings?.isGrouped !== false;
    return mayBeGrouped ? needs : { ...needs, groupKey: undefined };
  }

  /**
   * What an instance holds as long as it lives: of each resource, the most that its constructor or one of its calls was
   * set to need. One CPU is only needed to find it a place, as it is Ray's rule for actors of which nothing is said.
   */
  ofInstance(i: number): RayOptions {
    const all = this.#instances.get(i) ?? [];
    const cpus = most(all.map(({ numCpus }) => numCpus));
    const resources: Record<string, number> = {};
    for (const args of all) {
      for (const [name, amount] of Object.entries(args.resources ?? {})) {
        resources[name] = Math.max(resources[name] ?? 0, amount);
      }
    }
    const numGpus = most(all.map((args) => args.numGpus));
    const memory = most(all.map((args) => args.memory));
    const { num_cpus: _, max_retries: __, ...options } = optionsOf({ numGpus, memory, resources });
    return { ...options, ...(cpus !== undefined && cpus !== 1 && { num_cpus: cpus }) };
  }

  /**
   * Refuses what no machine of the cluster can ever hold.
   *
   * @throws {EngineError} Naming the first such node, what it needs, and what there is.
   */
  check(cluster: Cluster): void {
    const alive = cluster.nodes.filter((node) => node.alive);
    const { nodes, settings } = this.#graph;
    if (settings.size === 0) return;
    const fitting = new Set<string>();
    for (let i = 0; i < nodes.length; i++) {
      if (!settingsOf(this.#graph, i)?.policy) continue;
      refuseReserved(nodes[i].name, this.of(i).options);
      const amounts = this.amountsOf(i);
      const key = keyOf(amounts);
      if (fitting.has(key)) continue;
      fitting.add(key);
      if (!fitsOn(alive, amounts)) throw tooMuch(nodes[i].name, amounts, alive);
    }
  }

  /** What one machine must have for a node to begin; of a call, its instance must have found that. */
  amountsOf(i: number): Amounts {
    const { nodes, instances } = this.#graph;
    const instance = nodes[i].definition.kind === "constructor" ? i : instances[i];
    if (instance < 0) return amountsOf(this.of(i).options);
    const amounts = amountsOf(this.ofInstance(instance));
    return amounts.size > 0 ? amounts : amountsOf(PLAIN.options);
  }
}

/** How many CPUs a cluster has. */
export function countCpus({ nodes }: Cluster): number {
  return nodes.reduce((sum, { alive, resources }) => sum + (alive ? resources.CPU ?? 0 : 0), 0);
}

function needsOf(args: RemoteArgs, timeoutMs: number | undefined): Needs {
  const options = optionsOf(args);
  const isLimited = timeoutMs !== undefined && timeoutMs < Infinity;
  const isSpecial = options.num_gpus !== undefined || options.memory !== undefined ||
    options.resources !== undefined;
  return {
    options,
    timeoutMs: isLimited ? timeoutMs : undefined,
    groupKey: isLimited || isSpecial ? undefined : String(options.num_cpus),
  };
}

/** Of what is zero, nothing is said. */
function optionsOf({ numCpus = 1, numGpus = 0, memory = 0, resources = {} }: RemoteArgs) {
  const own = Object.entries(resources).filter(([, amount]) => amount > 0);
  return {
    num_cpus: numCpus,
    max_retries: MAX_RETRIES,
    ...(numGpus > 0 && { num_gpus: numGpus }),
    ...(memory > 0 && { memory: Math.ceil(memory) }),
    ...(own.length > 0 && { resources: Object.fromEntries(own) }),
  } satisfies RayOptions;
}

function most(amounts: readonly (number | undefined)[]): number | undefined {
  const known = amounts.filter((amount) => amount !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

// What Ray has options for.
const RESERVED: Readonly<Record<string, string>> = {
  CPU: "numCpus",
  GPU: "numGpus",
  memory: "memory",
  object_store_memory: "memory",
};

function refuseReserved(name: string, { resources = {} }: RayOptions): void {
  const found = Object.keys(resources).find((resource) => Object.hasOwn(RESERVED, resource));
  if (found === undefined) return;
  throw new EngineError(
    `Node ${
      JSON.stringify(name)
    } can't run on Ray: it needs the resource "${found}", which is a name of Ray's own: say it with '${
      RESERVED[found]
    }' in setRemoteArgs.`,
  );
}
