/** What is followed, and what is not. */

import { describe } from "node:test";
import { testCases } from "./projects.ts";

const HEAD = `import { workflow } from "functionfuse";\n`;

const HELPERS = {
  "main.ts": `${HEAD}
import { scale } from "./lib/scale.ts";
import type { Shape } from "./lib/types.ts";
const OFFSET = 1;
const UNUSED = 2;
function shift(x: number) { return x + OFFSET; }
function unused() { return UNUSED; }
export const a = workflow("a", (x: number) => scale(shift(x)));
export const b = workflow("b", (x: number) => x + 1);
export const c = workflow("c", (shift: (x: number) => number, s?: Shape) => shift(2));
`,
  "lib/scale.ts": `import { FACTOR } from "./factor.ts";
import { other } from "../other.ts";
export const scale = (x: number) => x * FACTOR;
export const notScale = (x: number) => other(x);
`,
  "lib/factor.ts": `export const FACTOR = 3;`,
  "lib/types.ts": `export interface Shape { a: number }`,
  "other.ts": `export const other = (x: number) => x;`,
};

describe("The digest of a function", () => {
  const helpers = (name: string, change: Record<string, [string, string]>, changes: string[]) => ({
    name,
    files: HELPERS,
    change,
    changes,
  });
  testCases([
    helpers("changes with its own text", { "main.ts": ["x + 1)", "x + 2)"] }, ["b"]),
    helpers("changes with a helper of its file", { "main.ts": ["x + OFFSET", "OFFSET - x"] }, [
      "a",
    ]),
    helpers("changes with a constant that a helper uses", {
      "main.ts": ["OFFSET = 1", "OFFSET = 2"],
    }, [
      "a",
    ]),
    helpers("changes with an imported helper", { "lib/scale.ts": ["x * F", "x / F"] }, ["a"]),
    helpers("changes with what an imported helper imports", { "lib/factor.ts": ["3", "4"] }, ["a"]),
    helpers("stays when something else of its file changes", {
      "main.ts": ["UNUSED = 2", "UNUSED = 9"],
    }, []),
    helpers("stays when something else of an imported file changes", {
      "lib/scale.ts": ["other(x)", "other(x + 1)"],
    }, []),
    helpers("stays when a file changes that only other functions reach", {
      "other.ts": ["=> x", "=> x + 1"],
    }, []),
    helpers("stays when a type changes", { "lib/types.ts": ["a: number", "b: string"] }, []),
    helpers("stays with comments, spaces, quotes, parentheses, commas and ways to write numbers", {
      "main.ts": [
        "function shift(x: number) { return x + OFFSET; }",
        "/** Shifts. */\nfunction shift(\n  x: number,\n) {\n  // by one\n  return (x + OFFSET)\n}",
      ],
      "lib/factor.ts": ["3", "0x3"],
    }, []),
    helpers("stays with annotations, assertions, overloads and type parameters", {
      "main.ts": [
        "function shift(x: number) { return x + OFFSET; }",
        "type N = number;\nfunction shift(x: N): N;\nfunction shift<T extends N>(this: void, x: any): any { const y = <T,>(z: T) => z; return (x as N)! + (OFFSET satisfies N); }",
      ].map((text, i) => i === 0 ? text : text.replace("const y = <T,>(z: T) => z; ", "")) as [
        string,
        string,
      ],
    }, []),
    helpers("stays when the types of a local variable are renamed", {
      "main.ts": ["(shift: (x: number) => number, s?: Shape)", "(shift: Function, s: unknown)"],
    }, []),
    helpers("is not that of a helper with the name of a parameter", {
      "main.ts": ["return x + OFFSET", "return x - OFFSET"],
    }, ["a"]),
  ]);
});

