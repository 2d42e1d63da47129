/** Versions of packages, files that are no code, and what specifiers mean. */

import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { changed, differences, type Files, makeProject, readUnrun } from "./projects.ts";

const HEAD = `import { workflow } from "functionfuse";\n`;
const MAIN = `${HEAD}import { knn } from "ml-knn";
import sub from "@scope/pkg/sub";
const f = () => knn;
export const a = workflow("a", () => f());
export const b = workflow("b", () => sub);
export const c = workflow("c", () => 0);
`;

const DENO = {
  version: "5",
  specifiers: { "npm:ml-knn@3": "3.0.0", "npm:@scope/pkg@1": "1.0.0_peer@9.0.0" },
  npm: {
    "ml-knn@3.0.0": { dependencies: ["heap", "tree@2.0.0"] },
    "heap@1.0.0": { dependencies: ["ml-knn"] },
    "tree@1.0.0": {},
    "tree@2.0.0": { optionalDependencies: ["leaf"] },
    "leaf@4.0.0": {},
    "peer@9.0.0": {},
    "@scope/pkg@1.0.0_peer@9.0.0": { dependencies: ["peer"] },
  },
};
// With a comma at the end, as Bun writes it.
const BUN = `{
  "lockfileVersion": 1,
  "workspaces": { "": { "dependencies": { "ml-knn": "3", "@scope/pkg": "1" } } },
  "packages": {
    "ml-knn": ["ml-knn@3.0.0", "", { "dependencies": { "heap": "1", "tree": "2" } }, "sha512-x"],
    "heap": ["heap@1.0.0", "", { "dependencies": { "ml-knn": "*" } }, "sha512-x"],
    "tree": ["tree@1.0.0", "", {}, "sha512-x"],
    "ml-knn/tree": ["tree@2.0.0", "", { "optionalDependencies": { "leaf": "4" } }, "sha512-x"],
    "leaf": ["leaf@4.0.0", "", {}, "sha512-x"],
    "peer": ["peer@9.0.0", "", {}, "sha512-x"],
    "@scope/pkg": ["@scope/pkg@1.0.0", "", { "peerDependencies": { "peer": "9" } }, "sha512-x"],
  }
}`;
const NPM = {
  lockfileVersion: 3,
  packages: {
    "": { dependencies: { "ml-knn": "3" } },
    "node_modules/ml-knn": { version: "3.0.0", dependencies: { heap: "1", tree: "2" } },
    "node_modules/heap": { version: "1.0.0", dependencies: { "ml-knn": "*" } },
    "node_modules/tree": { version: "1.0.0" },
    "node_modules/ml-knn/node_modules/tree": {
      version: "2.0.0",
      optionalDependencies: { leaf: "4" },
    },
    "node_modules/leaf": { version: "4.0.0" },
    "node_modules/peer": { version: "9.0.0" },
    "node_modules/@scope/pkg": { version: "1.0.0", peerDependencies: { peer: "9" } },
  },
};
const MAP = `{ // The import map.
  "imports": { "ml-knn": "npm:ml-knn@3", "@scope/pkg": "npm:@scope/pkg@1" } }`;
const RANGES = JSON.stringify({ dependencies: { "ml-knn": "3", "@scope/pkg": "1" } });

const LOCKS: Record<string, Files> = {
  "deno.lock with an import map": { "deno.jsonc": MAP, "deno.lock": JSON.stringify(DENO) },
  "deno.lock with package.json": { "package.json": RANGES, "deno.lock": JSON.stringify(DENO) },
  "bun.lock": { "package.json": RANGES, "bun.lock": BUN },
  "package-lock.json": { "package.json": RANGES, "package-lock.json": JSON.stringify(NPM) },
};

const read = (files: Files, module = "main.ts") =>
  readUnrun(makeProject(files), files[module], module);

