/** What changes in a user's files make run again, as `fuse plan` and `fuse run` tell it. */

import assert from "node:assert/strict";
import process from "node:process";
import { after, describe, it } from "node:test";
import { Workspace } from "../support/fuse.ts";

interface Planned {
  readonly name: string;
  readonly action: string;
  readonly reason?: string;
  readonly isCertain?: boolean;
}

// Deno does not look into the `node_modules` of files outside of its project.
const PACKAGE = process.versions.deno ? "npm:fastest-levenshtein@1.0.16" : "fastest-levenshtein";

const FILES = {
  "rates.ts": `export const RATE = 2;
export const UNUSED = 1;
`,
  "helpers.ts": `import { RATE } from "./rates.ts";
export function scale(n: number): number {
  return inner(n) * RATE;
}
function inner(n: number): number {
  const offset: number = 1;
  return n + offset;
}
export function other(n: number): number {
  return n - 1;
}
`,
  "workflow.ts": `import { workflow } from "functionfuse";
import { other, scale } from "./helpers.ts";
import { distance } from "${PACKAGE}";

const a = workflow(function a(n: number) {
  return scale(n);
});
const b = workflow(function b(n: number, k: number) {
  return other(n) + k;
});
const c = workflow(function c(n: number) {
  return distance("ab", "ac") + n;
});
const sign = workflow("sign", (n: number) => Math.sign(n));
class Sum {
  total = 0;
  add(n: number) {
    return this.total += n;
  }
}
const SumNode = workflow(Sum);
const first = a(3).setName("A");
const sum = new SumNode();
sum.add(1).setName("add1");
export default {
  b: b(first, 5).setName("B"),
  c: c(1).setName("C"),
  sign: sign(sign(first).setName("S")).setName("SS"),
  sum: sum.add(first).setName("add2"),
};
`,
  "node_modules/fastest-levenshtein/package.json":
    `{ "name": "fastest-levenshtein", "version": "1.0.0", "type": "module",
  "exports": { ".": { "types": "./index.d.ts", "default": "./index.js" } } }`,
  "node_modules/fastest-levenshtein/index.d.ts":
    "export function distance(a: string, b: string): number;",
  "node_modules/fastest-levenshtein/index.js": `export function distance(a, b) {
  return [...a].filter((letter, i) => letter !== b[i]).length;
}
`,
  "package.json": `{ "dependencies": { "fastest-levenshtein": "1.0.0" } }`,
  "package-lock.json": lockOf("1.0.0"),
};
type Name = keyof typeof FILES;

function lockOf(version: string): string {
  return JSON.stringify({
    name: "mine",
    lockfileVersion: 3,
    packages: {
      "": { dependencies: { "fastest-levenshtein": "1" } },
      "node_modules/fastest-levenshtein": { version },
    },
  });
}

/** Text that is in the file, and what is put in its place. */
type Edit = readonly [file: Name, from: string, to: string];

interface Change {
  readonly what: string;
  readonly edits: readonly Edit[];
  /** The nodes that certainly run, with a part of the reason. */
  readonly runs: Readonly<Record<string, RegExp>>;
  /** Those that run only if what they read changes, and whether they do. */
  readonly checks?: Readonly<Record<string, boolean>>;
}

