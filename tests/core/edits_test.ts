import { LocalWorkflow, type NodePlan, ParallelWorkflow } from "functionfuse";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { testEdits } from "../contract/edits.ts";
import { Workspace } from "../support/fuse.ts";

testEdits(
  "LocalWorkflow",
  (targets, options) => new LocalWorkflow(targets, { workflowName: "test", ...options }),
  { isRemote: false, numRuns: 150 },
);

testEdits(
  "ParallelWorkflow with 2 threads",
  (targets, options) =>
    new ParallelWorkflow(targets, { workflowName: "test", workers: 2, ...options }),
  { isRemote: true, numRuns: 20 },
);

testEdits(
  "ParallelWorkflow with 2 processes",
  (targets, options) =>
    new ParallelWorkflow(targets, {
      workflowName: "test",
      workers: 2,
      isolation: "process",
      ...options,
    }),
  { isRemote: true, numRuns: 8 },
);

describe("Edits of a configuration", () => {
  const workspace = new Workspace();
  after(() => workspace.remove());
  const helper = (factor: number, least: number) => `
const factor = ${factor};
export function scale(values: number[]) { return values.map((n) => n * factor); }
export function clean(values: number[]) { return values.filter((n) => n > least()); }
const least = () => ${least};
`;
  workspace.write(
    "workflow.ts",
    `
import { workflow } from "functionfuse";
import { scale } from "./helper.ts";
const load = workflow("load", (n: number) => [n, -n, n + 1]);
const scaled = workflow("scaled", (values: number[]) => scale(values));
const sum = workflow("sum", (values: number[]) => values.reduce((a, b) => a + b, 0));
export default sum(scaled(load(3).setName("load")).setName("scaled")).setName("sum");
`,
  );
  workspace.write(
    "fuse.config.ts",
    `
import { defineConfig } from "functionfuse/config";
import { clean } from "./helper.ts";
export default defineConfig({
  workers: 2,
  rules: [
    { query: "scaled", insertBefore: clean },
    { query: "scaled.*", collapse: "prepared" },
  ],
});
`,
  );
  const run = async () => {
    const { code, stdout, stderr } = await workspace.fuse(["run", "workflow.ts", "--no-check"]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /on the host|warning/);
    return { value: Number(stdout), stderr };
  };

  it("are made in workers, and their groups are stored and used again", async () => {
    workspace.write("helper.ts", helper(2, 0));
    assert.equal((await run()).value, 14);
    const { value, stderr } = await run();
    assert.equal(value, 14);
    assert.match(stderr, /Nothing had to run: all 3 results/);
  });

  it("are what --select selects from", async () => {
    const select = (pattern: string) =>
      workspace.fuse(["run", "workflow.ts", "--no-check", "--select", pattern]);
    const { stdout, stderr } = await select("prepared");
    assert.equal(stdout, "prepared: [6, 8]\n", stderr);
    assert.match(stderr, /Nothing had to run/);
    const inner = await select("scaled");
    assert.equal(inner.code, 2);
    assert.match(
      inner.stderr,
      /No node's whole name matches "scaled"\. There are load, prepared, sum/,
    );
  });

  it("run a group again when a helper of one of its functions has changed, and say so", async () => {
    workspace.write("helper.ts", helper(2, 3));
    const { stdout } = await workspace.fuse(["plan", "workflow.ts", "--json", "--no-check"]);
    const planned = JSON.parse(stdout) as NodePlan[];
    assert.deepEqual(planned.map(({ name, action }) => `${name}: ${action}`), [
      "load: stored",
      "prepared: run",
      "sum: run",
    ]);
    assert.equal(planned[1].reason, "helper.ts#least changed");
    assert.equal((await run()).value, 8);

    workspace.write("helper.ts", helper(5, 3));
    const { value, stderr } = await run();
    assert.equal(value, 20);
    assert.match(stderr, /prepared ran .*, as helper\.ts#factor changed/);
  });
});

describe("Edits of a plain script", () => {
  const workspace = new Workspace();
  after(() => workspace.remove());

  it("carry functions to workers, also where another edit was refused", () => {
    const library = JSON.stringify(new URL("../../mod.ts", import.meta.url).href);
    workspace.write(
      "script.ts",
      `
import process from "node:process";
import { LocalWorkflow, ParallelWorkflow, workflow } from ${library};
const isHost = (pid: unknown) => pid === process.pid;
const load = workflow("load", () => 1);
const keep = workflow("keep", (value: unknown) => value);
const wf = new ParallelWorkflow(keep(load()), {
  workflowName: "script",
  isolation: "process",
});
try {
  wf.query("nothing").insertBefore((n: number) => n - 100);
} catch (error) {
  console.log((error as { reason: string }).reason);
}
wf.query("load_0000").insertAfter(async (n: number) => [n, process.pid]);
wf.query().collapse("all");
const [one, pid] = await wf.run() as number[];
console.log(one, isHost(pid));
const late = new LocalWorkflow(keep(load()), { workflowName: "script" });
late.query("load.*").insertAfter((n: number) => n + 1);
console.log(await late.run());
`,
    );
    const { status, stdout, stderr } = runFile(workspace, "script.ts");
    assert.equal(status, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split("\n"), ["no-match", "1 false", "2"]);
    assert.equal(stderr, "");
  });
});

function runFile({ path }: Workspace, name: string) {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const flags = process.versions.deno ? ["run", "-A", "--quiet", "--config", config] : [];
  return spawnSync(process.execPath, [...flags, join(path, name)], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
}
