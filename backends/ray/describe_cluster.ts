/** What a cluster has, as its dashboard tells it. */

import { findAddress, findHeaders, findToken } from "../../ray/address.ts";
import { RayClient } from "../../ray/client.ts";
import { RayConnection } from "../../ray/connection.ts";
import { readObject } from "../../ray/jobs.ts";
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

interface NodeState {
  readonly state?: string;
  readonly resources_total?: Readonly<Record<string, number>>;
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
  const { address, rayVersion } = await RayClient.connect(options);
  const connection = new RayConnection(
    findAddress(options.address),
    findToken(options.token),
    findHeaders(options.headers),
  );
  const reply = await connection.ask({
    doing: "ask what the cluster has",
    path: "/api/v0/nodes?detail=true",
  });
  const { data } = readObject(reply) as { data?: { result?: { result?: NodeState[] } } };
  const alive = (data?.result?.result ?? []).filter(({ state }) => state === "ALIVE");
  const resources: Record<string, number> = {};
  for (const { resources_total = {} } of alive) {
    for (const [name, amount] of Object.entries(resources_total)) {
      if (!OF_A_NODE.test(name)) resources[name] = (resources[name] ?? 0) + amount;
    }
  }
  return { address, rayVersion, nodes: alive.length, resources };
}
