/** Which of Deno's permissions each use needs: with these alone it works, and without one it says which. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { skipWithout, VERSITYGW } from "../support/peers.ts";
import { BUCKET, type S3Server, startVersity } from "../support/s3_servers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const skip = process.versions.deno ? false : "permissions are Deno's; Bun has none";

// The user's folder: that of the library is not in it.
const folder = mkdtempSync(join(tmpdir(), "functionfuse-permissions-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a file of the folder, or of the library, with these permissions alone. */
function run(flags: readonly string[], file: string, ...args: string[]) {
  const always = ["run", "--no-prompt", "--quiet", "--config", join(ROOT, "deno.json")];
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [...always, ...flags, file, ...args],
      { cwd: folder, env, timeout: 60_000 },
      (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** Removes what earlier runs have stored. */
function forget(): void {
  rmSync(join(folder, ".fuse"), { recursive: true, force: true });
}

async function works(flags: readonly string[], file: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(flags, file, ...args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

const [, QUICK_START] = /```ts\n([^]*?)```/.exec(readFileSync(join(ROOT, "README.md"), "utf8"))!;
const STORED = ["--allow-read=.", "--allow-write=.fuse"];
const CLI = join(ROOT, "cli.ts");

const SCRIPTS = {
  "quickstart.ts": QUICK_START,
  "stored.ts": `
import { storageFactory } from "functionfuse/storage";
import { twice } from "./helper.ts";
${
    QUICK_START.replace(/a \+ b/, "twice(a + b) / 2").replace(
      /workflowName: "\w+"/,
      `$&, storage: storageFactory({ kind: "file", options: { path: ".fuse" } })`,
    )
  }`,
  "helper.ts": "export const twice = (x: number): number => 2 * x;\n",
  "workflow.ts": `
import { workflow } from "functionfuse";
const square = workflow("square", (x: number) => x * x);
export default square(square(3));
`,
  "arrays.ts": `
import { LocalWorkflow, workflow } from "functionfuse";
import { hdf5Serializer, parquetSerializer, storageFactory, zarrSerializer } from "functionfuse/storage";
import process from "node:process";
const zeros = workflow("zeros", (n: number) => ({ data: new Float64Array(n), shape: [n] }));
const total = workflow("total", async (x: any) => (await x.read()).data.length);
const storage = storageFactory({ kind: "file", options: { path: ".fuse" } });
const arrays = process.argv[2] === "zarr" ? zarrSerializer({ minBytes: 0 }) : hdf5Serializer({ minBytes: 0 });
storage.registerSerializers(arrays, parquetSerializer());
const wf = new LocalWorkflow(total(zeros(1000)), { workflowName: process.argv[2], storage });
console.log(await wf.run());
`,
  "parallel.ts": `
import { ParallelWorkflow, workflow } from "functionfuse";
import { randomState } from "functionfuse/plugins";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
const pid = workflow("pid", () => [process.pid, isMainThread, Math.random() < 1]);
const isolation = process.argv[2] as "thread" | "process";
const wf = new ParallelWorkflow(pid(), { workflowName: "p", workers: 1, isolation });
if (process.argv[3]) wf.query().setRemoteArgs({ timeoutMs: 30_000 });
const [id] = await wf.setPlugin(undefined, randomState({ seed: 1 })).run();
console.log(id === process.pid);
`,
  "plugins.ts": `
import { LocalWorkflow, workflow } from "functionfuse";
import { initializer, pluginCollection, randomState, seedSequence } from "functionfuse/plugins";
const random = workflow("random", () => Math.random() < 1);
const plugin = pluginCollection(randomState({ seed: 1 }), seedSequence(), initializer({ remote() {} }));
console.log(await new LocalWorkflow(random(), { workflowName: "p", plugins: [plugin] }).run());
`,
  "testing.ts": `
import { workflow } from "functionfuse";
import { runWith } from "functionfuse/testing";
const square = workflow("square", (x: number) => x * x);
console.log((await runWith(square(square(3)), { values: { square_0000: 2 } })).value);
`,
  "config.ts": `
import { LocalWorkflow, workflow } from "functionfuse";
import { applyConfig, defineConfig } from "functionfuse/config";
const square = workflow("square", (x: number) => x * x);
const wf = new LocalWorkflow(square(3), { workflowName: "c" });
applyConfig(wf, defineConfig({ rules: [{ query: "square.*", replaceFunction: (x: number) => -x }] }));
console.log(await wf.run());
`,
  "graph.ts": `
import { workflow } from "functionfuse";
import { GraphWorkflow } from "functionfuse/backends/graph";
const square = workflow("square", (x: number) => x * x);
console.log((await new GraphWorkflow(square(3), { workflowName: "g" }).run()).includes("<svg"));
`,
};
before(() => {
  for (const [file, text] of Object.entries(SCRIPTS)) writeFileSync(join(folder, file), text);
});

describe("Without any permission", () => {
  for (
    const [file, says] of [
      ["quickstart.ts", "6\n"],
      ["plugins.ts", "true\n"],
      ["testing.ts", "4\n"],
      ["config.ts", "-3\n"],
      ["graph.ts", "true\n"],
    ]
  ) {
    it(`${file} runs`, { skip }, async () => assert.equal(await works([], file), says));
  }

  it("fuse says its version and helps", { skip }, async () => {
    assert.match(await works([], CLI, "version"), /^fuse \d/);
    assert.match(await works([], CLI, "--help"), /^Usage: fuse/);
  });
});

describe("With --allow-read=. and --allow-write=.fuse alone", () => {
  it("the quick start runs with a storage, and uses its results again", { skip }, async () => {
    forget();
    for (let time = 0; time < 2; time++) assert.equal(await works(STORED, "stored.ts"), "6\n");
    const runs = JSON.parse((await run(STORED, CLI, "runs", "--json")).stdout);
    assert.deepEqual(runs.map(({ ran }: { ran: number }) => ran), [3, 0]);
  });

  it("arrays are stored as Zarr; as HDF5 with --allow-env, too", { skip }, async () => {
    assert.equal(await works(STORED, "arrays.ts", "zarr"), "1000\n");
    assert.equal(await works([...STORED, "--allow-env"], "arrays.ts", "hdf5"), "1000\n");
    forget();
    const { stderr } = await run(STORED, "arrays.ts", "hdf5");
    assert.match(stderr, /^"zeros_0000" will run again .* "hdf5" failed: .*--allow-env/m);
  });

  it("fuse run works, and says what its workers and the type check lack", { skip }, async () => {
    forget();
    const { code, stdout, stderr } = await run(STORED, CLI, "run", "workflow.ts");
    assert.deepEqual([code, stdout], [0, "81\n"], stderr);
    assert.match(stderr, /^The types of workflow.ts are not checked .*--allow-env\.$/m);
    assert.match(stderr, /^warning: No worker can be started, .*thread\.ts" .*--allow-read\.$/m);
    const plan = await run(STORED, CLI, "plan", "--no-check", "workflow.ts");
    assert.match(plan.stderr, /^0 nodes will run/);
    assert.equal((await run(STORED, CLI, "read", "workflow", "square_0001")).stdout, "81\n");
  });

  it("what is missing is told without a stack", { skip }, async () => {
    forget();
    const args = ["run", "--no-check", "workflow.ts"];
    const unread = await run(["--allow-write=.fuse"], CLI, ...args);
    assert.equal(
      unread.stderr,
      'error: read access to "workflow.ts" is denied. Run it again with --allow-read.\n',
    );
    assert.equal(unread.code, 2);
    const unwritten = await run(["--allow-read=."], CLI, ...args);
    assert.match(
      unwritten.stderr,
      /^error: Cannot open .fuse: write access to .* with --allow-write=\.fuse\.$/m,
    );
    assert.doesNotMatch(unwritten.stderr, /^ +at /m);
    assert.equal(unwritten.code, 3);
    const script = await run(["--allow-read=."], "stored.ts");
    assert.match(
      script.stderr,
      /StorageError: Cannot open .*Run it again with --allow-write=\.fuse\./,
    );
  });
});

describe("Workers", () => {
  it(
    "of the kind thread need --allow-read, of the library's and the user's modules",
    { skip },
    async () => {
      assert.equal(await works(["--allow-read"], "parallel.ts", "thread"), "true\n");
      assert.equal(await works([`--allow-read=.,${ROOT}`], "parallel.ts", "thread"), "true\n");
    },
  );

  it(
    "of the kind process, and time limits, need --allow-run and --allow-env",
    { skip },
    async () => {
      for (const runFlag of ["--allow-run", `--allow-run=${process.execPath}`]) {
        const flags = ["--allow-read", runFlag, "--allow-env"];
        assert.equal(await works(flags, "parallel.ts", "process"), "false\n");
        assert.equal(await works(flags, "parallel.ts", "thread", "limited"), "false\n");
      }
    },
  );

  const HERE = "No worker can be started, so all nodes run on the host, one at a time: ";
  it(
    "that can't be started say once which flag is missing, and the nodes run",
    { skip },
    async () => {
      for (
        const [flags, isolation, access, flag] of [
          [
            ["--allow-read=."],
            "thread",
            `read access to "${ROOT}backends/parallel/thread.ts"`,
            "read",
          ],
          [["--allow-read", "--allow-run"], "process", "env access", "env"],
          [
            ["--allow-read", "--allow-env"],
            "process",
            `run access to "${process.execPath}"`,
            "run",
          ],
        ] as const
      ) {
        const { stdout, stderr } = await run(flags, "parallel.ts", isolation);
        assert.equal(stdout, "true\n");
        assert.equal(stderr, `${HERE}${access} is denied. Run it again with --allow-${flag}.\n`);
      }
      const user = await run([`--allow-read=${ROOT}`], "parallel.ts", "thread");
      assert.match(user.stderr, /parallel\.ts in a worker failed: .*--allow-read flag/);
    },
  );
});

describe("S3", () => {
  const without = skip || skipWithout(VERSITYGW);
  let server: S3Server;
  before(async () => {
    if (without) return;
    server = await startVersity();
    writeFileSync(
      join(folder, "s3.ts"),
      SCRIPTS["stored.ts"].replace(
        /storageFactory\(.*?\} \}\)/,
        `storageFactory(${
          JSON.stringify({ kind: "S3", options: { path: `${BUCKET}/p`, client: server.client } })
        })`,
      ),
    );
  });
  after(() => server?.stop());

  it("needs --allow-net, --allow-env and --allow-read=.", { skip: without }, async () => {
    const flags = ["--allow-read=.", "--allow-env", `--allow-net=127.0.0.1:${server.port}`];
    for (let time = 0; time < 2; time++) assert.equal(await works(flags, "s3.ts"), "6\n");
    for (const flag of ["--allow-env", "--allow-net"]) {
      const { code, stderr } = await run(flags.filter((given) => !given.startsWith(flag)), "s3.ts");
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`StorageError: Cannot list s3://.* again with ${flag}\\.`));
    }
  });
});