/** One workflow file with functions `a` and `b`, and maybe a library. */
const one = (
  name: string,
  [main, lib = "export {};"]: [string, string?],
  change: Record<string, [string, string]>,
  changes: string[],
  unfollowed?: Record<string, RegExp>,
  more: Record<string, string> = {},
) => ({
  name,
  files: { ...more, "main.ts": HEAD + main, "lib.ts": lib },
  change,
  changes,
  unfollowed,
});

describe("What changes a variable", () => {
  const table = (fill: string) =>
    `const table: Record<string, number> = {};
const list: number[] = [];
let count = 0;
${fill}
export const a = workflow("a", () => [table.x, list[0], count]);
export const b = workflow("b", () => 0);
`;
  testCases([
    one("is an assignment to it", [table("count = 4;")], { "main.ts": ["= 4", "= 5"] }, ["a"]),
    one("is an update of it", [table("count++;")], { "main.ts": ["count++", "count--"] }, ["a"]),
    one("is an assignment to a member", [table(`table.x = 4;`)], { "main.ts": ["= 4", "= 5"] }, [
      "a",
    ]),
    one("is a deletion", [table(`delete table.x;`)], {
      "main.ts": ["delete table.x", "delete table.y"],
    }, [
      "a",
    ]),
    one("is destructuring into a member", [table(`[table.x] = [4];`)], {
      "main.ts": ["[4]", "[5]"],
    }, [
      "a",
    ]),
    one("is a call of a method", [table(`list.push(4);`)], { "main.ts": ["push(4)", "push(5)"] }, [
      "a",
    ]),
    one("is a call that is given it", [table(`Object.assign(table, { x: 4 });`)], {
      "main.ts": ["x: 4", "x: 5"],
    }, ["a"]),
    one("is a block at the top level", [table(`for (const x of [4]) { list.push(x); }`)], {
      "main.ts": ["[4]", "[5]"],
    }, ["a"]),
    one(
      "is a function that assigns, with who calls it",
      [
        table(`function set(n: number) { count = n; }\nset(4);`),
      ],
      { "main.ts": ["set(4)", "set(5)"] },
      ["a"],
    ),
    one(
      "is who calls it through another function",
      [
        table(`function set(n: number) { count = n; }\nfunction init() { set(4); }\ninit();`),
      ],
      { "main.ts": ["set(4)", "set(5)"] },
      ["a"],
    ),
    one(
      "is a function that was registered in another module",
      [
        `import { register, find } from "./lib.ts";
register("x", () => 4);
export const a = workflow("a", () => find("x"));
export const b = workflow("b", () => 0);
`,
        `const known = new Map<string, () => number>();
export function register(name: string, fn: () => number) { known.set(name, fn); }
export const find = (name: string) => known.get(name)!();
`,
      ],
      { "main.ts": ["=> 4", "=> 5"] },
      ["a"],
    ),
    one(
      "is not reading it",
      [
        `const list = [1, 2]; const table = new Map([[1, 2]]); const helpers = { twice(x: number) { return 2 * x; } };
const SIZE = 3;
function other(n: number) { return list.map((x) => x + 4 + n).concat(table.get(1)!, helpers.twice(4), Math.max(...list), other(SIZE)); }
if (list.length > 9) console.log(JSON.stringify(list), list.length, structuredClone(table).size + 4);
export const a = workflow("a", () => [list, table, helpers.twice(3), SIZE, twice(1)]);
export const b = workflow("b", () => other(2));
function twice(x: number) { return x; }
export const c = [1, 2].map(twice);
export const d = a();
export default [d, a().setName("4")];
`,
      ],
      { "main.ts": ["x + 4", "x + 5"] },
      ["b"],
    ),
    one(
      "is not a graph that is built",
      [
        `const options = { rate: 1 };
const a = workflow("a", () => options.rate);
const b = workflow("b", (o: { rate: number }) => o.rate);
const fuse = { c: workflow("c", (o: { rate: number }) => o.rate) };
const x = a(), y = b(options), z = fuse.c(options).setName("4");
export default [x, y, z];
`,
      ],
      { "main.ts": ['"4"', '"5"'] },
      [],
    ),
    one("is not what is made of workflow functions", [
      `import { LocalWorkflow } from "functionfuse";
const settings = { workflowName: "x" };
const sum = workflow("sum", (x: number) => x);
@workflow
class Counter { static create() { return 1; } }
const show = (...values: unknown[]) => values.length;
export const a = workflow("a", () => [settings, sum, Counter]);
export const b = () => [show(sum), new LocalWorkflow(sum(4), settings), show(Counter.create() + 4)];
`,
    ], {
      "main.ts": [
        "[show(sum), new LocalWorkflow(sum(4)",
        "[show(sum), 5, new LocalWorkflow(sum(5)",
      ],
    }, []),
    one(
      "is a method that changes its own object",
      [
        `const box = { n: 0, add(x: number) { this.n += x; } };
box.add(4);
export const a = workflow("a", () => box.n);
export const b = workflow("b", () => 0);
`,
      ],
      { "main.ts": ["add(4)", "add(5)"] },
      ["a"],
    ),
    one("is not a function that names one that may change it", [
      `let count = 0;
function set() { count = 9; return 1; }
export const a = workflow("a", () => count);
export const b = workflow("b", () => set() + 4);
export const helpers = { go: () => set() + 4 };
`,
    ], {
      "main.ts": [
        "set() + 4);\nexport const helpers = { go: () => set() + 4",
        "set() + 5);\nexport const helpers = { go: () => set() + 5",
      ],
    }, ["b"]),
    one(
      "is a statement of another module that is imported",
      [
        `import { table } from "./table.ts";
import { helper } from "./lib.ts";
export const a = workflow("a", () => [table, helper]);
export const b = workflow("b", () => table);
`,
        `import { table } from "./table.ts"; table.x = 4; export const helper = 1;`,
      ],
      { "lib.ts": ["= 4", "= 5"] },
      ["a", "b"],
      undefined,
      { "table.ts": "export const table = { x: 1 };" },
    ),
    one(
      "of a module that is taken as a whole is any statement about it",
      [
        `import * as lib from "./lib.ts";
lib.list.push(4);
export const a = workflow("a", (key: "list") => lib[key]);
export const b = workflow("b", () => 0);
`,
        `export const list: number[] = [];`,
      ],
      { "main.ts": ["push(4)", "push(5)"] },
      ["a"],
    ),
    one(
      "may be a function that nobody calls at the top level",
      [
        `const cache = new Map<number, number>();
function remember(x: number) { cache.set(x, x + 4); return cache.get(x)!; }
export const a = workflow("a", () => cache.size);
export const b = workflow("b", () => remember(2));
`,
      ],
      { "main.ts": ["x + 4", "x + 5"] },
      ["a", "b"],
    ),
  ]);
});

