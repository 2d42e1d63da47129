/** What a cluster has, as its dashboard tells it. */

import { RayClient } from "../../ray/client.ts";
import type { RayConnectOptions } from "./options.ts";

/** A cluster that answers. */
export interface ClusterDescription {
  readonly address: string;
  readonly rayVersion: string;
  /** How many nodes are alive. */
  readonly nodes: number;
  /** What they have altogether: `CPU`, `GPU`, `memory` in bytes, and those with names of their own. */
  readonly resources: Readonly<Record<string, number>>;
}

// What Ray adds for each node, by which tasks are sent to that one.
const OF_A_NODE = /^node:|^object_store_memory$/;

/**
 * Asks a cluster what it has.
 *
 * @throws {TypeError} If an option makes no sense.
 * @throws {EngineError} If it can't be reached, or is too old.
 */
export async function describeCluster(
  options: Pick<RayConnectOptions, "address" | "token" | "headers">,
): Promise<ClusterDescription> {
  const client = await RayClient.connect(options);
  const machines = await client.machines();
  const resources: Record<string, number> = {};
  for (const machine of machines) {
    for (const [name, amount] of Object.entries(machine.resources)) {
      if (!OF_A_NODE.test(name)) resources[name] = (resources[name] ?? 0) + amount;
    }
  }
  const { address, rayVersion } = client;
  return { address, rayVersion, nodes: machines.length, resources };
}
