/** `fuse run` on a cluster of Ray, of the workflows of `ray_fault_nodes.ts`. */

import { fileURLToPath } from "node:url";
import type { Ended, Started, Workspace } from "./fuse.ts";
import type { RayCluster } from "./ray_cluster.ts";

/** The file of the workflows. */
export const FILE: string = fileURLToPath(new URL("ray_fault_nodes.ts", import.meta.url));

/** Runs one of them, which writes down in `log` what it does. */
export function fuseRun(
  workspace: Workspace,
  { address }: RayCluster,
  log: string,
  what: string,
  more: readonly string[] = ["--no-config"],
): Started {
  const args = ["run", FILE, "--backend", "ray", "--address", address, "--json"];
  return workspace.start([
    ...args,
    "--param",
    `log=${log}`,
    "--param",
    `what=${what}`,
    ...more,
  ]);
}

/** The lines of what `fuse` says in the end. */
export function errorOf({ stderr }: Ended): string {
  // Ray's own lines, which come before, may begin like that as well.
  return stderr.slice(stderr.lastIndexOf("\nerror: ") + 1);
}