describe("What is written in other ways", () => {
  testCases([
    one(
      "classes that inherit across files",
      [
        `import { Base } from "./lib.ts";
class Model extends Base { fit() { return super.fit() + 1; } }
export const a = workflow("a", () => new Model().fit());
export const M = workflow(Model);
export const b = workflow("b", () => 0);
`,
        `export class Base { fit() { return helper(); } }\nfunction helper() { return 4; }`,
      ],
      { "lib.ts": ["return 4", "return 5"] },
      ["Model", "a"],
    ),
    one(
      "classes with decorators",
      [
        `import { logged } from "./lib.ts";
@workflow
class Counter { constructor(readonly n: number) {} @logged add() { return this.n; } }
export @workflow class Other { get() { return 4; } }
export default Counter;
`,
        `export function logged(method: () => number, _: ClassMethodDecoratorContext) { return function (this: object) { return method.call(this as never) + 4; }; }`,
      ],
      { "lib.ts": ["+ 4", "+ 5"] },
      ["Counter"],
    ),
    one(
      "exports by other names, by default, through others and by destructuring",
      [
        `import anonymous, { b as inner, part } from "./lib.ts";
export const a = workflow("a", () => [anonymous(), inner()]);
export const b = workflow("b", () => part);
`,
        `const a = () => 4; export { a as b };
export default () => 7;
export const { part, rest: [other = 4] } = { part: 8, rest: [] as number[] };`,
      ],
      { "lib.ts": ["=> 4", "=> 5"] },
      ["a"],
    ),
    one(
      "anonymous default exports",
      [
        `import anonymous from "./lib.ts";\nexport const a = workflow("a", () => anonymous());`,
        `export default function () { return 4; }`,
      ],
      { "lib.ts": ["4", "5"] },
      ["a"],
    ),
    one(
      "destructured exports",
      [
        `import { part } from "./lib.ts";\nexport const a = workflow("a", () => part);`,
        `const made = { part: 4 }; export const { part } = made;`,
      ],
      { "lib.ts": ["4", "5"] },
      ["a"],
    ),
    one(
      "members of all that a module exports",
      [
        `import * as lib from "./lib.ts";
export const a = workflow("a", () => lib.one());
export const b = workflow("b", () => lib["two"]());
export const c = workflow("c", (key: "one" | "two") => lib[key]());
`,
        `export const one = () => 4; export const two = () => 7;`,
      ],
      { "lib.ts": ["=> 4", "=> 5"] },
      ["a", "c"],
    ),
    one(
      "enums, whose members may use one another",
      [
        `import { Level } from "./lib.ts";
export const a = workflow("a", () => Level.High);
export const b = workflow("b", () => 0);
`,
        `const BASE = 4; export enum Level { Low = BASE, High = Low << 1 }`,
      ],
      { "lib.ts": ["BASE = 4", "BASE = 5"] },
      ["a"],
    ),
    one(
      "functions that call one another",
      [
        `function even(n: number): boolean { return n === 0 || odd(n - 1); }
function odd(n: number): boolean { return n !== 0 && even(n - 1); }
export const a = workflow("a", () => even(4));
export const b = workflow("b", () => odd(4));
export const c = workflow("c", () => 4);
`,
      ],
      { "main.ts": ["n === 0 ||", "n <= 0 ||"] },
      ["a", "b"],
    ),
    one(
      "getters, static blocks, private fields, labels, generators, templates and flags",
      [
        `const K = 4;
class Box { static #n: number; static { Box.#n = K; } get n() { outer: for (;;) { break outer; } return Box.#n; } }
async function* rows() { yield \`\${new Box().n}\`; }
export const a = workflow("a", async () => { for await (const row of rows()) return row; });
export const b = workflow("b", () => /x/gi.test("x"));
`,
      ],
      { "main.ts": ["K = 4", "K = 5"] },
      ["a"],
    ),
    one("flags of regular expressions", [`export const b = workflow("b", () => /x/g.test("x"));`], {
      "main.ts": ["/x/g", "/x/gi"],
    }, ["b"]),
    one("raw texts of tagged templates", [
      'export const b = workflow("b", () => String.raw`\\u0041`);',
    ], {
      "main.ts": ["\\u0041", "A"],
    }, ["b"]),
    one(
      "objects of helpers",
      [
        `import { helpers } from "./lib.ts";
export const a = workflow("a", () => helpers.one());
export const b = workflow("b", () => 0);
`,
        `const two = () => 4; export const helpers = { one: () => helpers.two, get two() { return two(); } };`,
      ],
      { "lib.ts": ["=> 4", "=> 5"] },
      ["a"],
    ),
    one(
      "namespaces and parameters that are properties",
      [
        `namespace Shapes { const k = 4; export function area() { return k; } }
class Box { constructor(private readonly n = Shapes.area()) {} get() { return this.n; } }
export const a = workflow("a", () => new Box().get());
export const b = workflow("b", () => 0);
`,
      ],
      { "main.ts": ["k = 4", "k = 5"] },
      ["a"],
    ),
    one(
      "modules that are imported only to be run",
      [
        `import "./lib.ts";\nexport const a = workflow("a", () => 0);`,
        `import { log } from "node:console"; const x = 4; if (x > 9) log(x);`,
      ],
      { "lib.ts": ["x = 4", "x = 5"] },
      ["a"],
    ),
    one(
      "modules that are imported by a call with their name",
      [
        `export const a = workflow("a", async () => (await import("./lib.ts")).x);
export const b = workflow("b", () => 0);`,
        `export const x = 4;`,
      ],
      { "lib.ts": ["x = 4", "x = 5"] },
      ["a"],
    ),
    one(
      "modules that a worker is made of",
      [
        `export const a = workflow("a", () => new Worker(new URL("./lib.ts", import.meta.url)));
export const b = workflow("b", () => import.meta.resolve("./lib.ts"));
export const c = workflow("c", () => new URL("./lib.ts", "https://example.com"));`,
        `const x = 4; postMessage(x);`,
      ],
      { "lib.ts": ["x = 4", "x = 5"] },
      ["a", "b"],
    ),
    one("types that become stricter, and members that are only declared", [
      `abstract class Shape { declare k: number; abstract area(): number; constructor(private k2: number) {} }
class Box extends Shape implements Object { area() { return 4; } }
export const a = workflow("a", () => new Box(2).area());`,
    ], {
      "main.ts": [
        "declare k: number; abstract area(): number; constructor(private k2",
        "abstract other(): void; abstract area(): number | string; [x: string]: unknown; constructor(protected readonly k2",
      ],
    }, []),
    one(
      "members that are written short",
      [
        `export const a = workflow("a", (x: number) => ({ x, "y": 1, 2: 3 }));`,
      ],
      { "main.ts": [`{ x, "y": 1, 2: 3 }`, `{ x: x, y: 1, "2": 3 }`] },
      [],
    ),
    one("braces around single statements", [
      `export const a = workflow("a", (x: number) => { if (x) return 1; else return 2; });`,
    ], {
      "main.ts": ["if (x) return 1; else return 2;", "if (x) { return 1; } else { return 2; }"],
    }, []),
  ]);
});