describe("Packages", () => {
  for (const [name, files] of Object.entries(LOCKS)) {
    const all = { "main.ts": MAIN, ...files };
    const lock = Object.keys(files).at(-1)!;
    const after = async (change: [string, string]) =>
      differences(await read(all), await read(changed(all, { [lock]: change })));

    it(`have the versions of ${name}`, async () => {
      const { a, b, c } = await read(all);
      assert.deepEqual(Object.keys(a.parts), ["a", "main.ts#f", "npm:ml-knn@3.0.0"]);
      assert.deepEqual(Object.keys(b.parts), ["b", "npm:@scope/pkg@1.0.0"]);
      assert.deepEqual(Object.keys(c.parts), ["c"]);
      assert.equal(a.unfollowed, undefined);
    });

    it(`count with all that they depend on, by ${name}`, async () => {
      assert.deepEqual(
        await after(["leaf@4.0.0", "leaf@4.0.1"].map(inNpm(lock)) as [string, string]),
        ["a"],
      );
      assert.deepEqual(
        await after(["peer@9.0.0", "peer@9.0.1"].map(inNpm(lock)) as [string, string]),
        ["b"],
      );
      assert.deepEqual(
        await after(["tree@1.0.0", "tree@1.0.1"].map(inNpm(lock)) as [string, string]),
        [],
      );
    });
  }

  it("have one digest whichever lock file tells their versions", async () => {
    const prints = await Promise.all(
      Object.values(LOCKS).map((files) => read({ "main.ts": MAIN, ...files })),
    );
    for (const print of prints) assert.deepEqual(print, prints[0]);
  });

  it("have the versions of the nearest lock file that knows them", async () => {
    const near = { ...DENO, specifiers: { "npm:ml-knn@3": "3.1.0" }, npm: { "ml-knn@3.1.0": {} } };
    const files = {
      "deno.lock": JSON.stringify(DENO),
      "deno.json": MAP,
      "app/main.ts": MAIN,
      "app/deno.lock": JSON.stringify(near),
      "bun.lock": BUN,
    };
    const { a, b } = await read(files, "app/main.ts");
    assert.deepEqual(Object.keys(a.parts), ["a", "main.ts#f", "npm:ml-knn@3.1.0"]);
    assert.deepEqual(Object.keys(b.parts), ["b", "npm:@scope/pkg@1.0.0"]);
  });

  it("have the versions that are installed where there is no lock file", async () => {
    const files = {
      "main.ts": MAIN,
      "node_modules/ml-knn/package.json":
        `{"name":"ml-knn","version":"3.0.0","dependencies":{"tree":"2"}}`,
      "node_modules/tree/package.json": `{"name":"tree","version":"2.0.0"}`,
    };
    const before = await read(files);
    assert.deepEqual(Object.keys(before.a.parts), ["a", "main.ts#f", "npm:ml-knn@3.0.0"]);
    assert.deepEqual(Object.keys(before.b.parts), ["@scope/pkg/sub", "b"]);
    const path = "node_modules/tree/package.json";
    const after = await read(changed(files, { [path]: ["2.0.0", "2.0.1"] }));
    assert.deepEqual(differences(before, after), ["a"]);
  });

  it("of npm, JSR and the web are told by their specifiers and what deno.lock knows", async () => {
    const main = `${HEAD}import { knn } from "npm:${"ml-knn@3"}/sub";
import { join } from "jsr:@std/path@^1.0.0/posix";
import { x } from "https://example.com/x.ts";
import { isIP } from "node:net";
import fs from "fs";
export const a = workflow("a", () => knn);
export const b = workflow("b", () => join);
export const c = workflow("c", () => x);
export const d = workflow("d", () => [isIP, fs, unknown]);
`;
    const lock = {
      ...DENO,
      specifiers: { ...DENO.specifiers, "jsr:@std/path@^1.0.0": "1.0.8" },
      remote: { "https://example.com/x.ts": "abc" },
    };
    const files = { "main.ts": main, "deno.lock": JSON.stringify(lock) };
    const before = await read(files);
    const parts = Object.values(before).map((print) => Object.keys(print.parts));
    assert.deepEqual(parts, [
      ["a", "npm:ml-knn@3.0.0"],
      ["b", "jsr:@std/path@1.0.8"],
      ["c", "https://example.com/x.ts"],
      ["d"],
    ]);
    const change = (from: string, to: string) => read(changed(files, { "deno.lock": [from, to] }));
    assert.deepEqual(differences(before, await change("abc", "abd")), ["c"]);
    assert.deepEqual(differences(before, await change("1.0.8", "1.0.9")), ["b"]);
  });

  it("count for statements that set them up", async () => {
    const files = {
      "main.ts": `${HEAD}import { faker, seed } from "faker";
import other from "other";
seed(4);
faker.seed(4);
console.log(other.x(1));
export const drawn = faker.number("drawn 4");
export const a = workflow("a", () => faker.number());
export const b = workflow("b", () => other.number(other.x(5)));
export const c = workflow("c", () => 0);
`,
    };
    const before = await read(files);
    for (const from of ["seed(4);\nf", "faker.seed(4)"]) {
      const after = await read(changed(files, { "main.ts": [from, from.replace("4", "5")] }));
      assert.deepEqual(differences(before, after), ["a"], from);
    }
    const after = await read(changed(files, { "main.ts": ["drawn 4", "drawn 5"] }));
    assert.deepEqual(differences(before, after), []);
  });
});

