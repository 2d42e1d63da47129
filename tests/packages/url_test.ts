/** The library imported by URL, from a server that has just the published files: no `deno.json`, no `package.json`. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Published, servePublished } from "../support/published.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const skip = process.versions.deno ? false : "Bun imports no modules by URL";

/** What users' own servers have beside it. */
const SHARED = `
import { workflow } from "../mod.ts";
export const sum = workflow("sum", (a: number, b: number) => a + b);
`;

const folder = mkdtempSync(join(tmpdir(), "functionfuse-url-"));
after(() => rmSync(folder, { recursive: true }));
let server: Published;
before(async () => void (server = await servePublished({ "shared/sum.ts": SHARED })));
after(() => server.close());

let count = 0;

/** Runs a script of a folder of its own; `SERVER` in it is the server's URL. */
function runScript(text: string, flags: readonly string[] = ["-A"]) {
  const at = server.host;
  const home = join(folder, String(count++));
  mkdirSync(home);
  writeFileSync(join(home, "script.ts"), text.replaceAll("SERVER", `http://${at}`));
  const allowed = flags.map((flag) => flag.replace("SERVER", at));
  const args = [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-lock",
    `--reload=http://${at}`,
    ...allowed,
    "script.ts",
  ];
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise<{ stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      args,
      { cwd: home, env, timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ stdout, stderr: error ? `${error.message}\n${stderr}` : stderr });
      },
    );
  });
}

describe("The library by URL", () => {
  for (const isolation of ["thread", "process"]) {
    it(
      `runs nodes in workers of the kind ${isolation}, and stores their values`,
      { skip },
      async () => {
        const { stdout, stderr } = await runScript(`
import { workflow } from "SERVER/mod.ts";
import { ParallelWorkflow } from "SERVER/backends/parallel.ts";
import { randomState } from "SERVER/plugins/mod.ts";
import { storageFactory } from "SERVER/storage/mod.ts";
import { sum } from "SERVER/shared/sum.ts";
import process from "node:process";

const isInThread = () => "WorkerGlobalScope" in globalThis;
const where = workflow("where", (n: number) => [n, process.pid, isInThread()]);
const storage = storageFactory({ kind: "file", options: { path: "results" } });
const options = {
  workflowName: "url",
  storage,
  plugins: [randomState({ seed: 1 })],
  isolation: "${isolation}" as const,
};
const wf = new ParallelWorkflow([where(sum(sum(1, 2), 3)), sum(1, 1)], options);
const [[n, pid, isThread], two] = await wf.run();
console.log(n, pid === process.pid, isThread, two, await storage.listTasks("url"));
console.log((await wf.plan()).map(({ action }) => action).join());
`);
        const own = isolation === "thread";
        assert.equal(
          stdout,
          `6 ${own} ${own} 2 [ "sum_0000", "sum_0001", "sum_0002", "where_0000" ]\n` +
            "stored,stored,stored,stored\n",
          stderr,
        );
        // What is behind the user's own URL is not looked into.
        const about = stderr.trimEnd().split("\n");
        assert.ok(about.every((line) => line.startsWith('Of "sum", only its own text ')), stderr);
      },
    );
  }

  it("has every public entry", { skip }, async () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const paths = Object.values<string>(exports).map((path) => path.slice(1));
    const { stdout, stderr } = await runScript(
      paths.map((path, i) => `import * as entry${i} from "SERVER${path}";\n`).join("") +
        `console.log([${
          paths.map((_, i) => `entry${i}`)
        }].every((entry) => Object.keys(entry).length > 0));`,
    );
    assert.deepEqual({ stdout, stderr }, { stdout: "true\n", stderr: "" });
  });

  it("draws, configures, serializes and helps with tests", { skip }, async () => {
    const { stdout, stderr } = await runScript(`
import { LocalWorkflow } from "SERVER/backends/local.ts";
import { GraphWorkflow } from "SERVER/backends/graph.ts";
import { applyConfig, defineConfig } from "SERVER/config.ts";
import { MemoryStorage, parquetSerializer, zarrSerializer } from "SERVER/storage/mod.ts";
import { workflow } from "SERVER/mod.ts";
import { runWith } from "SERVER/testing.ts";
import { sum } from "SERVER/shared/sum.ts";

const three = sum(1, 2).setName("three");
console.log((await new GraphWorkflow(three, { workflowName: "g" }).run()).includes("<svg"));
const configured = new LocalWorkflow(three, { workflowName: "c" });
applyConfig(configured, defineConfig({ rules: [{ query: "three", replaceFunction: () => 4 }] }));
console.log(await configured.run());
console.log((await runWith(sum(three, 1), { values: { three: 5 } })).value);
console.log(await runWith(three, { values: { there: 5 } }).catch(({ message }) => message));

const zeros = workflow("zeros", (n: number) => ({ data: new Float64Array(n), shape: [n] }));
const storage = new MemoryStorage({ serializers: [zarrSerializer({ minBytes: 0 }), parquetSerializer()] });
await new LocalWorkflow(zeros(9).setName("nine"), { workflowName: "z", storage }).run();
const nine = await storage.readTask("z", "nine") as { read(): Promise<{ data: Float64Array }> };
console.log((await nine.read()).data.length);
`);
    assert.match(stdout, /^true\n4\n6\n.*The nearest name is "three"\.\n9\n$/, stderr);
    assert.equal(stderr, "");
  });

  it("needs the permission to import from the server, and to read what workers begin with", {
    skip,
  }, async () => {
    const text = `
import { ParallelWorkflow, workflow } from "SERVER/mod.ts";
const where = workflow("where", () => "WorkerGlobalScope" in globalThis);
console.log(await new ParallelWorkflow(where(), { workflowName: "url" }).run());
`;
    const flags = ["--allow-import=SERVER", "--allow-read=."];
    assert.deepEqual(await runScript(text, flags), { stdout: "true\n", stderr: "" });
  });

  after(() => assert.deepEqual(server.missed, [], "nothing was asked for that users do not get"));
});
