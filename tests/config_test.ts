import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LocalWorkflow, ParallelWorkflow, workflow } from "functionfuse";
import { applyConfig, defineConfig, type FuseConfig } from "functionfuse/config";
import { randomState } from "functionfuse/plugins";
import { storageFactory } from "functionfuse/storage";
import { graphOf } from "./support/random_edits.ts";

const add = workflow("add", (a: number, b: number) => a + b);
const one = add(1, 0).setName("one");
const two = add(one, 1).setName("two");
const three = add(two, one).setName("three");
const spare = add(one, 5).setName("spare");

const options = { workflowName: "numbers", scope: "needed" } as const;
const local = (config: FuseConfig) => {
  const wf = new LocalWorkflow([three, spare], options);
  applyConfig(wf, defineConfig(config));
  return wf;
};

// At the top level, as workers come to them there.
const replaced = defineConfig({
  rules: [
    { query: "two", replaceFunction: (a: number, b: number) => 10 * a + b },
    { query: "three", insertBefore: (n: number) => 2 * n, insertAfter: (n: number) => n + 0.5 },
    { query: "spare", plugins: [randomState({ seed: 1 })], replaceFunction: () => Math.random() },
  ],
});

describe("A configuration", () => {
  it("sets what its rules say, each for the nodes as those before have left them", async () => {
    const wf = local({
      rules: [
        { query: /one|two/, collapse: "pair" },
        { query: "pair", remoteArgs: { maxRetries: 1 }, stored: false, grouped: false },
        { query: "three", replaceFunction: (a: number, b: number) => a * 100 + b },
        { query: "spare", replaceFunction: () => "spared" },
      ],
    });
    assert.deepEqual(wf.findNodes(), ["pair", "three", "spare"]);
    const [settings] = graphOf(wf as never).settings.values();
    assert.deepEqual([settings.isStored, settings.isGrouped], [false, false]);
    assert.deepEqual(await wf.run(), [201, "spared"]);
  });

  it("sets what a rule says of a group for the group", async () => {
    const storage = storageFactory("memory:");
    const wf = local({ rules: [{ query: "one|two", collapse: "pair", stored: false }] });
    await wf.setStorage(storage).run();
    assert.deepEqual(await storage.listTasks("numbers"), ["spare", "three"]);
  });

  it("removes nodes, and leaves a workflow that it is not for alone", async () => {
    const start = add(1, 1).setName("start");
    const end = add(start, 1).setName("end");
    add(start, 2).setName("aside");
    const wf = new LocalWorkflow(end, { workflowName: "numbers" });
    assert.deepEqual(wf.findNodes(), ["start", "end", "aside"]);
    applyConfig(
      wf,
      defineConfig({
        rules: [
          { query: "aside", remove: true },
          { query: "nothing of this name", workflow: "letters", stored: false },
          { query: "nothing of that name", optional: true, stored: false },
        ],
      }),
    );
    assert.deepEqual(wf.findNodes(), ["start", "end"]);
    assert.equal(await wf.run(), 3);
  });

  for (const isolation of ["thread", "process"] as const) {
    it(`has functions and plugins that reach workers: ${isolation}`, async () => {
      const warnings: string[] = [];
      const onWarning = (message: string) => void warnings.push(message);
      const expected = new LocalWorkflow([three, spare], options);
      applyConfig(expected, replaced);
      const wf = new ParallelWorkflow([three, spare], { ...options, isolation, onWarning });
      applyConfig(wf, replaced);
      const values = await wf.run();
      assert.deepEqual(values, await expected.run());
      assert.equal(values[0], 2 * 11 + 2 * 1 + 0.5);
      assert.deepEqual(warnings, []);
    });
  }

  it("is a copy that can't be changed, and nothing else can be applied", () => {
    const rules = [{ query: "one", stored: false }];
    const config = defineConfig({ rules });
    assert.throws(() => Object.assign(config, { workers: 2 }), { name: "TypeError" });
    const wf = new LocalWorkflow(three, options);
    assert.throws(() => applyConfig(wf, { rules }), {
      name: "ConfigError",
      message: /defineConfig/,
    });
  });
});

