/** What the top level of modules does, whoever it is done by and through whatever name. */

import { describe } from "node:test";
import { testCases } from "./projects.ts";

const HEAD = `import { workflow } from "functionfuse";\n`;

type Edit = readonly [from: string, to: string];
type Case = readonly [name: string, main: string, edit: Edit, files?: Record<string, string>];

/** `f` is the function that uses what is changed, `other` one that does not. */
const testChanges = (cases: readonly Case[], changes: string[]) =>
  testCases(cases.map(([name, main, edit, files = {}]) => {
    const other = /\bglobal|to be run|outside of it/.test(name)
      ? ""
      : `\nexport const other = workflow("other", () => 0);`;
    const all: Record<string, string> = { ...files, "main.ts": HEAD + main + other };
    const path = Object.keys(all).findLast((path) => all[path].includes(edit[0]))!;
    return { name, files: all, change: { [path]: edit }, changes };
  }));

const f = (value: string) => `\nexport const f = workflow("f", () => ${value});`;
const CFG = "const cfg: any = { k: 1, o: { k: 1 } };\n";
const ROWS = "const M = [[1, 2], [3, 4]];\n";
const NORM = "function norm(row: number[]) { row[0] *= 2; return row; }\n";
const MODELS = `const models = [{ k: 1 }, { k: 2 }];\n`;
const ROW = f("M[1][0]");
const K = f("[cfg.k, cfg.o.k]");

describe("The order of the top level counts", () => {
  testChanges([
    [
      "of statements",
      `const steps: ((x: number) => number)[] = [];\nsteps.push((x) => x + 1); steps.push((x) => x * 2);${
        f("steps.reduce((x, step) => step(x), 3)")
      }`,
      [
        "steps.push((x) => x + 1); steps.push((x) => x * 2);",
        "steps.push((x) => x * 2); steps.push((x) => x + 1);",
      ],
    ],
    [
      "of a copy and what changes the original",
      `let k = 1;\nconst g = k; k = 2;${f("g")}`,
      ["const g = k; k = 2;", "k = 2; const g = k;"],
    ],
    [
      "of an object and what changes what it is made of",
      `let rate = 1;\nconst a = { rate }; rate = 2;${f("a.rate")}`,
      ["const a = { rate }; rate = 2;", "rate = 2; const a = { rate };"],
    ],
    [
      "of what reads a part and what changes it",
      `const list = [1];\nconst n = list.length; list.push(2);${f("n")}`,
      ["const n = list.length; list.push(2);", "list.push(2); const n = list.length;"],
    ],
    [
      "of calls that count",
      `let n = 0; const next = () => ++n;\nconst a = next(); const b = next();${f("b")}`,
      ["const a = next();", "const a = next(); next();"],
    ],
    [
      "of modules that are imported to be run",
      `import "./one.ts"; import "./two.ts";\nimport { list } from "./list.ts";${f("list.join()")}`,
      ['import "./one.ts"; import "./two.ts";', 'import "./two.ts"; import "./one.ts";'],
      {
        "list.ts": "export const list: number[] = [];",
        "one.ts": `import { list } from "./list.ts"; list.push(1);`,
        "two.ts": `import { list } from "./list.ts"; list.push(2);`,
      },
    ],
  ], ["f"]);
});

describe("What changes its owner by name", () => {
  const config = "class Config { static rate = 0.1; static set(r: number) { Config.rate = r; } }";
  testChanges([
    ["is a static method", `${config}\nConfig.set(0.5);${f("Config.rate")}`, ["0.5", "0.7"]],
    [
      "is a static method of another file",
      `import { Config } from "./lib.ts";\nConfig.set(0.5);${f("Config.rate")}`,
      ["0.5", "0.7"],
      { "lib.ts": `export ${config}` },
    ],
    [
      "is a method of an object of another file",
      `import { lib } from "./lib.ts";\nlib.configure(2);${f("lib.k")}`,
      ["(2)", "(3)"],
      { "lib.ts": "export const lib = { k: 1, configure(n: number) { lib.k = n; } };" },
    ],
    [
      "is a registry",
      `import { Reg } from "./lib.ts";\nReg.add("a", () => 1);${f('Reg.get("a")()')}`,
      ["=> 1", "=> 2"],
      {
        "lib.ts": `export class Reg { static m = new Map<string, any>();
static add(n: string, f: any) { Reg.m.set(n, f); } static get(n: string) { return Reg.m.get(n); } }`,
      },
    ],
    [
      "is a registry whose values are outside of it",
      `import { R } from "./lib.ts"; import "./more.ts";${f('R.get("a")')}`,
      ["=> 1", "=> 2"],
      {
        "more.ts": `import { R } from "./lib.ts"; R.add("a", () => 1);`,
        "lib.ts": `const m = new Map<string, any>();
export class R { static add(n: string, f: any) { m.set(n, f); } static get(n: string) { return m.get(n)(); } }`,
      },
    ],
    [
      "is an object of a class",
      `class S { k = 1; set(n: number) { this.k = n; return this; } }\nconst s = new S(); const t = s.set(2); t.set(3);${
        f("s.k")
      }`,
      ["set(3)", "set(4)"],
    ],
    ["is a static block", `class A { static s = 1; static { A.s = 2; } }${f("A.s")}`, [
      "A.s = 2",
      "A.s = 3",
    ]],
  ], ["f"]);
});

