import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ended, Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));
const run = (...args: string[]) => workspace.fuse(["run", ...args]);

const HEAD = `import { workflow } from "functionfuse";
const sum = workflow(function sum(a: number, b: number) { return a + b; });
`;

/** Nothing of ours and no raw stack may be in what a researcher reads. */
function assertReadable({ stderr }: Ended): void {
  assert.doesNotMatch(
    stderr,
    /(core|cli|backends|storage)\/\w+\.ts:\d|node:internal|ext:|Stack backtrace/,
  );
}

/** The stored objects of a workflow. */
const storedIn = (workflow: string) =>
  readdirSync(join(workspace.path, ".fuse", workflow)).filter((name) => name.endsWith(".fuse"));

describe("fuse run", () => {
  it("prints the value on stdout, progress on stderr, and reads results the second time", async () => {
    const first = await run(example("quickstart.ts"));
    assert.deepEqual([first.code, first.stdout], [0, "6\n"]);
    assert.match(first.stderr, /\[1\/3\] node1 ran in .*\n.*\n\[3\/3\] node3 ran in/);
    assert.match(first.stderr, /3 nodes ran in .*results are stored in \.fuse/);
    assert.deepEqual(storedIn("quickstart"), ["node1.fuse", "node2.fuse", "node3.fuse"]);

    const second = await run(example("quickstart.ts"));
    assert.deepEqual([second.code, second.stdout], [0, "6\n"]);
    assert.match(
      second.stderr,
      /Nothing had to run: all 3 results are in storage \(\.fuse\), 1 needed reading/,
    );
  });

  it("runs a class", async () => {
    const { code, stdout } = await run(example("incremental_sum.ts"), "--no-storage");
    assert.deepEqual([code, stdout], [0, "4\n"]);
  });

  it("keeps nothing with --no-storage, and results elsewhere with --storage and --name", async () => {
    const none = await run(example("incremental_sum.ts"), "--no-storage");
    assert.match(none.stderr, /nothing is stored/);
    assert.equal(existsSync(join(workspace.path, ".fuse", "incremental_sum")), false);
    await run(example("quickstart.ts"), "--storage", "elsewhere", "--name", "mine");
    assert.deepEqual(readdirSync(join(workspace.path, "elsewhere")), ["mine"]);
  });

  it("prints lists, records and tables", async () => {
    workspace.write(
      "shapes.ts",
      `${HEAD}
const rows = workflow(function rows() { return [{ name: "knn", score: 0.5 }, { name: "tree", score: 0.25 }]; });
export const workflowName = "shapes of targets";
export default { total: sum(1, 2), rows: rows() };`,
    );
    workspace.write("list.ts", `${HEAD}export default [sum(1, 2).setName("a b"), sum(3, 4)];`);
    const record = await run("shapes.ts", "--storage", "shapes");
    assert.match(
      record.stdout,
      /^total: 3\nrows:\n┌[^]*│ name │ score │[^]*│ tree │ {2}0\.25 │/m,
    );
    assert.deepEqual(readdirSync(join(workspace.path, "shapes")), ["shapes%20of%20targets"]);
    const list = await run("list.ts");
    assert.equal(list.stdout, "a b: 3\nsum_0001: 7\n");
  });

  it("prints one JSON document with --json", async () => {
    workspace.write(
      "values.ts",
      `import { workflow } from "functionfuse";
const make = workflow(function make() {
  return { map: new Map([["a", 1n]]), set: new Set([1]), f: new Float32Array([1.5]), u: undefined, n: NaN, d: new Date(0) };
});
const one = workflow(function one() { console.log("printed by a node"); console.table([{ cell: 1 }]); return 1; });
export default { all: make(), one: one() };`,
    );
    const { code, stdout, stderr } = await run("values.ts", "--json");
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      all: { map: { a: "1" }, set: [1], f: [1.5], u: null, n: null, d: "1970-01-01T00:00:00.000Z" },
      one: 1,
    });
    assert.match(stderr, /printed by a node/);
    assert.deepEqual(JSON.parse((await run(example("quickstart.ts"), "--json")).stdout), 6);
  });

  it("prints large values whole, long tables in part, and small numbers as they are", async () => {
    workspace.write(
      "large.ts",
      `import { workflow } from "functionfuse";
const texts = workflow("texts", () => Array.from({ length: 100_000 }, (_, i) => "text " + i));
export default texts();`,
    );
    const { stdout } = await run("large.ts", "--json", "--no-storage");
    assert.equal(JSON.parse(stdout).length, 100_000);
    workspace.write(
      "table.ts",
      `import { workflow } from "functionfuse";
const rows = workflow("rows", () => Array.from({ length: 200_000 }, (_, i) => ({ i, p: i === 1 ? 1e-7 : 0.5 })));
export default rows();`,
    );
    const table = await run("table.ts", "--no-storage");
    assert.match(table.stdout, /│ {2}1 │ 1e-7 │[^]*… and 199,900 more rows\n$/);
  });

  it("calls a workflow that is a function with --param, and keeps such results apart", async () => {
    workspace.write(
      "params.ts",
      `${HEAD}export default async ({ seed = 1, label = "none" }) => { await null; return [sum(seed, 1), workflow("say", (x: unknown) => x)(label)]; };`,
    );
    assert.equal((await run("params.ts")).stdout, "sum_0000: 2\nsay_0000: none\n");
    const other = await run("params.ts", "--param", "seed=41", "--param", "label=a=b");
    assert.equal(other.stdout, "sum_0000: 42\nsay_0000: a=b\n");
    assert.equal((await run("params.ts")).stdout, "sum_0000: 2\nsay_0000: none\n");
  });

  it("runs only what is selected and what it needs with --select", async () => {
    const { stdout, stderr, code } = await run(
      example("quickstart.ts"),
      "--select",
      "node2",
      "--storage",
      "selected",
    );
    assert.deepEqual([code, stdout], [0, "node2: 3\n"]);
    assert.match(stderr, /2 nodes ran/);
    const none = await run(example("quickstart.ts"), "--select", "nod");
    assert.equal(none.code, 2);
    assert.match(none.stderr, /matches "nod"\. Did you mean "node1"\?/);
  });
});

