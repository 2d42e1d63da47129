/** The digits example on a cluster. */

import { LocalWorkflow } from "functionfuse/backends/local";
import { RayWorkflow } from "functionfuse/backends/ray";
import { randomState } from "functionfuse/plugins";
import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { applyConfig } from "functionfuse/config";
import config from "../../examples/mnist/fuse.config.ts";
import classifiers, { workflowName } from "../../examples/mnist/workflow.ts";
import { Workspace } from "../support/fuse.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";
import { recorder } from "../support/recorder.ts";

const workspace = new Workspace();
after(() => workspace.remove());

const DRAWS = /(?:knn|centroid|forest)_train|softmax.*/;

/** What each classifier guessed right. */
function accuracies(rows: readonly { classifier: string; accuracy: number }[]) {
  return rows.map(({ classifier, accuracy }) => [classifier, accuracy]).toSorted();
}

describe("The digits example", { skip: skipWithoutRay() }, () => {
  it("gives on a cluster what it gives here, and reads all results the second time", {
    // Bun gives a test five seconds otherwise.
    timeout: 600_000,
  }, async () => {
    const here = new LocalWorkflow(classifiers(), {
      workflowName,
      storage: new FileStorage({ path: join(workspace.path, "here") }),
    });
    here.setPlugin(DRAWS, randomState({ seed: 7 }));
    const wanted = accuracies(await here.run());

    const { address, nodes } = await RayCluster.shared();
    const storage = new FileStorage({ path: join(workspace.path, "there") });
    const run = async () => {
      const { plugin, ends } = recorder();
      const wf = new RayWorkflow(classifiers(), {
        ...{ workflowName, address, storage, plugins: [plugin], onLog() {} },
      });
      // What its engineer's side says means the same on a cluster.
      applyConfig(wf, config);
      wf.query(".*_train").setRemoteArgs({ resources: { _model: 0.5 } });
      return { rows: await wf.run(), ends };
    };
    const first = await run();
    assert.deepEqual(accuracies(first.rows), wanted);
    const model = nodes.find(({ resources }) => "_model" in resources)!;
    for (const name of ["knn_train", "centroid_train", "forest_train"]) {
      assert.equal(first.ends.get(name)!.worker!.split("/")[0], model.id.slice(0, 8), name);
    }

    const second = await run();
    assert.deepEqual(second.rows, first.rows);
    assert.deepEqual([...second.ends].map(([name, { isStored }]) => [name, isStored]), [
      ["compare", true],
    ]);
    // What both have kept is the same, but for how long it took.
    for (const name of ["shuffle", "principal_axes", "project_test"]) {
      const own = await new FileStorage({ path: join(workspace.path, "here") })
        .readTask(workflowName, name);
      assert.deepEqual(await storage.readTask(workflowName, name), own, name);
    }
  });
});
