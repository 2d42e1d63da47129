import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { type Ended, Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());

const fuse = (...args: string[]) => workspace.fuse(args);
/** Without the check of types, which is tested once. */
const run = (file: string, ...args: string[]) => fuse("run", file, "--no-check", ...args);

const WORKFLOW = `import { workflow } from "functionfuse";
const add = workflow(function add(a: number, b: number) { return a + b; });
const one = add(1, 0).setName("one");
const two = add(one, 1).setName("two");
export default add(two, one).setName("three");
`;
const configOf = (body: string, head = "") =>
  `import { defineConfig } from "functionfuse/config";\n${head}\nexport default defineConfig(${body});\n`;

/** A folder with a workflow and a configuration. */
function project(name: string, config: string): string {
  workspace.write(`${name}/workflow.ts`, WORKFLOW);
  workspace.write(`${name}/fuse.config.ts`, config);
  return `${name}/workflow.ts`;
}

/** By the names of nodes, the workers of the latest run. */
async function workersOf(...flags: string[]): Promise<Map<string, string>> {
  const { stdout, stderr } = await fuse("runs", "latest", "--json", ...flags);
  assert.notEqual(stdout, "", stderr);
  const { lines }: { lines: { node?: string; worker?: string }[] } = JSON.parse(stdout);
  return new Map(lines.filter(({ node }) => node).map(({ node, worker }) => [node!, worker!]));
}

function assertRefused(ended: Ended, message: RegExp, code = 2): void {
  assert.equal(ended.code, code, ended.stderr);
  assert.equal(ended.stdout, "");
  assert.match(ended.stderr, message);
  assert.doesNotMatch(ended.stderr, /(core|cli)\/\w+\.ts:\d|node:internal|ext:/);
}