// The sign of what A gives stays what it is.
const AFTER_A = { B: true, S: true, SS: false, add2: true };
const CHANGES: readonly Change[] = [
  {
    what: "a helper in an imported file",
    edits: [["helpers.ts", "inner(n) * RATE", "inner(n) * RATE + 1"]],
    runs: { A: /helpers\.ts#scale changed/ },
    checks: AFTER_A,
  },
  {
    what: "a helper that a helper uses",
    edits: [["helpers.ts", "n + offset", "n + offset + 5"]],
    runs: { A: /inner changed/ },
    checks: AFTER_A,
  },
  {
    what: "a constant of a file that an imported file imports",
    edits: [["rates.ts", "RATE = 2", "RATE = 3"]],
    runs: { A: /rates\.ts#RATE changed/ },
    checks: AFTER_A,
  },
  {
    what: "a helper that gives the same as before",
    edits: [["helpers.ts", "return inner(n) * RATE", "return RATE * inner(n)"]],
    runs: { A: /scale changed/ },
    checks: { B: false, S: false, SS: false, add2: false },
  },
  {
    what: "comments, formatting and types",
    edits: [
      ["helpers.ts", "  return inner(n) * RATE;", "  // explained\n    return (\n inner(n)*RATE )"],
      [
        "helpers.ts",
        "const offset: number = 1",
        "type Offset = number;\n  const offset: Offset = 1",
      ],
      ["workflow.ts", "function a(n: number) {", "function a(n: number): number { /* new */"],
    ],
    runs: {},
  },
  {
    what: "what nobody uses",
    edits: [
      ["rates.ts", "UNUSED = 1", "UNUSED = 2"],
      ["helpers.ts", "export function other", "export function third() {}\nexport function other"],
    ],
    runs: {},
  },
  {
    what: "a literal argument",
    edits: [["workflow.ts", "b(first, 5)", "b(first, 6)"]],
    runs: { B: /argument 2 changed/ },
  },
  {
    what: "the function itself",
    edits: [["workflow.ts", "Math.sign(n)", "Math.sign(n) * 1"]],
    runs: { S: /sign changed/, SS: /sign changed/ },
  },
  {
    what: "a method",
    edits: [["workflow.ts", "this.total += n", "this.total -= n"]],
    runs: { Sum_0000: /call of it/, add1: /Sum changed/, add2: /Sum changed/ },
  },
  {
    what: "the version of a package by the lock file",
    edits: [["package-lock.json", '"version":"1.0.0"', '"version":"1.0.1"']],
    runs: { C: /fastest-levenshtein/ },
  },
];

describe("fuse plan and fuse run", () => {
  const spaces: Workspace[] = [];
  after(() => spaces.forEach((space) => space.remove()));

  function newSpace(): Workspace {
    const space = new Workspace();
    spaces.push(space);
    for (const [name, text] of Object.entries(FILES)) space.write(name, text);
    return space;
  }

  async function plan(space: Workspace): Promise<Planned[]> {
    const { code, stdout, stderr } = await space.fuse([
      "plan",
      "workflow.ts",
      "--json",
      "--no-check",
    ]);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  async function run(space: Workspace, ...args: string[]): Promise<string[]> {
    const { code, stderr } = await space.fuse(["run", "workflow.ts", "--no-check", ...args]);
    assert.equal(code, 0, stderr);
    return [...stderr.matchAll(/^\[\d+\/\d+\] (\S+) ran/gm)].map(([, name]) => name).sort();
  }

  const toRun = (planned: readonly Planned[]) => planned.filter(({ action }) => action === "run");

  it("run everything first, and then nothing", async () => {
    const space = newSpace();
    assert.equal(toRun(await plan(space)).length, 8);
    assert.equal((await run(space)).length, 8);
    assert.deepEqual(toRun(await plan(space)), []);
    assert.deepEqual(await run(space), []);
    const { stdout, stderr } = await space.fuse(["plan", "workflow.ts", "--no-check"]);
    assert.match(stdout, /^stored {6}A$/m);
    assert.match(stdout, /^not needed {2}Sum_0000$/m);
    assert.match(stderr, /^0 nodes will run, 7 results in storage/m);
  });

  for (const { what, edits, runs, checks = {} } of CHANGES) {
    it(`run what is concerned after a change of ${what}`, async () => {
      const space = newSpace();
      await run(space);
      for (const [name, from, to] of edits) {
        const text = space.read(name);
        assert.ok(text.includes(from), `${name} has no ${from}`);
        space.write(name, text.replace(from, to));
      }
      const planned = toRun(await plan(space));
      const certain = planned.filter(({ isCertain }) => isCertain);
      assert.deepEqual(certain.map(({ name }) => name).sort(), Object.keys(runs).sort());
      for (const { name, reason } of certain) assert.match(reason!, runs[name]);
      const possible = planned.filter(({ isCertain }) => !isCertain).map(({ name }) => name);
      // With a later call, the instance and its earlier calls.
      const earlier = ["Sum_0000", "add1"];
      const followers = "add2" in checks ? earlier : [];
      assert.deepEqual(possible.sort(), [...Object.keys(checks), ...followers].sort());
      const expected = [
        ...Object.keys(runs),
        ...Object.entries(checks).filter(([, runs]) => runs).map(([name]) => name),
        ...(checks.add2 ? earlier : []),
      ];
      assert.deepEqual(await run(space), expected.sort());
      assert.deepEqual(await run(space), []);
    });
  }

  it("count all that runs where a call turns out to need the earlier ones", async () => {
    const space = newSpace();
    const chain = (more: number) => `
import { workflow } from "functionfuse";
class Sum {
  total = 0;
  add(n: number) {
    return this.total += n;
  }
}
const WorkflowSum = workflow(Sum);
const one = workflow("one", (n: number) => n + ${more});
const sum = new WorkflowSum().setName("sum");
export default Array.from(
  { length: 3 },
  (_, i) => sum.add(one(i).setName(\`one\${i}\`)).setName(\`add\${i}\`),
);
`;
    space.write("workflow.ts", chain(0));
    await run(space);
    space.write("workflow.ts", chain(1));
    const last = ["workflow.ts", "--select", "add2", "--no-check"];
    const planned = await space.fuse(["plan", ...last]);
    assert.match(planned.stdout, /^will run {4}sum +a call of it may run$/m);
    assert.match(planned.stdout, /^will run {4}one0 +"add0" may run$/m);
    assert.match(planned.stderr, /^7 nodes will run \(6 only if a value changes\), 0 results/m);
    const { code, stderr } = await space.fuse(["run", ...last]);
    assert.equal(code, 0, stderr);
    const counts = [...stderr.matchAll(/^\[(\d+)\/(\d+)\]/gm)].map((
      [, done, all],
    ) => [+done, +all]);
    assert.equal(counts.length, 7);
    assert.ok(counts.every(([done, all]) => done <= all), stderr);
    assert.deepEqual(counts.at(-1), [7, 7]);
  });

  it("refuse both what there is not enough of, and take the same flags", async () => {
    const space = newSpace();
    space.write(
      "fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";
export default defineConfig({ rules: [{ query: "A", remoteArgs: { resources: { _model: 2 } } }] });
`,
    );
    const none = "nothing-of-it";
    for (const command of ["plan", "run"]) {
      const fuse = (...flags: string[]) =>
        space.fuse([command, "workflow.ts", "--no-check", "--storage", none, ...flags]);
      const refused = await fuse("--resource", "_model=1");
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /Node "A" can never run: it needs 2 of .*"_model"/);
      assert.equal((await fuse("--resource", "_model=2")).code, 0);
    }
  });

  it("force what is named, and what that changes", async () => {
    const space = newSpace();
    await run(space);
    assert.deepEqual(await run(space, "--rerun", "A|C"), ["A", "C"]);
    const { code, stderr } = await space.fuse(["run", "workflow.ts", "--rerun", "nobody"]);
    assert.equal(code, 2);
    assert.match(stderr, /No node's whole name matches "nobody"/);
  });

  it("go by names alone with --reuse name", async () => {
    const space = newSpace();
    await run(space);
    space.write("rates.ts", "export const RATE = 7;");
    assert.deepEqual(await run(space, "--reuse", "name"), []);
    assert.deepEqual(await run(space), ["A", "B", "S", "Sum_0000", "add1", "add2"]);
  });

  it("say once what can't be followed, and then take the whole file for it", async () => {
    const space = new Workspace();
    spaces.push(space);
    space.write("dynamic.ts", "export const N = 1;");
    space.write(
      "workflow.ts",
      `import { workflow } from "functionfuse";
const load = workflow("load", async (n: number) => n + (await import("./dynamic" + ".ts")).N);
const UNUSED = 1;
export default [load(1).setName("x"), load(2).setName("y")];
`,
    );
    const first = await space.fuse(["run", "workflow.ts", "--no-check"]);
    assert.equal(first.stderr.match(/uses import\(\)/g)?.length, 1, first.stderr);
    assert.deepEqual(await run(space), []);
    space.write("workflow.ts", space.read("workflow.ts").replace("UNUSED = 1", "UNUSED = 2"));
    assert.deepEqual(await run(space), ["x", "y"]);
  });

  it("tell of past runs", async () => {
    const space = newSpace();
    await run(space);
    await run(space, "--rerun", "C");
    const { stdout } = await space.fuse(["runs", "--json"]);
    const runs = JSON.parse(stdout) as {
      run: string;
      ran: number;
      reused: number;
      ended: string;
    }[];
    assert.deepEqual(runs.map(({ ran, reused, ended }) => [ran, reused, ended]), [
      [8, 0, "well"],
      [1, 6, "well"],
    ]);
    const latest = await space.fuse(["runs", "latest"]);
    assert.match(latest.stdout, /C +│ ran .*worker \d.*it was asked to/);
    const named = await space.fuse(["runs", runs[0].run]);
    assert.match(named.stdout, /add1 +│ ran/);
    const wrong = await space.fuse(["runs", "1999"]);
    assert.deepEqual([wrong.code, wrong.stdout], [3, ""]);
    assert.match(wrong.stderr, new RegExp(`no run "1999".*${runs[1].run}`));
  });

  it("tell of a run that failed by the kind of its error alone", async () => {
    const space = new Workspace();
    spaces.push(space);
    space.write(
      "workflow.ts",
      `import { workflow } from "functionfuse";
export default workflow("fail", (secret: string) => {
  throw new RangeError("wrong password " + secret);
})("hunter2").setName("x");
`,
    );
    const { code } = await space.fuse(["run", "workflow.ts", "--no-check"]);
    assert.equal(code, 1);
    const { stdout } = await space.fuse(["runs", "latest", "--json"]);
    assert.match(stdout, /"error": "run: RangeError"/);
    assert.doesNotMatch(stdout, /hunter2|password/);
  });
});
