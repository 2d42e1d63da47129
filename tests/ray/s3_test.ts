/** Results that a cluster's machines keep in S3. */

import { RayWorkflow } from "functionfuse/backends/ray";
import { S3Storage } from "functionfuse/storage";
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { skipWithout, VERSITYGW } from "../support/peers.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";
import { range, sum } from "../support/ray_nodes.ts";
import { recorder } from "../support/recorder.ts";
import { BUCKET, CREDENTIALS, startVersity } from "../support/s3_servers.ts";

const skip = skipWithoutRay() || skipWithout(VERSITYGW);

describe("A run on Ray with results in S3", { skip }, () => {
  it("keeps them there from the cluster, and uses them again", { timeout: 300_000 }, async () => {
    const server = await startVersity();
    const env = {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
    // Machines have credentials of their own: here, those of their environment.
    Object.assign(process.env, env);
    const cluster = await RayCluster.start({ env });
    try {
      const config = { endpoint: server.endpoint, region: "us-east-1", forcePathStyle: true };
      const storage = new S3Storage({ path: `${BUCKET}/ray`, client: config });
      const run = async () => {
        const { plugin, ends } = recorder();
        const total = sum(range(4).setName("first")).setName("total");
        const wf = new RayWorkflow(total, {
          ...{ workflowName: "kept", address: cluster.address, storage, plugins: [plugin] },
          onLog() {},
        });
        return { value: await wf.run(), ends };
      };
      assert.equal((await run()).value, 6);
      assert.deepEqual(await storage.listTasks("kept"), ["first", "total"]);
      assert.deepEqual(await storage.readTask("kept", "first"), new Float64Array([0, 1, 2, 3]));
      const again = await run();
      assert.equal(again.value, 6);
      assert.ok([...again.ends.values()].every(({ isStored }) => isStored));
    } finally {
      for (const name of Object.keys(env)) delete process.env[name];
      await cluster.stop();
      await server.stop();
    }
  });
});
