/** What is said of runs that a cluster can't carry out. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Workspace } from "../support/fuse.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";
import { readNotes } from "../support/ray_fault_nodes.ts";
import { errorOf, FILE, fuseRun } from "../support/ray_runs.ts";

const skip = skipWithoutRay();
const workspace = new Workspace();
after(() => workspace.remove());

let cluster: RayCluster;
before(async () => {
  if (!skip) cluster = await RayCluster.shared();
});

const path = (name: string) => join(workspace.path, name);

/** Writes a configuration. */
function configure(name: string, text: string): void {
  workspace.write(
    `${name}.config.ts`,
    `import { defineConfig } from "functionfuse/config";\nexport default defineConfig({ ${text} });\n`,
  );
}

describe("What can't be run", { skip }, () => {
  it("is said in a line, with what was said last", async () => {
    configure(
      "memory",
      `ray: { runtimeEnv: { env_vars: { DENO_V8_FLAGS: "--max-old-space-size=64" } } }`,
    );
    const cases: [what: string, message: RegExp][] = [
      ["exit", /^error: .*"deadly".* exit code 3/],
      ["kill", /^error: .*"deadly".* SIGKILL/],
      ["worker", /^error: .*"deadly".*The worker is gone/],
      [
        "late",
        /^error: .*"deadly".*The worker is gone: .* It ran on [\d.]+, process \d+\. .*\n {4}the last words before late\n$/,
      ],
      ["memory", /^error: .*"deadly".* (?:memory|SIG)/],
    ];
    await Promise.all(cases.map(async ([what, message]) => {
      const log = path(`${what}.log`);
      const config = what === "memory" ? ["--config", path("memory.config.ts")] : ["--no-config"];
      const ended = await fuseRun(workspace, cluster, log, what, config).ended;
      assert.equal(ended.code, 4, ended.stderr);
      assert.match(errorOf(ended), message);
      // Ray tries again what it sees die itself.
      assert.equal(readNotes(log).length, what === "worker" || what === "late" ? 4 : 1, what);
      if (what !== "worker") return;
      const said = ended.stderr.split("\n").filter((line) => line.startsWith("(raylet) "));
      assert.ok(said.some((line) => /A worker died.* Worker PID: \d+/.test(line)), ended.stderr);
      assert.ok(said.every((line) => line.length < 300), said.join("\n"));
    }));
  });

  it("is refused if no machine has what it needs", async () => {
    configure("greedy", `rules: [{ query: "greedy", remoteArgs: { resources: { _none: 1 } } }]`);
    const config = ["--config", path("greedy.config.ts")];
    const ended = await fuseRun(workspace, cluster, "", "greedy", config).ended;
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(
      errorOf(ended),
      /^error: Node "greedy" can never run on this cluster: .*"_none".*--resources='{"_none":1}'`\.\n$/,
    );
  });

  it("is said of a job whose driver finds no place, which Ctrl-C leaves to Ray", async () => {
    configure("placeless", `ray: { driverArgs: { resources: { _none: 1 } } }`);
    const config = ["--config", path("placeless.config.ts")];
    const ended = await workspace.fuse(
      ["run", FILE, "--backend", "ray", "--address", cluster.address, ...config],
      "has not begun for",
    );
    assert.equal(ended.code, 130, ended.stderr);
    assert.match(ended.stderr, /^warning: The Ray job fuse-\S+ has not begun for .*'driverArgs'/m);
    assert.match(ended.stderr, /^warning: The Ray job fuse-\S+ was stopped but has not ended yet/m);
  });

  it("is said of a module that only the cluster's machines can't import", async () => {
    await Promise.all(["host", "node"].map(async (program) => {
      const file = `picky_${program}.ts`;
      workspace.write(
        file,
        `import { workflow } from "functionfuse";
import process from "node:process";
const main = (globalThis as { Deno?: { mainModule: string } }).Deno?.mainModule;
if (main?.endsWith("/cluster/${program}.ts")) throw new Error("there is no data here");
export default workflow("one", () => 1)();
`,
      );
      const ended = await workspace.fuse([
        ...["run", file, "--no-config", "--backend", "ray", "--address", cluster.address],
      ]);
      assert.equal(ended.code, 4, ended.stderr);
      assert.match(errorOf(ended), /^error: .*picky_.*\.ts.*there is no data here[^\n]*\n$/);
    }));
  });
});

describe("A token that is wrong", () => {
  it("ends fuse run with 4, and is not shown", async () => {
    const server = createServer((_, response) => {
      response.writeHead(403).end("Unauthorized: Invalid token");
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const address = `http://127.0.0.1:${port}`;
    const args = ["run", FILE, "--no-config", "--backend", "ray", "--address", address];
    const env = { RAY_AUTH_TOKEN: "not-the-right-one" };
    const ended = await workspace.start([...args, "--param", "what=greedy"], { env }).ended;
    server.close();
    assert.equal(ended.code, 4, ended.stderr);
    assert.match(errorOf(ended), /^error: Can't .* refuses the token from RAY_AUTH_TOKEN\. .*\n$/);
    assert.doesNotMatch(ended.stderr, /not-the-right-one/);
  });
});