/** How npm's lock file writes `name@version`. */
function inNpm(lock: string): (id: string) => string {
  return (id) => {
    if (lock !== "package-lock.json") return lock === "bun.lock" ? `["${id}"` : `"${id}`;
    const [name, version] = id.split("@");
    return `"node_modules/${name}":{"version":"${version}"`;
  };
}

describe("Files that are no code", () => {
  it("count with all that is in them", async () => {
    const files = {
      "main.ts": `${HEAD}import rates from "./rates.json" with { type: "json" };
import text from "./prompt.txt" with { type: "text" };
import code from "./code.ts" with { type: "text" };
export const a = workflow("a", () => rates.x);
export const b = workflow("b", () => text);
export const c = workflow("c", () => code);
`,
      "rates.json": `{"x": 1}`,
      "prompt.txt": "Hello",
      "code.ts": "const x = 1;",
    };
    const before = await read(files);
    assert.deepEqual(Object.keys(before.a.parts), ["a", "rates.json"]);
    for (const [path, name] of [["rates.json", "a"], ["prompt.txt", "b"], ["code.ts", "c"]]) {
      const after = await read({ ...files, [path]: `${(files as Files)[path]} ` });
      assert.deepEqual(differences(before, after), [name]);
    }
  });
});

describe("Specifiers", () => {
  const helper = "export const helper = () => 4; export const other = () => 7;";
  const main = (specifier: string) =>
    `${HEAD}import { helper } from "${specifier}";
export const a = workflow("a", () => helper());
export const b = workflow("b", () => 0);
`;
  const cases: [name: string, specifier: string, files: Files, path: string][] = [
    ["without an ending", "./lib/helper", {}, "lib/helper.ts"],
    ["with the ending of JavaScript", "./lib/helper.js", {}, "lib/helper.ts"],
    ["of a folder", "./lib", {}, "lib/index.ts"],
    ["with a query", "./lib/helper.ts?x=1", {}, "lib/helper.ts"],
    [
      "of an import map",
      "@/helper.ts",
      { "deno.json": `{"imports":{"@/":"./lib/"}}` },
      "lib/helper.ts",
    ],
    [
      "of an import map in a file of its own",
      "helper",
      {
        "deno.json": `{"importMap":"maps/map.json"}`,
        "maps/map.json": `{"imports":{"helper":"../lib/helper.ts"}}`,
      },
      "lib/helper.ts",
    ],
    [
      "of the imports of a package",
      "#lib/helper",
      { "package.json": `{"imports":{"#lib/*":{"types":"./x.d.ts","default":"./lib/*.ts"}}}` },
      "lib/helper.ts",
    ],
    [
      "of the paths of TypeScript",
      "~/helper",
      { "tsconfig.json": `{"compilerOptions":{"paths":{"~/*":["./lib/*"]}}} // x` },
      "lib/helper.ts",
    ],
    [
      "of the package itself",
      "mine/helper",
      { "package.json": `{"name":"mine","exports":{"./helper":"./lib/helper.ts"}}` },
      "lib/helper.ts",
    ],
    [
      "of a workspace",
      "@me/lib",
      {
        "deno.json": `{"workspace":["./lib"]}`,
        "lib/deno.json": `{"name":"@me/lib","exports":"./helper.ts"}`,
      },
      "lib/helper.ts",
    ],
  ];
  for (const [name, specifier, files, path] of cases) {
    it(`${name} are followed`, async () => {
      const all = { ...files, "main.ts": main(specifier), [path]: helper };
      const before = await read(all);
      assert.deepEqual(Object.keys(before.a.parts), ["a", `${path}#helper`]);
      const changing = await read(changed(all, { [path]: ["=> 4", "=> 5"] }));
      assert.deepEqual(differences(before, changing), ["a"]);
      const staying = await read(changed(all, { [path]: ["=> 7", "=> 5"] }));
      assert.deepEqual(differences(before, staying), []);
    });
  }

  it("of packages that are linked into node_modules are followed", async () => {
    const folder = makeProject({
      "app/main.ts": main("lib"),
      "lib/package.json": `{"name":"lib","exports":{".":{"import":"./helper.ts"}}}`,
      "lib/helper.ts": helper,
    });
    mkdirSync(join(folder, "app/node_modules"));
    symlinkSync(join(folder, "lib"), join(folder, "app/node_modules/lib"), "junction");
    const { a } = await readUnrun(folder, main("lib"), "app/main.ts");
    assert.deepEqual(Object.keys(a.parts), ["../lib/helper.ts#helper", "a"]);
  });

  it("of CommonJS are followed by whole modules", async () => {
    const files = {
      "main.ts": `${HEAD}import { createRequire } from "node:module";
import lib from "./lib.cjs";
const require = createRequire(import.meta.url);
export const a = workflow("a", () => lib.x);
export const b = workflow("b", () => require("./other.cjs"));
export const c = workflow("c", () => 0);
`,
      "lib.cjs": `const more = require("./more.cjs"); module.exports = { x: more };`,
      "more.cjs": "module.exports = 4;",
      "other.cjs": "module.exports = 4;",
    };
    const before = await read(files);
    for (const [path, names] of [["more.cjs", ["a"]], ["other.cjs", ["b"]]] as const) {
      const after = await read(changed(files, { [path]: ["4", "5"] }));
      assert.deepEqual(differences(before, after), names);
    }
  });

  it("through `export *`, cycles of it and other names are followed", async () => {
    const files = {
      "main.ts": main("./barrel.ts"),
      "barrel.ts":
        `export * from "./more.ts"; export * from "./barrel.ts"; export * as ns from "./lib.ts";`,
      "more.ts": `export * from "./barrel.ts"; export { inner as helper } from "./lib.ts";`,
      "lib.ts": "export const inner = () => 4; export const other = () => 7;",
    };
    const before = await read(files);
    assert.deepEqual(Object.keys(before.a.parts), ["a", "lib.ts#inner"]);
    const { a } = await read({
      ...files,
      "main.ts": main("./barrel.ts").replaceAll("helper", "nobody"),
    });
    assert.deepEqual(Object.keys(a.parts), ["a"]);
  });

  it("of modules that can't be parsed are compared by their text, and this is said", async () => {
    const files = { "main.ts": main("./lib.ts"), "lib.ts": "export const helper = (;" };
    const before = await read(files);
    assert.match(before.a.unfollowed ?? "", /"a" uses what can't be parsed .*lib\.ts/);
    assert.deepEqual(
      differences(before, await read({ ...files, "lib.ts": "export const helper = ((;" })),
      [
        "a",
      ],
    );
  });
});
