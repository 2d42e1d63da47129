/** How functions reach workers: from plain scripts, and from compiled programs. */

import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { useFolder } from "../contract/backend.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const { bun } = process.versions;
const path = useFolder();

/** Runs a program to its end; it must end by itself. */
function execute(program: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(program, args, { cwd: "/", env, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve({ stdout, stderr });
    });
  });
}

/** Writes a script and runs it in this runtime. */
function runScript(text: string): Promise<{ stdout: string; stderr: string }> {
  return execute(process.execPath, scriptArguments(text));
}

/** Writes a script; gives what to run it with, its own argument included. */
function scriptArguments(text: string): string[] {
  const file = `${path("script")}.ts`;
  writeFileSync(file, text.replaceAll("ROOT/", ROOT));
  const flags = ["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")];
  return [...(bun ? [] : flags), file, "argument"];
}

const SCRIPT = `
import { ParallelWorkflow, workflow } from "ROOT/mod.ts";
console.log("said once");
const square = workflow(function square(x: number) {
  console.log("in a worker");
  return x * x;
});
const options = { workflowName: "script", workers: 2 };
console.log(await new ParallelWorkflow([square(2), square(3)], options).run());
const late = workflow(function late(x: number) {
  return x + 1;
});
console.log(await new ParallelWorkflow(late(square(4)), options).run());
`;

describe("A plain script", () => {
  it("needs no guard: its functions run in workers, its top level once", async () => {
    const { stdout, stderr } = await runScript(SCRIPT);
    assert.equal(stdout, "said once\n[ 4, 9 ]\n17\n");
    assert.match(stderr, /square_0000 \| in a worker/);
    // What is made after the first run() is not made in a worker.
    assert.match(stderr, /late: .*after the first run\(\)/);
  });

  it("may start its run in a function that it does not wait for", async () => {
    const { stdout } = await runScript(`
import { ParallelWorkflow, workflow } from "ROOT/mod.ts";
const thread = workflow(async function thread() {
  return "WorkerGlobalScope" in globalThis || typeof self === "undefined" ||
    !(await import("node:worker_threads")).isMainThread;
});
async function main() {
  await new Promise((done) => setTimeout(done, 5));
  console.log(await new ParallelWorkflow(thread(), { workflowName: "script" }).run());
}
main();
`);
    assert.equal(stdout, "true\n");
  });

  it("may replace functions and make plugins of functions at its top level", async () => {
    const { stdout, stderr } = await runScript(`
import { ParallelWorkflow, workflow } from "ROOT/mod.ts";
import { initializer } from "ROOT/plugins/mod.ts";
let level = 0;
const read = workflow(function read() {
  return -1;
});
const wf = new ParallelWorkflow(read(), { workflowName: "script" });
wf.query().replaceFunction(() => level);
wf.setPlugin(undefined, initializer({ local: () => 7, remote: (n: number) => void (level = n) }));
console.log(await wf.run(), level);
`);
    assert.equal(stdout, "7 0\n", "the level of the host stays what it was");
    assert.equal(stderr, "");
  });

  it("whose source changes while it runs is told so, instead of giving the wrong result", async () => {
    const file = `${path("changing")}.ts`;
    const definition = (body: string) => `
import { workflow } from "${ROOT}mod.ts";
export const changing = workflow(function changing() { return ${body}; });
`;
    writeFileSync(file, definition("1"));
    const { stdout } = await runScript(`
import { ParallelWorkflow } from "ROOT/mod.ts";
import fs from "node:fs";
import { changing } from "${file}";
fs.writeFileSync("${file}", ${JSON.stringify(definition("2"))});
try {
  console.log(await new ParallelWorkflow(changing(), { workflowName: "script" }).run());
} catch (error) {
  console.log(error.phase, error.message);
}
`);
    assert.match(stdout, /^worker .*makes another changing in its place: start the run again/);
  });

  it("may run a backend inside a node", async () => {
    const { stdout } = await runScript(`
import { LocalWorkflow, ParallelWorkflow, workflow } from "ROOT/mod.ts";
const double = workflow(function double(x: number) {
  return 2 * x;
});
const inner = workflow(async function inner(x: number) {
  await null;
  return await new LocalWorkflow(double(double(x)), { workflowName: "inner" }).run();
});
console.log(await new ParallelWorkflow(inner(3), { workflowName: "outer" }).run());
`);
    assert.equal(stdout, "12\n");
  });
});

for (const isolation of ["thread", "process"]) {
  describe(`A script with workers of the kind ${isolation}`, () => {
    it("gives them its arguments, and nodes may let other programs print", async () => {
      for (const signal of ["undefined", "new AbortController().signal"]) {
        const { stdout, stderr } = await runScript(`
import { ParallelWorkflow, workflow } from "ROOT/mod.ts";
import { spawnSync } from "node:child_process";
import process from "node:process";
const told = process.argv[2];
const tell = workflow(function tell() {
  spawnSync("echo", ["from elsewhere"], { stdio: "inherit" });
  return [told, process.argv[2]];
});
const wf = new ParallelWorkflow(tell(), { workflowName: "script", isolation: "${isolation}" });
console.log(JSON.stringify(await wf.run({ signal: ${signal} })));
`);
        assert.match(stdout, /^\["argument","argument"\]$/m);
        assert.match(stdout + stderr, /from elsewhere/);
      }
    });
  });
}

describe("A script that is killed", () => {
  it("leaves no child process behind, though its node computes", async () => {
    const file = path("pid");
    const script = spawn(
      process.execPath,
      scriptArguments(`
import { ParallelWorkflow, workflow } from "ROOT/mod.ts";
import { writeFileSync } from "node:fs";
import process from "node:process";
const spin = workflow(function spin() {
  writeFileSync("${file}", String(process.pid));
  for (;;);
});
await new ParallelWorkflow(spin(), { workflowName: "script", isolation: "process" }).run();
`),
      { stdio: "ignore" },
    );
    const pause = () => new Promise((done) => setTimeout(done, 50));
    const read = () => existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
    while (read() === 0) await pause();
    const isAlive = () => {
      try {
        return process.kill(read(), 0);
      } catch {
        return false;
      }
    };
    assert.ok(isAlive());
    process.kill(script.pid!, "SIGKILL");
    const started = performance.now();
    while (isAlive() && performance.now() - started < 20_000) await pause();
    assert.ok(!isAlive());
  });
});

describe("A compiled program", () => {
  const skip = bun ? false : "it is compiled by Bun; the same test runs there";

  it("runs its functions in threads and in child processes of itself", { skip }, async () => {
    for (const isolation of ["thread", "process"]) {
      const script = `${path("compiled")}.ts`;
      const text = SCRIPT.replaceAll("ROOT/", ROOT).replace(
        "workers: 2",
        `$&, isolation: "${isolation}"`,
      );
      writeFileSync(script, text.replace("isolation:", "isolation: <const>"));
      const program = path("program");
      execFileSync(process.execPath, ["build", "--compile", script, "--outfile", program], {
        stdio: "ignore",
      });
      const { stdout, stderr } = await execute(program, []);
      assert.equal(stdout, "said once\n[ 4, 9 ]\n17\n");
      assert.match(stderr, /square_0000 \| in a worker/);
    }
  });
});