describe("A change through another name counts:", () => {
  const through = (
    name: string,
    code: string,
    value: string,
    edit: Edit,
    files?: Case[3],
  ): Case => [
    name,
    code + value,
    edit,
    files,
  ];
  const two: Edit = ["= 2", "= 3"];
  const nine: Edit = ["= 9", "= 8"];
  const norm: Edit = ["*= 2", "*= 3"];
  testChanges([
    through("an alias", `${CFG}const al = cfg; al.k = 2;`, K, two),
    through("an alias of an alias", `${CFG}const al = cfg; const b = [al]; b[0].k = 2;`, K, two),
    through("a part", `${CFG}const { o } = cfg; o.k = 2;`, K, two),
    through("a loop", `${CFG}for (const c of [cfg]) c.k = 2;`, K, two),
    through("a callback", `${CFG}[cfg].forEach((c) => { c.k = 2; });`, K, two),
    through(
      "a callback of a promise",
      `${CFG}await Promise.resolve().then(() => { cfg.k = 2; });`,
      K,
      two,
    ),
    through("a function's result", `${CFG}function get() { return cfg; }\nget().k = 2;`, K, two),
    through("a block", `${CFG}{ const z = cfg; z["k"] = 2; }`, K, two),
    through("a function called at once", `${CFG}(() => { const c = cfg; c.k = 2; })();`, K, two),
    through("a helper", `${CFG}function set(o: any) { const p = o; p.k = 2; }\nset(cfg);`, K, two),
    through(
      "a helper of a helper",
      `${CFG}const set = (o: any) => { o.k = 2; };\nfunction init() { set(cfg); }\ninit();`,
      K,
      two,
    ),
    through(
      "a map",
      `const m = new Map([["a", { k: 1 }]]);\nm.get("a")!.k = 2;`,
      f('m.get("a")!.k'),
      two,
    ),
    through(
      "a map's part",
      `const m = new Map([["a", { k: 1 }]]);\nconst e = m.get("a")!; e.k = 2;`,
      f('m.get("a")!.k'),
      two,
    ),
    through("an import", `import { s } from "./lib.ts";\nconst t = s; t.k = 2;`, f("s.k"), two, {
      "lib.ts": "export const s = { k: 1 };",
    }),
    through(
      "an import's result",
      `import { state, cur } from "./lib.ts";\nstate().k = 2;`,
      f("cur()"),
      two,
      {
        "lib.ts": "const s = { k: 1 }; export const state = () => s; export const cur = () => s.k;",
      },
    ),
    through(
      "an import's result with a name",
      `import { state, cur } from "./lib.ts";\nconst st = state(); st.k = 2;`,
      f("cur()"),
      two,
      {
        "lib.ts": "const s = { k: 1 }; export const state = () => s; export const cur = () => s.k;",
      },
    ),
    through("each of a list", `${MODELS}for (const m of models) m.k *= 2;`, f("models[1].k"), norm),
    through(
      "each of a list by a callback",
      `${MODELS}models.forEach((m) => { m.k *= 2; });`,
      f("models[1].k"),
      norm,
    ),
    through("a row", `${ROWS}const row = M[1]; row[0] = 9;`, ROW, nine),
    through("each row", `${ROWS}for (const row of M) row[0] = 9;`, ROW, nine),
    through("each row by its number", `${ROWS}for (let i = 0; i < 2; i++) M[i][0] = 9;`, ROW, nine),
    through("a row that is given", `${ROWS}${NORM}norm(M[1]);`, ROW, norm),
    through("rows that are given by a method", `${ROWS}${NORM}M.forEach(norm);`, ROW, norm),
    through("rows that a declaration changes", `${ROWS}${NORM}const N = M.map(norm);`, ROW, norm),
    through("a declaration that sorts", `const a = [3, 1, 2];\nconst s = a.sort();`, f("a[0]"), [
      "a.sort()",
      "[0]",
    ]),
    through(
      "what is built in a loop",
      `const m: any = {};\nfor (const n of ["a"]) { const e: any = {}; m[n] = e; e.k = 2; }`,
      f("m.a.k"),
      two,
    ),
    through(
      "what a table holds",
      `const row = { k: 1 }; const table = [row];\nrow.k = 2;`,
      f("table[0].k"),
      two,
    ),
    through(
      "what an object holds",
      `const opts = { k: 1 };\nclass B { constructor(readonly o: any) {} }\nconst m = new B(opts); opts.k = 2;`,
      f("m.o.k"),
      two,
    ),
    through(
      "a part of memory",
      `const a = new Float64Array(4);\na.subarray(1, 2).fill(2);`,
      f("a[1]"),
      ["fill(2)", "fill(3)"],
    ),
    through(
      "a view of memory",
      `const a = new Float64Array(2);\nnew Uint8Array(a.buffer)[7] = 2;`,
      f("a[0]"),
      two,
    ),
    through(
      "a view with a name",
      `const a = new Float64Array(2);\nconst w = new Uint8Array(a.buffer); w[7] = 2;`,
      f("a[0]"),
      two,
    ),
    through(
      "functions that share a variable",
      `function mk() { let k = 1; return [() => k, (n: number) => { k = n; }] as const; }\nconst [get, set] = mk(); set(2);`,
      f("get()"),
      ["set(2)", "set(3)"],
    ),
    through(
      "functions of an object that share one",
      `function mk() { let k = 1; return { set(n: number) { k = n; }, get() { return k; } }; }\nconst c = mk(); const { set, get } = c; set(2);`,
      f("get()"),
      ["set(2)", "set(3)"],
    ),
    through(
      "an event",
      `const target = new EventTarget(); let k = 1;\ntarget.addEventListener("x", () => { k = 2; }); target.dispatchEvent(new Event("x"));`,
      f("k"),
      two,
    ),
    through(
      "a decorator",
      `const all: string[] = [];\nconst reg = (n: string) => (v: any, _: unknown) => { all.push(n); return v; };\n@reg("x") class B {}`,
      f("all.join()"),
      ['"x"', '"y"'],
    ),
    through(
      "a decorator of another file",
      `import { all, reg } from "./lib.ts";\n@reg("x") class B {}`,
      f("all.join()"),
      ['"x"', '"y"'],
      {
        "lib.ts":
          "export const all: string[] = []; export const reg = (n: string) => (v: any, _: unknown) => { all.push(n); return v; };",
      },
    ),
    through(
      "a static block of a class that inherits",
      `const all: string[] = [];\nclass B { static { all.push(this.name); } }\nclass D extends B { static { all.push("x"); } }`,
      f("all.join()"),
      ['"x"', '"y"'],
    ),
    through(
      "a function's own members",
      `function h() { return (h as any).k; }\n(h as any).k = 2;`,
      f("h()"),
      two,
    ),
    through(
      "a class's prototype",
      `class A { v() { return 1; } }\nA.prototype.v = function () { return 2; };`,
      f("new A().v()"),
      ["return 2", "return 3"],
    ),
    through(
      "a workflow class",
      "",
      `\nconst C = workflow("f", class C { static reg: any = {}; run() { return C.reg.k; } });\n(C as any).reg.k = 2;`,
      two,
    ),
  ], ["f"]);
});

