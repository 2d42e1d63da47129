/** What a cluster tells of its machines. */

import { EngineError } from "../core/errors.ts";
import type { HttpReply } from "./http.ts";
import { readObject } from "./jobs.ts";

/** A machine of a cluster that is alive. */
export interface Machine {
  readonly address: string;
  /** What it has altogether. */
  readonly resources: Readonly<Record<string, number>>;
}

/** Those that are alive. */
export function readMachines(reply: HttpReply): Machine[] {
  const { data } = readObject(reply) as { data?: { result?: { result?: readonly NodeReply[] } } };
  return (data?.result?.result ?? []).filter(({ state }) => state === "ALIVE")
    .map(({ node_ip, resources_total }) => ({
      address: node_ip,
      resources: resources_total ?? {},
    }));
}

/**
 * The address of the machine that can have what is wanted.
 *
 * @throws {EngineError} If none can, or several.
 */
export function chooseMachine(
  machines: readonly Machine[],
  wanted: Readonly<Record<string, number | undefined>>,
): string {
  const amounts = Object.entries(wanted)
    .filter((entry): entry is [string, number] => (entry[1] ?? 0) > 0);
  const fitting = new Set(
    machines.filter(({ resources }) =>
      amounts.every(([name, amount]) => (resources[name] ?? 0) >= amount)
    ).map(({ address }) => address),
  );
  const [first, ...others] = fitting;
  if (first !== undefined && others.length === 0) return first;
  const shown = JSON.stringify(Object.fromEntries(amounts));
  throw new EngineError(
    first === undefined
      ? `no machine of the cluster has ${shown} now. Start the one with the files, by ` +
        "`ray start --address=… --resources=…`, or name a resource that there is."
      : `several machines of the cluster have ${shown}: ${[...fitting].sort().join(", ")}. ` +
        "Name a resource that only the one with the files has.",
  );
}

interface NodeReply {
  readonly state: string;
  readonly node_ip: string;
  readonly resources_total?: Readonly<Record<string, number>>;
}