describe("fuse run says what is wrong with a file", () => {
  const cases: [what: string, text: string | undefined, message: RegExp][] = [
    ["that is missing", undefined, /There is no file .*\. Did you mean quickstrat\.ts\?/],
    [
      "with a syntax error",
      `import { workflow } from "functionfuse";\nconst x = ;\n`,
      /with_a_syntax_error\.ts[^]*const x = ;[^]*with_a_syntax_error\.ts:2:11/,
    ],
    [
      "that throws",
      `function helper() { throw new RangeError("no data"); }\nhelper();`,
      /RangeError: no data\n +at helper .*that_throws\.ts:1:\d+/,
    ],
    [
      "without a default export",
      `${HEAD}export const total = sum(1, 2);`,
      /no targets: it exports total.*"export default total"/,
    ],
    ["without any export", HEAD, /no targets: it has no default export/],
    [
      "that exports no node",
      "export default { a: 3 };",
      /no targets: .*a record whose "a" is no node/,
    ],
    ["that exports an empty list", "export default [];", /no targets: .*an empty list/],
    [
      "that exports the function",
      `${HEAD}export default sum;`,
      /workflow function sum itself: call it/,
    ],
    [
      "whose function gives no node",
      `export default () => 3;`,
      /function that it exports by default gave a number/,
    ],
    [
      "whose function throws",
      `export default () => { throw new Error("no graph"); };`,
      /failed to build its graph[^]*no graph[^]*:1:/,
    ],
    [
      "with a duplicate name",
      `${HEAD}const a = sum(1, 2).setName("x");\nexport default sum(a, 1).setName("x");`,
      /Two nodes are named "x"[^]*with_a_duplicate_name\.ts:3:\d+[^]*with_a_duplicate_name\.ts:4:\d+/,
    ],
    [
      "with a wrong name",
      `${HEAD}export const workflowName = 3;\nexport default sum(1, 2);`,
      /workflowName/,
    ],
  ];
  for (const [what, text, message] of cases) {
    it(what, async () => {
      workspace.write("quickstrat.ts", HEAD);
      const file = text === undefined ? "quickstart.ts" : `${what.replaceAll(" ", "_")}.ts`;
      if (text !== undefined) workspace.write(file, text);
      const ended = await run(file);
      assert.equal(ended.code, 2, ended.stderr);
      assert.equal(ended.stdout, "");
      assert.match(ended.stderr, message);
      assertReadable(ended);
    });
  }

  it("with an import that is not there", async () => {
    workspace.write("imports.ts", `import { x } from "./nowhere.ts";\nexport default x;`);
    const ended = await run("imports.ts");
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /nowhere\.ts/);
    assertReadable(ended);
  });

  const hasCompiler = process.versions.deno !== undefined;
  it("with a type error", {
    skip: hasCompiler ? false : "only Deno carries a type checker",
  }, async () => {
    workspace.write("types.ts", `${HEAD}export default sum("1", 2);`);
    const ended = await run("types.ts");
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /TS2345[^]*sum\("1", 2\)[^]*types\.ts:3:20/);
    assertReadable(ended);
    assert.equal((await run("types.ts", "--no-check")).stdout, "12\n");
  });
});

