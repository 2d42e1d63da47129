/**
 * What a cluster of Ray on this machine costs, beside Python Ray on the same cluster: 2,000 nodes that do nothing, each a
 * task or grouped, all independent or in layers of 100 that each read two of the layer before; and arrays of 256 MB that
 * one node fills and another sums up, or gets: "handed" counts from the end of the one to the begin of the other.
 *
 * Rounds alternate; each figure is the median of five after one that is not counted. What is timed is a run of a job that
 * is there, from `run()` to the values.
 */

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import process from "node:process";
import { RAY_PYTHON, RayCluster, skipWithoutRay } from "../tests/support/ray_cluster.ts";
import { makePackage } from "../tests/support/ray_direct.ts";

const reason = skipWithoutRay();
if (reason) {
  console.log(reason);
  process.exit();
}
const cluster = await RayCluster.start({
  nodes: [{ objectStoreBytes: 2 ** 31 }],
  // Two jobs take turns: neither is to lose its workers meanwhile.
  env: { RAY_idle_worker_killing_time_threshold_ms: "600000" },
});
const folder = makePackage();
try {
  const job = spawn(RAY_PYTHON, ["driver.py", "../../../bench/ray_rounds.ts"], {
    cwd: folder,
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, RAY_ADDRESS: cluster.gcsAddress, RAY_AUTH_MODE: "disabled" },
  });
  let said = "";
  job.stderr.on("data", (text) => said += text);
  const code = await new Promise((done) => job.once("exit", done));
  const found = /^\{"rows":.*$/m.exec(said);
  if (!found) throw new Error(`The measurement ended with ${code}: ${said}`);
  const { rows, load } = JSON.parse(found[0]);
  console.log(`On a machine whose load was ${load.toFixed(1)} at the end:`);
  console.table(rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
  await cluster.stop();
}
