import { LocalWorkflow, workflow } from "functionfuse";
import { randomState } from "functionfuse/plugins";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

describe("A query that finds nothing", () => {
  const keep = workflow("keep", (n: number) => n);

  function make() {
    const warnings: string[] = [];
    const wf = new LocalWorkflow(keep(keep(1).setName("train")).setName("évaluer"), {
      workflowName: "queries",
      onWarning: (warning) => warnings.push(warning),
    });
    return { wf, warnings };
  }

  it("is reported once when something is set by it, with the name that was probably meant", () => {
    const { wf, warnings } = make();
    wf.query("trian").setRemoteArgs({ maxRetries: 1 }).setStored(false).setRemoteArgs({});
    assert.deepEqual(warnings, [
      `The call of setRemoteArgs sets nothing, as no node's whole name matches "trian". Did you mean "train"?`,
    ]);
    wf.query(/^evaluer$/).setStored(false);
    assert.match(warnings[1], /setStored .*"\^evaluer\$"\. Did you mean "évaluer"\?$/);
    wf.setPlugin("nobody at all", randomState({ seed: 1 }));
    assert.match(warnings[2], /setPlugin .*\. There are train, évaluer\.$/);
    wf.query("").setStored(true);
    assert.equal(warnings.length, 4);
  });

  it("is fine where nothing is set, and where its nodes were removed by it", async () => {
    const { wf, warnings } = make();
    assert.deepEqual(wf.query("x").names, []);
    const loaded = keep(1);
    keep(loaded).setName("plot");
    const other = new LocalWorkflow(loaded, {
      workflowName: "other",
      onWarning: (warning) => warnings.push(warning),
    });
    other.query("plot").remove().setStored(false);
    assert.equal(await other.run(), 1);
    assert.equal(await wf.run(), 1);
    assert.deepEqual(warnings, []);
  });
});
