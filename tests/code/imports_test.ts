/** What goes along with modules to another place. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, describe, it } from "node:test";
import { readImports } from "../../code/mod.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "functionfuse-imports-")));
after(() => rmSync(root, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** What is found below the folder, with paths from there on. */
async function read(...paths: string[]) {
  const { files, packages, missing } = await readImports(paths.map((path) => join(root, path)));
  const named = (all: Iterable<string>) =>
    [...all].map((path) => relative(root, path)).filter((path) => !path.startsWith("..")).sort();
  return {
    files: named(files),
    packages: named(packages),
    missing: missing.map(({ specifier, from }) => `${relative(root, from)}: ${specifier}`).sort(),
  };
}

describe("What modules import", () => {
  it("is all that they reach but types, with files that they name and what says what names mean", async () => {
    write({
      "plain/package.json": `{ "imports": { "#deep": "./lib/deep.ts" } }`,
      "plain/main.ts": `import { workflow } from "functionfuse";
import { readFileSync } from "node:fs";
import { a } from "./lib/a.ts";
import data from "./data.json" with { type: "json" };
const later = () => import("#deep");
const table = new URL("./table.csv", import.meta.url);`,
      "plain/lib/a.ts": `export * from "../main.ts"; export { type T } from "./types.ts";`,
      "plain/lib/types.ts": "export type T = 1;",
      "plain/lib/deep.ts": "",
      "plain/lib/unused.ts": "",
      "plain/data.json": "{}",
      "plain/table.csv": "",
      "plain/bun.lock": "{}",
    });
    assert.deepEqual(await read("plain/main.ts"), {
      files: [
        "plain/bun.lock",
        "plain/data.json",
        "plain/lib/a.ts",
        "plain/lib/deep.ts",
        "plain/main.ts",
        "plain/package.json",
        "plain/table.csv",
      ],
      packages: [],
      missing: [],
    });
  });

  it("has packages with what they need, also where they are links", async () => {
    const store = "linked/node_modules/.store";
    write({
      "linked/main.ts": `import { a } from "a/part"; import b from "npm:b@1";`,
      [`${store}/a/node_modules/a/package.json`]: `{ "name": "a", "dependencies": { "c": "1" } }`,
      [`${store}/a/node_modules/c/package.json`]:
        `{ "name": "c", "peerDependencies": { "no": "1" } }`,
      "linked/node_modules/b/package.json": `{ "name": "b" }`,
      "linked/node_modules/unused/package.json": `{ "name": "unused" }`,
    });
    symlinkSync(join(root, store, "a/node_modules/a"), join(root, "linked/node_modules/a"));
    assert.deepEqual(await read("linked/main.ts"), {
      files: ["linked/main.ts"],
      packages: [
        "linked/node_modules/.store/a/node_modules/c",
        "linked/node_modules/a",
        "linked/node_modules/b",
      ],
      missing: [],
    });
  });

  it("says what can't go along: other machines' modules, names of import maps, the library's own files", async () => {
    write({
      "missing/deno.json": `{ "imports": { "mapped": "./here.ts" } }`,
      "missing/here.ts": "",
      "missing/main.ts": `import "https://127.0.0.1:9/mod.ts";
import "mapped";
import "not-installed";
import "npm:not-there@1";
import "./gone.ts";
import ${JSON.stringify(new URL("../../mod.ts", import.meta.url).pathname)};`,
    });
    const { missing } = await read("missing/main.ts");
    assert.deepEqual(missing.map((line) => line.replace(/: \/.*\/mod\.ts$/, ": (library)")), [
      "missing/main.ts: ./gone.ts",
      "missing/main.ts: (library)",
      "missing/main.ts: https://127.0.0.1:9/mod.ts",
      "missing/main.ts: mapped",
      "missing/main.ts: not-installed",
      "missing/main.ts: npm:not-there@1",
    ]);
  });
});