describe("What can't be followed", () => {
  const whole = (what: string, code: string, reason: RegExp) =>
    one(
      what,
      [
        `import { helper } from "./lib.ts";
const unrelated = 4;
export const a = workflow("a", ${code});
export const b = workflow("b", () => helper());
export const c = workflow("c", () => unrelated);
`,
        `export const helper = () => 4;`,
      ],
      { "lib.ts": ["=> 4", "=> 5"] },
      ["a", "b"],
      { a: reason },
    );
  testCases([
    whole(
      "is import() of a name that is computed",
      "(x: string) => import(x)",
      /^"a" uses import\(\) at .*main\.ts:4, so any change in main\.ts runs it again\.$/,
    ),
    whole("is eval", `() => eval("1")`, /"a" uses eval\(\) at .*main\.ts:4/),
    whole("is code made of text", `() => new Function("return 1")`, /"a" uses Function\(\)/),
    one(
      "may be in a helper of another module",
      [
        `import { load } from "./lib.ts";\nexport const a = workflow("a", () => load("x"));`,
        `export const load = (x: string) => import(x);\nexport const other = 4;`,
      ],
      { "lib.ts": ["4", "5"] },
      ["a"],
      { a: /"a" uses import\(\) at .*lib\.ts:1, so any change in lib\.ts/ },
    ),
    one(
      "is not a function that is called eval",
      [
        `function evaluate(Function = () => 1) { return Function(); }\nconst other = 4;
class Other {}
export const a = workflow("a", () => [evaluate(), new Other()]);\nexport const b = other;`,
      ],
      { "main.ts": ["4", "5"] },
      [],
    ),
  ]);
});
