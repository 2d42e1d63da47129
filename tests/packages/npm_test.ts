/** The npm package, as others install it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NODE = "node@22.23.3";
const TYPESCRIPT = "typescript@7.0.2";
const { bun } = process.versions;

const folder = mkdtempSync(join(tmpdir(), "functionfuse-packages-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a program to its end, which must be a good one. */
function run(program: string, args: string[], cwd: string): Promise<string> {
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

/** A project of a user's, with the files that the tests run. */
function makeProject(name: string): string {
  const project = join(folder, name);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
  for (const [file, text] of Object.entries(FILES)) writeFileSync(join(project, file), text);
  return project;
}

const QUICK_START = `
import { LocalWorkflow, workflow } from "functionfuse";

const sum = workflow("sum", (a, b) => a + b);
const multiply = workflow("multiply", (a, b) => a * b);

const aPlusB = sum(1, 1).setName("node1");
const aPlusTwoB = sum(aPlusB, 1).setName("node2");
const result = multiply(aPlusB, aPlusTwoB).setName("node3");

console.log(await new LocalWorkflow(result, { workflowName: "operations" }).run());
`;

const FILES = {
  "quickstart.mjs": QUICK_START,
  "parallel.mjs": `
import { ParallelWorkflow, workflow } from "functionfuse";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

const where = workflow("where", () => [isMainThread, process.pid]);
for (const isolation of ["thread", "process"]) {
  const wf = new ParallelWorkflow(where(), { workflowName: "where", workers: 2, isolation });
  const [isMain, pid] = await wf.run();
  console.log(isolation, isMain, pid === process.pid);
}
`,
  "stored.mjs": `
import { LocalWorkflow, workflow } from "functionfuse";
import { storageFactory } from "functionfuse/storage";
import { twice } from "./helper.mjs";

const sum = workflow("sum", (a, b) => {
  console.log("sum runs");
  return a + twice(b);
});
const storage = storageFactory({ kind: "file", options: { path: "stored" } });
const wf = new LocalWorkflow(sum(1, 2).setName("five"), { workflowName: "stored", storage });
console.log(await wf.run(), await storage.listTasks("stored"));
`,
  "entries.mjs": `
import { workflow } from "functionfuse";
import { GraphWorkflow } from "functionfuse/backends/graph";
import { runWith } from "functionfuse/testing";
import { readFileSync } from "node:fs";

const { exports } = JSON.parse(readFileSync("node_modules/functionfuse/package.json", "utf8"));
const names = Object.keys(exports).filter((name) => !name.endsWith(".json"));
const entries = await Promise.all(names.map((name) => import("functionfuse" + name.slice(1))));
console.log(entries.every((entry) => Object.keys(entry).length > 0));

const sum = workflow("sum", (a, b) => a + b);
const five = sum(sum(1, 1).setName("two"), 3);
console.log((await new GraphWorkflow(five, { workflowName: "g" }).run()).includes("<svg"));
console.log((await runWith(five, { values: { two: 3 } })).value);
console.log(await runWith(five, { values: { tow: 3 } }).catch(({ message }) => message));
`,
  "helper.mjs": "export const twice = (x) => 2 * x;\n",
  "workflow.ts": `
import { workflow } from "functionfuse";

const square = workflow("square", (x: number): number => x * x);
export default square(square(3));
`,
  "typed.ts": `
import { LocalWorkflow, type Node, ParallelWorkflow, workflow } from "functionfuse";
import { LocalWorkflow as Local } from "functionfuse/backends/local";
import { randomState } from "functionfuse/plugins";
import { storageFactory } from "functionfuse/storage";
import { given, runWith } from "functionfuse/testing";

const sum = workflow("sum", (a: number, b: number) => a + b);
const node: Node<number> = sum(1, sum(2, 3));
const options = { workflowName: "typed", storage: storageFactory("file:stored") };
export const one: number = await new LocalWorkflow(node, options).run();
export const two: [number, number] = await new ParallelWorkflow([node, node], options).run();
export const three: { value: number } = await runWith(node, { values: [given(node, 1)] });
export const four = new Local(node, { ...options, plugins: [randomState({ seed: 1 })] });
// @ts-expect-error a text is no number
sum("1", 2);
// @ts-expect-error nor is the result a text
export const five: string = await new LocalWorkflow(node, options).run();
`,
};

const ENTRIES = /^true\ntrue\n6\n.*The nearest name is "two"\.\n$/;

interface Manifest {
  readonly exports: Record<string, string | { types: string; default: string }>;
  readonly [key: string]: unknown;
}

describe("The npm package", () => {
  let tarball: string;
  /** Where it is unpacked, beside nothing else. */
  let alone: string;
  let manifest: Manifest;

  before(async () => {
    const flags = bun ? [] : ["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")];
    const tool = join(ROOT, "tools/npm.ts");
    tarball = (await run(process.execPath, [...flags, tool, join(folder, "dist")], "/")).trim();
    alone = makeProject("alone");
    const modules = join(alone, "node_modules");
    mkdirSync(modules);
    await run("tar", ["-xzf", tarball, "-C", modules], alone);
    renameSync(join(modules, "package"), join(modules, "functionfuse"));
    manifest = JSON.parse(readFileSync(join(modules, "functionfuse/package.json"), "utf8"));
  });

  it("has the name, the version and the licence of the project, and every public entry", () => {
    const ours = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    assert.equal(tarball, join(folder, "dist", `functionfuse-${ours.version}.tgz`));
    for (const key of ["name", "version", "license", "type"]) {
      assert.equal(manifest[key], ours[key], key);
    }
    assert.deepEqual(
      Object.keys(manifest.exports),
      [...Object.keys(ours.exports), "./package.json"],
    );
    for (const entry of Object.values(manifest.exports)) {
      for (const file of typeof entry === "string" ? [entry] : Object.values(entry)) {
        assert.ok(existsSync(join(alone, "node_modules/functionfuse", file)), file);
      }
    }
    assert.doesNotMatch(JSON.stringify(manifest), /https?:|file:|npm:|devDependencies|scripts/);
  });

  it("needs nothing beside it for local and parallel runs", async () => {
    const node = await findNode();
    assert.equal(await run(node, ["quickstart.mjs"], alone), "6\n");
    assert.equal(
      await run(node, ["parallel.mjs"], alone),
      "thread false true\nprocess true false\n",
    );
    if (bun) assert.equal(await run(process.execPath, ["quickstart.mjs"], alone), "6\n");
  });

  it("stores results in a Node.js project, and uses them again", async () => {
    const node = await findNode();
    const project = makeProject("node");
    const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
    await run("npm", ["install", ...flags, tarball], project);
    assert.equal(await run(node, ["quickstart.mjs"], project), "6\n");
    assert.match(await run(node, ["entries.mjs"], project), ENTRIES);
    assert.equal(await run(node, ["stored.mjs"], project), "sum runs\n5 [ 'five' ]\n");
    assert.equal(await run(node, ["stored.mjs"], project), "5 [ 'five' ]\n");
    writeFileSync(join(project, "helper.mjs"), "export const twice = (x) => 3 * x;\n");
    assert.equal(await run(node, ["stored.mjs"], project), "sum runs\n7 [ 'five' ]\n");
    const fuse = join(project, "node_modules/.bin/fuse");
    for (const at of [project, makeProject("elsewhere")]) {
      assert.equal(await run(node, [fuse, "run", "workflow.ts"], at), "81\n", "wherever it is");
    }
    await assert.rejects(
      run(node, [fuse, "compile", "workflow.ts"], project),
      /error: The npm package has not what executables are made of: .*/,
    );
    // Types of other packages are checked by their own makers.
    const strict = ["--strict", "--noEmit", "--skipLibCheck", "--types", ""];
    const modern = ["--module", "nodenext", "--target", "es2024", "--lib", "esnext,dom"];
    const check = ["-y", "-p", TYPESCRIPT, "tsc", ...strict, ...modern, "typed.ts"];
    assert.equal(await run("npx", check, project), "");
  });

  const skip = bun ? false : "it takes Bun; the same test runs there";
  it("stores results in a Bun project, and uses them again", { skip }, async () => {
    const project = makeProject("bun");
    await run(process.execPath, ["add", tarball], project);
    assert.equal(await run(process.execPath, ["quickstart.mjs"], project), "6\n");
    assert.equal(
      await run(process.execPath, ["parallel.mjs"], project),
      "thread false true\nprocess true false\n",
    );
    assert.match(await run(process.execPath, ["entries.mjs"], project), ENTRIES);
    assert.equal(await run(process.execPath, ["stored.mjs"], project), 'sum runs\n5 [ "five" ]\n');
    assert.equal(await run(process.execPath, ["stored.mjs"], project), '5 [ "five" ]\n');
    const fuse = ["--bun", "fuse", "run", "workflow.ts"];
    assert.equal(await run(process.execPath, fuse, project), "81\n");
  });
});

let node: Promise<string> | undefined;

/** A Node.js of the oldest version that the package is for. */
function findNode(): Promise<string> {
  node ??= run("npx", ["-y", NODE, "-p", "process.execPath"], folder).then((path) => path.trim());
  return node;
}
