/** How the code of a definition is found from the call that made it. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CallSite } from "../../core/place.ts";
import { readCode } from "../../code/mod.ts";
import {
  changed,
  differences,
  makeProject,
  readProject,
  testCases,
  writeInto,
} from "./projects.ts";

const HEAD = `import { workflow } from "functionfuse";\n`;
const FIXTURE = fileURLToPath(new URL("../fixtures/code", import.meta.url));

const one = (
  name: string,
  main: string,
  change: [string, string],
  changes: string[],
  unfollowed?: Record<string, RegExp>,
) => ({
  name,
  files: { "main.ts": HEAD + main },
  change: { "main.ts": change },
  changes,
  unfollowed,
});

describe("A definition is found", () => {
  testCases([
    one(
      "however its call is written",
      `import * as ff from "functionfuse";
const k = 4;
interface Far { away: true }
export const all = [ff.workflow("a", () => k), workflow <(x: number) => number> (
  function b(x: number) { return x + k; } as (x: number) => number,
), ff
  .task
  ("c", () => k), (workflow)("d", () => k)];
`,
      ["k = 4", "k = 5"],
      ["a", "b", "c", "d"],
    ),
    one(
      "in a call of a function that makes definitions",
      `const wrap = <T,>(fn: (x: number) => T) => workflow(fn.name, fn);
function train(x: number) { return x + 4; }
function test(x: number) { return x + 7; }
export const t = wrap(train);
export const u = wrap(test);
`,
      ["+ 4", "+ 5"],
      ["train"],
    ),
    one(
      "in a call of a function that wraps what it is given",
      `const wrap = (fn: (x: number) => number) => { const made = workflow(fn.name, (x: number) => fn(x) + 4); return made; };
export const t = wrap(function train(x: number) { return x; });
export const u = workflow("other", () => 0);
`,
      ["+ 4", "+ 5"],
      ["train"],
    ),
    one(
      "in loops and callbacks",
      `function f() { return 4; }
function g() { return 7; }
for (const fn of [f, g]) { const made = workflow(fn); void made; }
export const all = Object.entries({ h: f, i: () => 1 }).map(([name, fn]) => [name, workflow(name, fn)]);
export const other = ["j"].map((name) => workflow(name, g));
`,
      ["return 4", "return 5"],
      ["f", "g", "h", "i"],
    ),
    one(
      "in a factory, with the constants and functions that it takes from there",
      `function factory() {
  const k = 4, l = 7;
  function helper() { return k; }
  class Box { get() { return helper(); } }
  const a = workflow("a", () => new Box().get());
  const b = workflow("b", () => l);
  return [a, b];
}
export const [a, b] = factory();
`,
      ["k = 4", "k = 5"],
      ["a"],
    ),
    one(
      "in a method that uses fields of its object, with the object's class",
      `class Lab {
  constructor(readonly k: number) {}
  train = workflow("train", () => this.k);
}
export const lab = new Lab(4);
export const other = workflow("other", () => 0);
`,
      ["Lab(4)", "Lab(5)"],
      ["train"],
    ),
    one(
      "as a plugin, its use and a function that replaces another one",
      `import { definePlugin, LocalWorkflow } from "functionfuse";
import { initializer } from "functionfuse/plugins";
const k = 4, l = 7;
const announce = definePlugin("announce", (n: number) => ({ remoteInitialize() { return void (n + k); } }));
const use = announce(l);
const start = initializer({ remote: () => void k });
const a = workflow("a", () => l);
const wf = new LocalWorkflow(a(), { workflowName: "x", plugins: [use, start] });
wf.query().replaceFunction(function replaced() { return k; });
`,
      ["k = 4", "k = 5"],
      ["announce", "initializer", "replaced"],
    ),
    one(
      "as functions that edits insert",
      `import { LocalWorkflow } from "functionfuse";
const k = 4, l = 7;
const a = workflow("a", () => l);
const b = workflow("b", (n: number) => n + l);
const wf = new LocalWorkflow(b(a()), { workflowName: "x" });
wf.query("b_0000").insertBefore(function before(n: number) { return n + k; });
wf.query("a_0000").insertAfter(function other(n: number) { return n + l; })
  .insertAfter(async (n: number) => n + k);
`,
      ["k = 4", "k = 5"],
      ["", "before"],
    ),
    one(
      "with functions of the runtime and bound ones",
      `function f(x: number, y: number) { return x + y + 4; }
export const a = workflow("a", Math.max);
export const b = workflow("b", f.bind(null, 2));
`,
      ["+ 4", "+ 5"],
      ["b"],
    ),
    one(
      "by its module where calls decide what it captures",
      `const unrelated = 4;
export async function make(rate: number) {
  await null;
  return { a: workflow("a", () => rate) };
}
await make(2);
export const b = workflow("b", () => 0);
`,
      ["unrelated = 4", "unrelated = 5"],
      ["a"],
      {
        a: /^"a" uses "rate" of the function around it at .*main\.ts:5, so any change in main\.ts runs it again\.$/,
      },
    ),
    one(
      "by its module where it captures what changes",
      `const unrelated = 4;
async function make() {
  await null;
  let n = 1;
  n++;
  const list = [1];
  list.push(n);
  return [workflow("a", () => n), workflow("b", () => list)];
}
await make();
`,
      ["unrelated = 4", "unrelated = 5"],
      ["a", "b"],
      { a: /"a" uses "n" of the function around it/, b: /"b" uses "list" of the function/ },
    ),
  ]);

  it("without the code around it", async () => {
    const { replaced, inner } = await readProject(makeProject({
      "main.ts": `import { LocalWorkflow } from "functionfuse";
${HEAD}const k = 4, l = 7;
const a = workflow("a", () => l);
const wf = new LocalWorkflow(a(), { workflowName: "x" });
wf.query().replaceFunction(function replaced() { return k; });
const mark = (_: unknown) => (target: unknown, _context: unknown) => void target;
@mark(workflow("inner", () => k))
export class Other { size = l; }
`,
    }));
    assert.deepEqual(Object.keys(replaced.parts), ["main.ts#k", "replaced"]);
    assert.deepEqual(Object.keys(inner.parts), ["inner", "main.ts#k"]);
  });

  it("across modules, in a call of a function of another one", async () => {
    const files = {
      "main.ts": `import { wrap } from "./wrap.ts";
const k = 4;
export const a = wrap(function a() { return k; });
export const b = wrap(function b() { return 7; });
`,
      "wrap.ts":
        `${HEAD}export function wrap(fn: () => number) { const made = workflow(fn); return made; }`,
    };
    const before = await readProject(makeProject(files));
    const after = await readProject(makeProject(changed(files, { "main.ts": ["k = 4", "k = 5"] })));
    assert.deepEqual(differences(before, after), ["a"]);
    assert.deepEqual(Object.keys(before.a.parts), ["a", "main.ts#k", "wrap.ts#wrap"]);
  });
});

describe("Where a module can't be read", () => {
  const origin = (module: string | undefined, code: () => unknown) => ({
    kind: "definition" as const,
    module,
    site: Object.assign(new CallSite(), { stack: `Error\n    at ${module}:1:1` }),
    ordinal: 0,
    name: "f",
    code,
    value: 0,
  });

  it("a function's own text is compared, and this is said", async () => {
    for (const module of [undefined, "data:text/javascript,1", "https://example.com/x.ts"]) {
      const [first, same, other] = await readCode([
        origin(module, () => 1),
        origin(module, () => 1),
        origin(module, () => 2),
      ]);
      assert.equal(first.digest, same.digest);
      assert.notEqual(first.digest, other.digest);
      assert.match(first.unfollowed ?? "", /^Of "f", only its own text is compared/);
      assert.deepEqual(Object.keys(first.parts), ["f"]);
    }
  });

  it("the address of the module counts, too", async () => {
    const [one, two] = await readCode([
      origin("https://example.com/1.ts", () => 1),
      origin("https://example.com/2.ts", () => 1),
    ]);
    assert.notEqual(one.digest, two.digest);
  });

  it("functions without a source are told by their names", async () => {
    const [print] = await readCode([origin(undefined, Math.max as () => unknown)]);
    assert.match(print.unfollowed ?? "", /^Of "f", only the name is compared/);
  });
});

describe("A module that was found, but not the call", () => {
  const printAt = async (folder: string, code: () => unknown) => {
    const module = pathToFileURL(join(folder, "main.ts")).href;
    const site = Object.assign(new CallSite(), { stack: `Error\n    at ${module}:1:1` });
    const name = "named";
    const [print] = await readCode([
      { kind: "definition", module, site, ordinal: 0, name, code, value: 0 },
    ]);
    return print;
  };

  it("has a function of the name", async () => {
    const folder = makeProject({
      "main.ts": "const k = 4;\nexport function train() { return k; }",
    });
    const print = await printAt(folder, function train() {});
    assert.deepEqual(Object.keys(print.parts), ["main.ts#k", "main.ts#train"]);
    assert.equal(print.unfollowed, undefined);
  });

  it("or is taken as a whole", async () => {
    const folder = makeProject({ "main.ts": "import './lib.ts'", "lib.ts": "export {}" });
    const print = await printAt(folder, () => 0);
    assert.deepEqual(Object.keys(print.parts), ["lib.ts", "main.ts"]);
    assert.match(print.unfollowed ?? "", /"named" could not be found .* any change in main\.ts/);
  });
});

describe("The same project", () => {
  it("is read anew each time", async () => {
    const folder = makeProject({ "main.ts": `${HEAD}export const a = workflow("a", () => 4);` });
    const before = await readProject(folder);
    assert.deepEqual(await readProject(folder), before);
    writeInto(folder, "main.ts", `${HEAD}export const a = workflow("a", () => 5);`);
    assert.deepEqual(differences(before, await readProject(folder)), ["a"]);
  });

  it("has the same digests in every runtime and run", async () => {
    const prints = await readProject(FIXTURE);
    const known = JSON.parse(readFileSync(join(FIXTURE, "digests.json"), "utf8"));
    assert.deepEqual(
      Object.fromEntries(Object.entries(prints).map(([name, { digest }]) => [name, digest])),
      known,
    );
  });
});
