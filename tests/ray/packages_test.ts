/** Clusters are sent this library by whoever has it: from an executable, from the npm package, and by its URL. */

import { LocalWorkflow, workflow } from "functionfuse";
import { randomState } from "functionfuse/plugins";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Workspace } from "../support/fuse.ts";
import { programs } from "../support/programs.ts";
import { servePublished } from "../support/published.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { bun } = process.versions;
const workspace = new Workspace();
after(() => workspace.remove());

/** A workflow with its configuration, as a module that runs it; what it imports begins with `LIBRARY`. */
const NODES = `import { workflow } from "LIBRARY";
import { twice } from "./twice.ts";

const draw = workflow("draw", () => Math.random());
const Sum = workflow(class Sum {
  constructor(readonly start: number) {}
  add(value: number) {
    console.log("in Deno:", "Deno" in globalThis);
    return this.start + twice(value);
  }
});
export default [draw().setName("drawn"), new Sum(1).add(21).setName("sum")];
`;
const SCRIPT = `import { RayWorkflow } from "LIBRARY/backends/ray";
import { randomState } from "LIBRARY/plugins";
import targets from "./nodes.ts";

const wf = new RayWorkflow(targets, { workflowName: "sent", address: "ADDRESS" });
wf.setPlugin("drawn", randomState({ seed: 7 }));
console.log(JSON.stringify(await wf.run()));
`;
const CONFIG = `import { defineConfig } from "LIBRARY/config";
import { randomState } from "LIBRARY/plugins";

export default defineConfig({
  backend: "ray",
  ray: { address: "ADDRESS" },
  rules: [{ query: "drawn", plugins: [randomState({ seed: 7 })] }],
});
`;

/** Writes a project in a folder of its own. */
function writeProject(name: string, address: string, importOf: (entry: string) => string): string {
  const write = (file: string, text: string) =>
    workspace.write(
      `${name}/${file}`,
      text.replace("ADDRESS", address).replaceAll(/"LIBRARY([^"]*)"/g, (_, entry) => {
        return JSON.stringify(importOf(entry));
      }),
    );
  write("nodes.ts", NODES);
  write("script.ts", SCRIPT);
  write("fuse.config.ts", CONFIG);
  write("twice.ts", "export const twice = (value: number): number => 2 * value;\n");
  return join(workspace.path, name);
}

function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

/** What the plugin gives anywhere. */
async function drawHere(): Promise<number> {
  const node = workflow("draw", () => Math.random())().setName("drawn");
  const wf = new LocalWorkflow(node, { workflowName: "here" });
  return await wf.setPlugin("drawn", randomState({ seed: 7 })).run();
}

/** What all of them give: a number that the plugin decides, and one of code that the user has. */
async function check(stdout: string): Promise<void> {
  assert.deepEqual(JSON.parse(stdout), [await drawHere(), 43]);
}

describe("A cluster is sent the library", { skip: skipWithoutRay() }, () => {
  let address: string;
  before(async () => void ({ address } = await RayCluster.shared()));

  const [executable] = bun ? [] : programs().filter((program) => program.isExecutable);
  const skip = bun ? "the same test runs with Deno" : executable.missing ?? false;
  it("by an executable, whose plugins are found there", { skip }, async () => {
    const cwd = writeProject("executable", address, (entry) => `functionfuse${entry}`);
    const { stdout, stderr, code } = await executable.start(["run", "nodes.ts", "--json"], { cwd });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^\[sum\] in Deno: true$/m);
    await check(stdout);
  });

  it("by the npm package", async () => {
    const cwd = writeProject("npm", address, (entry) => `functionfuse${entry}`);
    workspace.write("npm/package.json", JSON.stringify({ private: true, type: "module" }));
    const tool = [join(ROOT, "tools/npm.ts"), join(cwd, "dist")];
    const flags = ["run", "-A", "--quiet"];
    const own = bun ? tool : [...flags, "--config", join(ROOT, "deno.json"), ...tool];
    const tarball = (await run(process.execPath, own, "/")).trim();
    if (bun) await run(process.execPath, ["add", tarball], cwd);
    else await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], cwd);
    await check(await run(process.execPath, [...(bun ? [] : flags), "script.ts"], cwd));
  });

  const skipUrl = bun ? "Bun imports no modules by URL" : false;
  it("that was imported by its URL, by that", { skip: skipUrl }, async () => {
    const server = await servePublished();
    const paths: Readonly<Record<string, string>> = {
      "": "mod.ts",
      "/backends/ray": "backends/ray.ts",
      "/plugins": "plugins/mod.ts",
      "/config": "config.ts",
    };
    const importOf = (entry: string) => `http://${server.host}/${paths[entry]}`;
    const cwd = writeProject("url", address, importOf);
    const flags = ["-A", "--quiet", "--no-lock", "--no-config"];
    await check(await run(process.execPath, ["run", ...flags, "script.ts"], cwd));
    await server.close();
    assert.deepEqual(server.missed, []);
  });
});