describe("Of globals,", () => {
  const g = "(globalThis as any)";
  testChanges([
    ["a global variable counts", `${g}.Z = 2;${f(`${g}.Z`)}`, ["= 2", "= 3"]],
    [
      "a global prototype counts",
      `(Array.prototype as any).foo = () => 2;${f("([] as any).foo()")}`,
      ["=> 2", "=> 3"],
    ],
    ["a global function counts", `Math.random = () => 0.5;${f("Math.random()")}`, ["0.5", "0.6"]],
    [
      "global properties that are defined count",
      `Object.defineProperty(globalThis, "Z", { value: 2 });${f(`${g}.Z`)}`,
      ["2 }", "3 }"],
    ],
    [
      "a global environment counts",
      `import process from "node:process";\nprocess.env.X = "2";${f("process.env.X")}`,
      ['"2"', '"3"'],
    ],
    [
      "a global variable that another file sets counts",
      `import { setup } from "./lib.ts";\nsetup(1);${f(`${g}.Z`)}`,
      ["setup(1)", "setup(2)"],
      {
        "lib.ts": `export function setup(n: number) { ${g}.Z = n; }`,
      },
    ],
    [
      "the order of global effects of other files counts",
      `import { a } from "./one.ts"; import { b } from "./two.ts";${f("[a, b]")}`,
      [
        'import { a } from "./one.ts"; import { b } from "./two.ts";',
        'import { b } from "./two.ts"; import { a } from "./one.ts";',
      ],
      {
        "one.ts": `${g}.o = (${g}.o ?? "") + "a"; export const a = ${g}.o;`,
        "two.ts": `${g}.o = (${g}.o ?? "") + "b"; export const b = ${g}.o;`,
      },
    ],
    [
      "no global but a file that is required counts",
      `import { createRequire } from "node:module";\nconst load = createRequire(import.meta.url);${
        f('load("./lib.cjs").k')
      }`,
      ["= 2", "= 3"],
      {
        "lib.cjs": "exports.k = 2;",
      },
    ],
    [
      "no global but a file that is required at once counts",
      `import module from "node:module";${
        f('module.createRequire(import.meta.url)("./lib.cjs").k')
      }`,
      ["= 2", "= 3"],
      {
        "lib.cjs": "exports.k = 2;",
      },
    ],
  ], ["f"]);
});

