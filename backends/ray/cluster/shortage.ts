/** What nodes need that machines don't have, and how that is said. */

import { EngineError } from "../../../core/errors.ts";
import type { Cluster } from "./driver_link.ts";
import type { RayOptions } from "./wire.ts";

/** How much is needed of each of Ray's resources. */
export type Amounts = ReadonlyMap<string, number>;

/** Those that are alive. */
export type Machines = Cluster["nodes"];

// Ray counts in ten-thousandths.
const PARTS = 10_000;

const MOST_NAMES = 3;
// What Ray counts for itself.
const IS_RAYS = /^node:|^object_store_memory$/;

/** What a task or an actor of these options needs. */
export function amountsOf({ num_cpus, num_gpus, memory, resources }: RayOptions): Amounts {
  const all = { CPU: num_cpus, GPU: num_gpus, memory, ...resources };
  return new Map(
    Object.entries(all).filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0),
  );
}

/** Equal for equal amounts. */
export function keyOf(amounts: Amounts): string {
  return JSON.stringify([...amounts]);
}

/** Whether one of the machines has all of it, be it free or not. */
export function fitsOn(machines: Machines, amounts: Amounts): boolean {
  return machines.some(({ resources }) =>
    [...amounts].every(([name, amount]) => inParts(amount) <= inParts(resources[name] ?? 0))
  );
}

/** Refuses a node that fits on no machine. */
export function tooMuch(name: string, amounts: Amounts, machines: Machines): EngineError {
  const { needed, why, remedy } = explain(amounts, machines);
  return new EngineError(
    `Node ${JSON.stringify(name)} can never run on this cluster: it needs ${needed}, and ${why}. ` +
      `Lower what it needs by setRemoteArgs, or ${remedy}.`,
  );
}

/** Warns of nodes that no machine has room for any more. */
export function sayMissing(
  names: readonly string[],
  amounts: Amounts,
  machines: Machines,
): string {
  const { needed, why, remedy } = explain(amounts, machines);
  return `${showWaiting(names)} for a machine with ${needed}: now ${why} (the cluster has ${
    showTotals(machines)
  }). The run goes on as soon as there is one: ${remedy}; or stop the run, and lower what is needed by setRemoteArgs.`;
}

/** Warns of nodes that there is room for, but none has begun for long. */
export function sayBusy(
  names: readonly string[],
  amounts: Amounts,
  { machines, free, quietMs }: {
    readonly machines: Machines;
    readonly free: Readonly<Record<string, number>>;
    readonly quietMs: number;
  },
): string {
  const left = [...amounts.keys()].filter((resource) => resource !== "memory")
    .map((resource) => `${show(resource, rounded(free[resource] ?? 0))}`);
  return `Nothing of the run has begun on the cluster for ${Math.round(quietMs / 1_000)} s: ${
    showWaiting(names)
  } for ${showAll(amounts)}. The cluster has ${showTotals(machines)}, of which ${
    left.join(" and ")
  } are free: the rest is in use by other jobs or by this run's own instances, or machines are still made ready. See \`ray status\` or the dashboard.`;
}

/** What is needed, why it isn't there, and what would bring it. */
function explain(amounts: Amounts, machines: Machines) {
  const largest = (resource: string) =>
    Math.max(0, ...machines.map(({ resources }) => resources[resource] ?? 0));
  const over = [...amounts].filter(([resource, amount]) =>
    inParts(amount) > inParts(largest(resource))
  );
  const shown = over.length > 0 ? over : [...amounts];
  return {
    needed: showAll(shown),
    why: over.length > 0
      ? shown.map(([resource]) => atMost(resource, largest(resource))).join(", and ")
      : `no machine has all of it: ${machines.map(showMachine).join("; ")}`,
    remedy: `start a Ray node that has it, by \`ray start --address=… ${flags(shown)}\``,
  };
}

const inParts = (amount: number) => Math.round(amount * PARTS);
const rounded = (amount: number) => inParts(amount) / PARTS;

function showAll(amounts: Iterable<readonly [string, number]>): string {
  return [...amounts].map(([resource, amount]) => show(resource, amount)).join(" and ");
}

/** Some names, how many more there are, and that they wait. */
function showWaiting(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map((name) => JSON.stringify(name));
  const more = names.length - shown.length;
  if (more > 0) shown.push(`${more} other node${more === 1 ? "" : "s"}`);
  const all = shown.length === 1
    ? shown[0]
    : `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
  return `${all} ${names.length === 1 ? "waits" : "wait"}`;
}

/** What there is altogether, but for memory. */
function showTotals(machines: Machines): string {
  const totals = new Map<string, number>();
  for (const { resources } of machines) {
    for (const [name, amount] of Object.entries(resources)) {
      if (name === "memory" || IS_RAYS.test(name)) continue;
      totals.set(name, rounded((totals.get(name) ?? 0) + amount));
    }
  }
  const count = `${machines.length} machine${machines.length === 1 ? "" : "s"}`;
  return totals.size === 0 ? `${count} without CPUs` : `${count} with ${showAll(totals)}`;
}

function atMost(resource: string, amount: number): string {
  return amount === 0
    ? `no machine has ${resource === "memory" ? "memory for that" : nameOf(resource)}`
    : `the most that a machine has is ${show(resource, amount)}`;
}

function nameOf(resource: string): string {
  if (resource === "CPU" || resource === "GPU") return `a ${resource}`;
  return `"${resource}"`;
}

function show(resource: string, amount: number): string {
  if (resource === "CPU" || resource === "GPU") {
    return `${amount} ${resource}${amount === 1 ? "" : "s"}`;
  }
  return resource === "memory" ? `${amount} bytes of memory` : `${amount} of "${resource}"`;
}

function showMachine({ address, resources }: Cluster["nodes"][number]): string {
  const own = Object.entries(resources).filter(([name]) => !IS_RAYS.test(name));
  return `${address} has ${own.map(([name, amount]) => show(name, amount)).join(", ")}`;
}

function flags(amounts: readonly (readonly [string, number])[]): string {
  const own: Record<string, number> = {};
  const said: string[] = [];
  for (const [resource, amount] of amounts) {
    if (resource === "CPU") said.push(`--num-cpus=${Math.ceil(amount)}`);
    else if (resource === "GPU") said.push(`--num-gpus=${Math.ceil(amount)}`);
    else if (resource === "memory") said.push(`--memory=${amount}`);
    else own[resource] = amount;
  }
  if (Object.keys(own).length > 0) said.push(`--resources='${JSON.stringify(own)}'`);
  return said.join(" ");
}