describe("fuse.config.ts", () => {
  it("is found from the workflow's folder upward, and named once", async () => {
    project("found", configOf(`{ rules: [{ query: "two", replaceFunction: () => 40 }] }`));
    workspace.write("found/deep/er/workflow.ts", WORKFLOW);
    const { code, stdout, stderr } = await run("found/deep/er/workflow.ts", "--no-storage");
    assert.deepEqual([code, stdout], [0, "41\n"], stderr);
    assert.deepEqual(stderr.match(/Using .*/g), ["Using found/fuse.config.ts."]);
    assert.equal((await run("found/workflow.ts", "--no-storage", "--no-config")).stdout, "3\n");
  });

  it("sets storage, name, reuse and what a failure does; flags beat it", async () => {
    const file = project(
      "set",
      configOf(`{
        storage: "results", workflowName: "sums", onFailure: "continue", backend: "local",
        rules: [{ query: "two", replaceFunction: () => { throw new Error("no"); }, workflow: "workflow" }],
      }`),
    );
    const failed = await run(file);
    assert.equal(failed.code, 1);
    assert.ok(existsSync(join(workspace.path, "set/results/sums/one.fuse")));
    const one = await run(file, "--no-keep-going", "--select", "one", "--name", "n");
    assert.deepEqual([one.code, one.stdout], [0, "one: 1\n"]);
    assert.ok(existsSync(join(workspace.path, "set/results/n/one.fuse")));
    assert.equal((await run(file, "--no-config", "--storage", "set/plain")).stdout, "3\n");
    workspace.write(
      "set/other.ts",
      configOf(`{ storage: false, rules: [{ query: "one", replaceFunction: () => 6 }] }`),
    );
    const other = await run(file, "--config", "set/other.ts", "--isolation", "process");
    assert.equal(other.stdout, "13\n");
    assert.match(other.stderr, /Using set\/other\.ts[^]*nothing is stored/);
  });

  for (const isolation of ["thread", "process"]) {
    it(`has functions and plugins that run in workers: ${isolation}`, async () => {
      workspace.write("carried/double.ts", `export const double = (n: number) => 2 * n;\n`);
      const file = project(
        "carried",
        configOf(
          `{
          workers: 1, storage: ".", isolation: ${JSON.stringify(isolation)},
          rules: [
            { query: "one", replaceFunction: () => Math.random(), plugins: [fixed({ value: 5 }), own] },
            { query: "two", insertBefore: double, insertAfter: function half(n: number) { return n / 2; } },
            { query: "two|two/.*", collapse: "middle" },
          ],
        }`,
          `import { definePlugin } from "functionfuse";
import { initializer } from "functionfuse/plugins";
import { double } from "./double.ts";
const fixed = definePlugin("fixed", (options: { value: number }) => ({
  remoteInitialize() {
    const { random } = Math;
    Math.random = () => options.value;
    return () => void (Math.random = random);
  },
}));
const own = initializer({ remote: () => { Math.random = (before => () => before() + 1)(Math.random); } });`,
        ),
      );
      const { stdout, stderr } = await run(file, "--name", isolation);
      // One is 5 + 1; the middle doubles it, adds 1 and halves that.
      assert.equal(stdout, "12.5\n", stderr);
      assert.doesNotMatch(stderr, /warning|on the host/);
      const workers = await workersOf("--storage", "carried");
      assert.deepEqual([...workers.keys()].sort(), ["middle", "one", "three"]);
      assert.ok(![...workers.values()].includes("host"), JSON.stringify([...workers]));
    });
  }

  it("counts for reuse as far as it makes a value another one, and fuse plan knows", async () => {
    const config = (factor: number, rest: string) =>
      configOf(
        `{ ${rest} rules: [{ query: "two", replaceFunction: (a: number, b: number) => a * FACTOR + b }] }`,
        `const FACTOR = ${factor};`,
      );
    const file = project("plan", config(10, ""));
    const place = ["--storage", "plan"];
    assert.equal((await run(file, ...place)).stdout, "12\n");
    const plan = async () => {
      const { stdout, stderr } = await fuse("plan", file, "--json", "--no-check", ...place);
      assert.match(stderr, /Using plan\/fuse\.config\.ts/);
      const nodes: { name: string; action: string }[] = JSON.parse(stdout);
      return nodes.filter(({ action }) => action === "run").map(({ name }) => name);
    };
    assert.deepEqual(await plan(), []);
    // What does not change a value changes nothing.
    workspace.write("plan/fuse.config.ts", config(10, `workers: 1, onFailure: "continue",`));
    assert.deepEqual(await plan(), []);
    workspace.write("plan/fuse.config.ts", config(20, ""));
    assert.deepEqual(await plan(), ["two", "three"]);
    assert.equal((await run(file, ...place)).stdout, "22\n");
    workspace.write("plan/fuse.config.ts", configOf("{}"));
    assert.deepEqual(await plan(), ["two", "three"]);
  });

  it("names the storage for what reads it, in its folder and below", async () => {
    project("read", configOf(`{ storage: "file:kept" }`));
    await run("read/workflow.ts");
    workspace.write("read/deep/empty", "");
    const inFolder = async (...args: string[]) => {
      const inside = Object.create(workspace, {
        path: { value: join(workspace.path, "read/deep") },
      });
      return await inside.fuse(args) as Ended;
    };
    const { stdout, stderr } = await inFolder("read", "workflow", "three", "--json");
    assert.equal(stdout, "3\n", stderr);
    assert.match((await inFolder("tasks", "workflow")).stderr, /in \.\.\/kept\./);
    assertRefused(await inFolder("tasks", "--no-config"), /There is no folder \.fuse/, 3);
    workspace.write("read/fuse.config.ts", configOf(`{ storage: false }`));
    assertRefused(await inFolder("tasks"), /says that nothing is stored: name the place/);
  });

  it("may print, which is kept apart from what is asked for", async () => {
    const file = project(
      "loud",
      configOf(`{ storage: "." , observers: [] }`, `console.log("noise"); console.table([1]);`),
    );
    workspace.write("loud/workflow.ts", `console.log("more noise");\n${WORKFLOW}`);
    const drawn = await fuse("graph", file, "--no-check", "--format", "dot");
    assert.match(drawn.stdout, /digraph/, drawn.stderr);
    assert.doesNotMatch(drawn.stdout, /noise/);
    const asked = [["run", file, "--no-check"], ["plan", file, "--no-check"], [
      "tasks",
      "workflow",
    ]];
    for (const [command, name, ...flags] of asked) {
      const place = command === "tasks" ? ["--config", "loud/fuse.config.ts"] : [];
      const { stdout, stderr } = await fuse(command, name, "--json", ...flags, ...place);
      assert.doesNotThrow(() => JSON.parse(stdout), stdout);
      assert.match(stderr, /^noise$/m);
    }
  });

  it("edits nodes before some of them are selected, or run again", async () => {
    const file = project(
      "selected",
      configOf(`{ rules: [
        { query: "three", replaceFunction: () => 0 },
        { query: "one|two", collapse: "pair" },
      ] }`),
    );
    const { stdout, stderr } = await run(file, "--select", "pair", "--no-storage");
    assert.equal(stdout, "pair: { one: 1, two: 2 }\n", stderr);
    const rerun = await run(file, "--rerun", "two", "--no-storage");
    assertRefused(rerun, /No node's whole name matches "two"\. There are pair, three\./);
  });
});

describe("A fuse.config.ts that is wrong is told", () => {
  const cases: [what: string, text: string, message: RegExp][] = [
    [
      "an unknown key",
      configOf("{ wrokers: 2 } as never"),
      /fuse\.config\.ts: .*'wrokers' is no setting: .* Did you mean "workers"\?/,
    ],
    [
      "an unknown choice",
      configOf(`{ backend: "paralel" } as never`),
      /'backend' must be .* Did you mean "parallel"\?/,
    ],
    [
      "an unknown key of a rule",
      configOf(`{ rules: [{ remoteArgs: { numCpu: 1 } }] } as never`),
      /'rules\[0\]\.remoteArgs\.numCpu' .* Did you mean "numCpus"\?/,
    ],
    [
      "a pattern of nothing",
      configOf(`{ rules: [{ query: /thr?e/, stored: false }] }`),
      /'rules\[0\]\.query' finds no node .* Did you mean "three"\?/,
    ],
    [
      "an edit that can't be",
      configOf(`{ rules: [{ query: "one", remove: true }] }`),
      /'rules\[0\]\.remove' .*"one"/,
    ],
    [
      "a storage that can't be",
      configOf(`{ storage: { kind: "s3", options: {} as never } }`),
      /fuse\.config\.ts: The storage can't be used\. /,
    ],
    [
      "a thing that was not defined",
      `export default { workers: 2 };`,
      /is no configuration, as its default export is not what defineConfig returned: write/,
    ],
    [
      "no default export",
      `export const workers = 2;`,
      /is no configuration, as it has no default export: write/,
    ],
    [
      "an error of its own",
      `function help() { throw new RangeError("no cluster"); }\nhelp();`,
      /can't be loaded:\n +RangeError: no cluster\n +at help .*fuse\.config\.ts:1/,
    ],
    [
      "a syntax error",
      `export default = 3;`,
      /fuse\.config\.ts can't be loaded:[^]*fuse\.config\.ts:1/,
    ],
    [
      "an import that is not there",
      `import { x } from "./nowhere.ts";\nexport default x;`,
      /can't be loaded:[^]*nowhere\.ts/,
    ],
  ];
  for (const [what, text, message] of cases) {
    it(`for ${what}`, async () => {
      const file = project(`wrong ${what}`, text);
      assertRefused(await fuse("plan", file, "--no-check"), message);
    });
  }

  const hasCompiler = process.versions.deno !== undefined;
  it("for a type error", {
    skip: hasCompiler ? false : "only Deno carries a type checker",
  }, async () => {
    const file = project("typed", configOf(`{ wrokers: 2 }`));
    assertRefused(
      await fuse("plan", file),
      /typed\/fuse\.config\.ts does not pass the type check:[^]*wrokers/,
    );
  });

  it("for two in one folder, and one that is not there", async () => {
    const file = project("two", configOf("{}"));
    workspace.write("two/fuse.config.mjs", "export default 3;");
    assertRefused(
      await run(file),
      /two configurations, two\/fuse\.config\.ts and two\/fuse\.config\.mjs/,
    );
    assertRefused(
      await run(file, "--config", "two/no.ts"),
      /There is no configuration two\/no\.ts/,
    );
    assertRefused(await run(file, "--config", "two"), /two is no file/);
  });
});

describe("Flags that would mean nothing are refused", () => {
  it("those for workers beside the local backend, also where the configuration names it", async () => {
    const file = project("flags", configOf(`{ backend: "local" }`));
    for (const flags of [["--workers", "2"], ["--isolation", "process"], ["--resource", "a=1"]]) {
      const config = await run(file, ...flags);
      assertRefused(
        config,
        /is for workers, and the local backend has none: add --backend parallel/,
        64,
      );
    }
    const flag = await run(file, "--no-config", "--backend", "local", "--workers", "2");
    assertRefused(flag, /--workers is for workers.*leave out one of both/, 64);
    assert.equal(
      (await run(file, "--backend", "parallel", "--workers", "1", "--no-storage")).stdout,
      "3\n",
    );
  });

  it("a storage without a place", async () => {
    for (const args of [["run", "x.ts"], ["plan", "x.ts"], ["tasks"], ["read", "w", "t"]]) {
      assertRefused(await fuse(...args, "--storage", ""), /It must not be empty/, 64);
    }
    for (const place of ["s3://", "s3:", "s3:/x"]) {
      assertRefused(await fuse("run", "x.ts", "--storage", place), /It must have a bucket/, 64);
    }
  });
});
