import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { PACKAGE_FILE, projectFiles } from "../../cli/_project.ts";
import { type Ended, Workspace } from "../support/fuse.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const workspace = new Workspace();
after(() => workspace.remove());

/** Runs `fuse` in a folder of the workspace. */
async function fuseIn(folder: string, ...args: string[]): Promise<Ended> {
  const path = join(workspace.path, folder);
  return await Object.create(workspace, { path: { value: path } }).fuse(args);
}

const fuse = (...args: string[]) => workspace.fuse(args);

describe("fuse init", () => {
  it("makes a project that runs, with nothing left to do the second time", async () => {
    const made = await fuse("init", "pi");
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stdout, /^Made pi:\n {2}workflow\.ts .*\n[^]*Next:\n {2}cd pi\n {2}fuse run/);
    const first = await fuseIn("pi", "run", "workflow.ts", "--json");
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /Using fuse\.config\.ts\.\n[^]*9 nodes ran/);
    const { pi, error }: { pi: number; error: number } = JSON.parse(first.stdout);
    assert.ok(Math.abs(pi - Math.PI) < 5 * error && error < 0.01, first.stdout);
    const plan = await fuseIn("pi", "plan", "workflow.ts", "--json");
    const actions = (JSON.parse(plan.stdout) as { action: string }[]).map(({ action }) => action);
    assert.deepEqual(actions, new Array(9).fill("stored"));
    // The seeds of the configuration make the numbers the same everywhere.
    const again = await fuseIn(
      "pi",
      "run",
      "workflow.ts",
      "--json",
      "--no-storage",
      "--backend",
      "local",
    );
    assert.equal(again.stdout, first.stdout);
  });

  it("has a test that passes as it is, and says how to run it", async () => {
    const made = await fuse("init", "tested");
    const test = process.versions.deno ? "deno test -A" : "bun test";
    assert.ok(made.stdout.endsWith(`\n  ${test}\n`), made.stdout);
    const { status, stdout, stderr } = spawnSync(process.execPath, test.split(" ").slice(1), {
      cwd: join(workspace.path, "tested"),
      env: { ...process.env, NO_COLOR: "1" },
      encoding: "utf8",
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout + stderr, /the summary is the mean of the batches/);
  });

  it("lets scripts import every entry of the library, with workers", async () => {
    await fuse("init", "script");
    const names = Object.keys(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).exports);
    const imports = names.map((name) => `import "functionfuse${name.slice(1)}";\n`);
    workspace.write(
      "script/script.ts",
      `${imports.join("")}import { ParallelWorkflow } from "functionfuse";
import estimatePi from "./workflow.ts";
const target = estimatePi({ batches: 2, darts: 10 });
const { pi } = await new ParallelWorkflow(target, { workflowName: "pi", workers: 1 }).run();
console.log(pi > 0);
`,
    );
    const args = process.versions.deno ? ["run", "-A", "--check", "--quiet"] : ["run"];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...args, "script.ts"], {
      cwd: join(workspace.path, "script"),
      env: { ...process.env, NO_COLOR: "1" },
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
    assert.equal(stdout, "true\n");
  });

  it("of a package or an executable names what its test needs, and how to get it", () => {
    for (const library of [{ kind: "none" }, { kind: "package", folder: "/lib/ff" }] as const) {
      const files = new Map(projectFiles("x", library).map(({ name, text }) => [name, text]));
      const { dependencies } = JSON.parse(files.get("package.json")!);
      const from = library.kind === "none" ? PACKAGE_FILE : library.folder;
      assert.deepEqual(dependencies, { functionfuse: `file:${from}` });
      assert.equal(JSON.parse(files.get("deno.json")!).imports, undefined);
      assert.match(files.get("README.md")!, /`bun install`/);
    }
  });

  it("may be asked for in the current folder, beside other files", async () => {
    workspace.write("here/notes.txt", "mine");
    const made = await fuseIn("here", "init");
    assert.equal(made.code, 0, made.stderr);
    assert.doesNotMatch(made.stdout, /cd /);
    assert.equal(workspace.read("here/notes.txt"), "mine");
    assert.ok(existsSync(join(workspace.path, "here/workflow.ts")));
  });

  for (const name of [`a "b" $(c) 'd'`, "日本 語", "100% #1", "-x", "two\nlines", "*_[x](y)_*"]) {
    it(`takes a folder of any name: ${JSON.stringify(name)}`, async () => {
      const made = await fuse("init", "--", name);
      assert.equal(made.code, 0, made.stderr);
      assert.doesNotMatch(made.stdout, /^lines/m);
      const { name: packageName } = JSON.parse(workspace.read(`${name}/package.json`));
      assert.match(packageName, /^[a-z0-9][a-z0-9-]*$/);
      assert.equal(workspace.read(`${name}/README.md`).split("\n")[1], "");
      const ran = await fuseIn(name, "run", "workflow.ts", "--param", "darts=10", "--no-check");
      assert.equal(ran.code, 0, ran.stderr);
    });
  }

  it("replaces nothing: it names all that is in the way, and writes nothing", async () => {
    workspace.write("taken/workflow.ts", "mine");
    symlinkSync("nowhere", join(workspace.path, "taken/README.md"));
    const ended = await fuse("init", "taken");
    assert.equal(ended.code, 64);
    assert.equal(ended.stdout, "");
    assert.match(ended.stderr, /there are workflow\.ts, README\.md already\. Nothing was written/);
    assert.equal(workspace.read("taken/workflow.ts"), "mine");
    assert.deepEqual(readdirSync(join(workspace.path, "taken")).sort(), [
      "README.md",
      "workflow.ts",
    ]);
  });

  it("says where it can't be made", async () => {
    workspace.write("file", "mine");
    const cases: [folder: string, code: number, message: RegExp][] = [
      ["file", 64, /"file", as that is a file: name a folder/],
      ["file/below", 2, /Cannot make the folder "file\/below"/],
      ["", 64, /must not be empty/],
    ];
    for (const [folder, code, message] of cases) {
      const ended = await fuse("init", folder);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.doesNotMatch(ended.stderr, /cli\/|node:internal/);
    }
    assert.equal(workspace.read("file"), "mine");
  });
});