describe("fuse run ends with a code that says why", () => {
  it("1 if a node failed, with the user's own lines", async () => {
    workspace.write(
      "fails.ts",
      `${HEAD}function deep(): number { throw new RangeError("no digits"); }
const fail = workflow(function fail(_: number) { return deep(); });
export default fail(sum(1, 2).setName("done"));`,
    );
    const ended = await run("fails.ts");
    assert.equal(ended.code, 1);
    assert.equal(ended.stdout, "");
    assert.match(
      ended.stderr,
      /Node "fail_0000" .*fails\.ts:4:\d+.*RangeError: no digits\n +at deep .*fails\.ts:3:\d+/,
    );
    assert.match(ended.stderr, /Stopped after 1 node.*goes on from here/);
    assertReadable(ended);
    assert.match((await run("fails.ts")).stderr, /done read/);
  });

  it("3 if the storage fails", async () => {
    workspace.write("occupied", "a file");
    const ended = await run(example("quickstart.ts"), "--storage", "occupied");
    assert.equal(ended.code, 3);
    assert.match(ended.stderr, /Cannot list .*occupied.*Choose another folder/);
    assertReadable(ended);
  });

  it("2 if there is no such storage", async () => {
    const ended = await run(example("quickstart.ts"), "--storage", "tape://x");
    assert.equal(ended.code, 2);
    assert.match(ended.stderr, /kind "tape"/);
  });

  it("64 if the command is wrong", async () => {
    const wrong: [string[], RegExp][] = [
      [["run"], /Which workflow/],
      [["run", "x.ts", "--paramm", "a=1"], /unknown option.*\n.*--param/],
      [["run", "x.ts", "--param", "seed"], /seed=7/],
      [["run", "x.ts", "--select", "["], /\[/],
      [["run", "x.ts", "--name", ""], /must not be empty/],
      [["run", "x.ts", "--param", "n=[1"], /none/],
      [["rnu"], /unknown command 'rnu'\n.*run/],
      [["help", "rnu"], /unknown command 'rnu'\n.*run/],
      [["x.ts"], /unknown command 'x\.ts'\n[^]*Did you mean fuse run x\.ts\?/],
      [["run", ""], /must not be empty/],
    ];
    for (const [args, message] of wrong) {
      const ended = await workspace.fuse(args);
      assert.equal(ended.code, 64, args.join(" "));
      assert.match(ended.stderr, message);
    }
  });

  it("130 if what a file awaits never comes, which is said", async () => {
    workspace.write("endless.ts", "await new Promise(() => {});\nexport default 1;\n");
    const plan = ["plan", "endless.ts", "--no-check"];
    const { code, stderr } = await workspace.fuse(["run", ...plan.slice(1)], "Still loading");
    assert.equal(code, 130);
    assert.match(stderr, /^Still loading endless\.ts: it awaits something\. Ctrl-C ends this\.$/m);
    // Without a handler of its own, the signal ends the process.
    const planned = await workspace.fuse(plan, "Still loading");
    assert.notEqual(planned.code, 0);
    assert.doesNotMatch(planned.stderr, /never resolved/);
  });

  it("130 if it is interrupted, with what was done stored", async () => {
    workspace.write(
      "slow.ts",
      `${HEAD}const nap = workflow(async function nap(_: number) { await new Promise((done) => setTimeout(done, 60_000)); });
export default nap(sum(1, 2).setName("quick"));`,
    );
    const ended = await workspace.fuse(["run", "slow.ts"], "quick ran");
    assert.equal(ended.code, 130);
    assert.match(ended.stderr, /Interrupted/);
    assertReadable(ended);
    assert.deepEqual(storedIn("slow"), ["quick.fuse"]);
  });
});

describe("fuse run is not fooled", () => {
  it("by synchronous nodes, between which Ctrl-C is heard, with a storage too", async () => {
    workspace.write(
      "spins.ts",
      `${HEAD}const spin = workflow(function spin(n: number) { const end = performance.now() + 100; while (performance.now() < end); return n + 1; });
let last = spin(0);
for (let i = 1; i < 90; i++) last = spin(last);
export default last;`,
    );
    const ended = await workspace.fuse(["run", "spins.ts"], "spin_0001");
    assert.equal(ended.code, 130, ended.stderr);
    assert.ok(storedIn("spins").length < 89);
  });

  it("by a node that ends the process, or leaves a promise that fails", async () => {
    workspace.write(
      "exits.ts",
      `import process from "node:process";
import { workflow } from "functionfuse";
export default workflow("exits", () => process.exit(0))();`,
    );
    const exits = await run("exits.ts", "--backend", "local");
    assert.deepEqual([exits.code, exits.stdout], [1, ""]);
    assert.match(exits.stderr, /A node ended the process/);
    const worker = await run("exits.ts");
    assert.deepEqual([worker.code, worker.stdout], [4, ""]);
    assert.match(worker.stderr, /"exits_0000".*The worker ended with exit code 0/);
    workspace.write(
      "stray.ts",
      `import { workflow } from "functionfuse";
export default workflow("stray", () => { Promise.reject(new RangeError("nobody waits")); return 1; })();`,
    );
    const stray = await run("stray.ts", "--backend", "local");
    assert.equal(stray.code, 1);
    assert.match(stray.stderr, /no node waited for.*\n.*RangeError: nobody waits\n.*stray\.ts:2/);
    assertReadable(stray);
  });

  it("by a parameter that the workflow does not ask for", async () => {
    workspace.write("asks.ts", `${HEAD}export default ({ seed = 1 }) => sum(seed, 1);`);
    const wrong = await run("asks.ts", "--param", "sede=3");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /no parameter "sede": its function asks for seed/);
    assert.equal((await run("asks.ts", "--param", "seed=3", "--name", "n")).stdout, "4\n");
    assert.equal((await run("asks.ts", "--param", "seed=4", "--name", "n")).stdout, "5\n");
  });
});

describe("fuse", () => {
  it("tells its version and helps with examples", async () => {
    assert.match((await workspace.fuse(["version"])).stdout, /^fuse \d+\.\d+\.\d+ \((deno|bun) /);
    const help = await workspace.fuse(["run", "--help"]);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Examples:[^]*fuse run workflow\.ts --param seed=7/);
    assert.match((await workspace.fuse(["--help"])).stdout, /run .*\n[^]*version/);
  });
});