describe("A wrong configuration is refused", () => {
  const wrong: [config: unknown, path: string, message: RegExp][] = [
    [null, "", /it must be a plain object: current value is null/],
    [[], "", /it must be a plain object: current value is a list/],
    [Promise.resolve({}), "", /a plain object: current value is an instance of Promise/],
    [{ wrokers: 2 }, "wrokers", /'wrokers' is no setting: known are .*workers/],
    [{ workers: "4" }, "workers", /'workers' must be a whole number from 1 to 1024: .* is "4"/],
    [{ workers: 1.5 }, "workers", /current value is 1\.5/],
    [{ backend: "dask" }, "backend", /or "local" or "ray": current value is "dask"/],
    [{ backend: "local", workers: 2 }, "workers", /'workers' means nothing to the local backend/],
    [{ backend: "ray", workers: 2 }, "workers", /'workers' means nothing to the ray backend/],
    [{ ray: { adress: "x" } }, "ray.adress", /'ray\.adress' is no setting: known are address/],
    [{ ray: { deno: "brew" } }, "ray.deno", /must be "path" or "pip"/],
    [{ ray: { files: ["a", 1] } }, "ray.files[1]", /must be a text/],
    [{ ray: { headers: { a: 1 } } }, "ray.headers.a", /must be a text/],
    [{ ray: { driverArgs: { numCpus: -1 } } }, "ray.driverArgs.numCpus", /numCpus' must be/],
    [{ ray: { driverArgs: { maxRetries: 1 } } }, "ray.driverArgs.maxRetries", /is no setting/],
    [{ resources: { gpu: -1 } }, "resources.gpu", /at least 0: current value is -1/],
    [{ storage: "" }, "storage", /'storage' must be a folder or URL/],
    [{ storage: { kind: "tape" } }, "storage.kind", /"file" or "memory"/],
    [{ storage: { kind: "file", option: {} } }, "storage.option", /known are kind, options/],
    [{ observers: [randomState] }, "observers[0]", /before it has its options: call it/],
    [{ rules: {} }, "rules", /'rules' must be a list: current value is an object/],
    [{ rules: new Array(1) }, "rules[0]", /'rules\[0\]' must be a plain object: .* undefined/],
    [{ rules: [{}, { qurey: "x" }] }, "rules[1].qurey", /no setting: known are query/],
    [{ rules: [{ query: "(" }] }, "rules[0].query", /wrong\. Cannot find nodes by the pattern/],
    [{ rules: [{ remoteArgs: { cpus: 1 } }] }, "rules[0].remoteArgs.cpus", /known are numCpus/],
    [{ rules: [{ remoteArgs: { numCpus: "1" } }] }, "rules[0].remoteArgs.numCpus", /a number/],
    [
      { rules: [{ remoteArgs: { resources: { gpu: -1 } } }] },
      "rules[0].remoteArgs.resources.gpu",
      /at least 0: current value is -1/,
    ],
    [{ rules: [{ plugins: [3] }] }, "rules[0].plugins[0]", /current value is 3/],
    [{ rules: [{ replaceFunction: add }] }, "rules[0].replaceFunction", /give the plain function/],
    [{ rules: [{ insertAfter: "f" }] }, "rules[0].insertAfter", /must be a function/],
    [{ rules: [{ collapse: "" }] }, "rules[0].collapse", /at least one character/],
    [{ rules: [{ remove: true, stored: false }] }, "rules[0]", /removes nodes, and sets 'stored'/],
  ];
  for (const [config, path, message] of wrong) {
    it(`at ${path || "the top"}: ${message.source}`, () => {
      assert.throws(() => defineConfig(config as never), { name: "ConfigError", path, message });
    });
  }

  it("by the compiler, too", () => {
    // @ts-expect-error: a misspelled setting
    assert.throws(() => defineConfig({ wrokers: 2 }));
    // @ts-expect-error: a wrong value
    assert.throws(() => defineConfig({ backend: "dask" }));
    // @ts-expect-error: a misspelled key of a rule
    assert.throws(() => defineConfig({ rules: [{ remoteArgs: { cpus: 1 } }] }));
  });

  it("where a pattern finds nothing, with the names that there are", () => {
    assert.throws(() => local({ rules: [{ query: "tow", stored: false }] }), {
      name: "ConfigError",
      path: "rules[0].query",
      unknown: "tow",
      known: ["one", "two", "three", "spare"],
      message: /"tow" matches no whole name\. There are "one", "two", "three", "spare"/,
    });
  });

  it("where what a rule says can't be done, with the rule and the nodes", () => {
    const Box = workflow(class Box {});
    const wf = new LocalWorkflow(new Box().setName("box"), options);
    const config = defineConfig({ rules: [{ query: "box", replaceFunction: () => 1 }] });
    assert.throws(() => applyConfig(wf, config), {
      name: "ConfigError",
      path: "rules[0].replaceFunction",
      message: /'rules\[0\]\.replaceFunction' .* says\. .*"box"/,
    });
    assert.throws(() => local({ rules: [{ query: "one", remove: true }] }), {
      name: "ConfigError",
      path: "rules[0].remove",
      message: /"one"/,
    });
  });
});