describe("Without effects, nothing else of a module counts:", () => {
  const clean = `import { LocalWorkflow } from "functionfuse";
import assert from "node:assert/strict";
const options = { rate: 1, size: [1, 2] };
const unrelated = { n: 4 };
const table = new Map([["x", 4]]);
function helper(x: number) { const out: number[] = []; for (let i = 0; i < x; i++) out.push(i); return out; }
const copies = options.size.map((x) => helper(x).length);
const unused = helper(7), names = Object.keys(unrelated).map((name) => name + 4);
class Model { w = 0; constructor(readonly o: object) { this.w = 4; } fit(x: number) { this.w += x; return this; } }
const make = (rate: number) => workflow("made", (x: number) => x);
const g = workflow("g", (o: object) => o), train = make(1);
const nodes: unknown[] = [];
for (const n of [1, 2]) nodes.push(g({ rate: options.rate, n }));
const x = train(4 as never), y = g(options).setName("4");
console.log(unrelated.n, new Model(unrelated).fit(4).w);
async function main() {
  const rows = helper(4).filter((n) => n > 4);
  rows.push(4);
  const total = g({ ...options, rows: [4], o: options.rate });
  const wf = new LocalWorkflow(total, { workflowName: "4" });
  for (const node of [total]) node.setName("5");
  if (options.rate > 4) return await wf.run();
  assert.ok(rows);
  const model = new Model(rows);
  model.fit(4);
  return [wf, model];
}
await main();
export default [x, y, nodes];
`;
  const value = f("[options, table, copies]");
  const stays = (name: string, from: string, to: string): Case => [name, clean + value, [from, to]];
  testChanges([
    stays("an object", "{ n: 4 }", "{ n: 5 }"),
    stays("a declaration that only reads", "helper(7)", "helper(8)"),
    stays("a callback that only reads", "name + 4", "name + 5"),
    stays("a class", "this.w = 4", "this.w = 5"),
    stays("an argument", "train(4", "train(5"),
    stays("a name", 'setName("4")', 'setName("5")'),
    stays("a loop over nodes", "of [1, 2]) nodes", "of [1, 2, 3]) nodes"),
    stays("what is printed", "fit(4).w", "fit(5).w"),
    stays("an argument in main()", "rows: [4]", "rows: [5]"),
    stays("a list that main() makes", "rows.push(4)", "rows.push(5)"),
    stays("a model that main() fits", "model.fit(4)", "model.fit(5)"),
    stays("a condition in main()", "options.rate > 4", "options.rate > 5"),
    stays("a function that was moved", `class Model`, `const later = () => 4;\nclass Model`),
    [
      "functions in another order",
      `function a() { return b(); }\nfunction b() { return 4; }\nconst list = [1];${
        f("[a(), list]")
      }`,
      [
        "function a() { return b(); }\nfunction b() { return 4; }",
        "function b() { return 4; }\nfunction a() { return b(); }",
      ],
    ],
    [
      "effects on other variables",
      `const list: number[] = []; const others: number[] = [];\nothers.push(4);${f("list")}`,
      ["push(4)", "push(5)"],
    ],
  ], []);
});
