/** What of the user's goes to a cluster, and what imports mean there. */

import { unzipSync } from "fflate";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { LIBRARY_ENTRIES } from "../../ray/library_sources.ts";
import { packCode } from "../../ray/package.ts";

const ROOT = new URL("../../", import.meta.url);
const workspace = realpathSync(mkdtempSync(join(tmpdir(), "functionfuse-package-")));
after(() => rmSync(workspace, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(workspace, path)), { recursive: true });
    writeFileSync(join(workspace, path), text);
  }
}

const urlOf = (path: string) => pathToFileURL(join(workspace, path)).href;

async function pack(path: string, options: Partial<Parameters<typeof packCode>[0]> = {}) {
  const warnings: string[] = [];
  const code = await packCode({
    modules: [urlOf(path)],
    files: [],
    folder: workspace,
    mostBytes: 100e6,
    warn: (text) => warnings.push(text),
    ...options,
  });
  const unpacked = unzipSync(code.bytes);
  const own = Object.keys(unpacked).filter((place) => place.startsWith("code/")).sort();
  const config = JSON.parse(new TextDecoder().decode(unpacked["deno.json"]));
  return { ...code, unpacked, own, config, warnings };
}

/** Unpacks it elsewhere, and imports the module there as a cluster does. */
function importThere(
  { unpacked, urlOf: placed }: Awaited<ReturnType<typeof pack>>,
  path: string,
): string {
  const folder = mkdtempSync(join(workspace, "there-"));
  for (const [place, bytes] of Object.entries(unpacked)) {
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    writeFileSync(join(folder, place), bytes);
  }
  const url = placed(urlOf(path))!.replace("package:/", "./");
  writeFileSync(join(folder, "main.ts"), `console.log((await import("${url}")).default);`);
  const deno = process.versions.deno ? process.execPath : "deno";
  const args = ["run", "-A", "--quiet", "--no-prompt", "--config", "deno.json", "main.ts"];
  const { stdout, stderr, error } = spawnSync(deno, args, { cwd: folder, encoding: "utf8" });
  if (error) throw error;
  assert.equal(stderr, "");
  return stdout.trim();
}

describe("A package of code", () => {
  it("has all that a module imports of the user's, also from beside its folder, and nothing else", async () => {
    write({
      "a/project/package.json": `{ "type": "module", "imports": { "#deep": "./deep.ts" } }`,
      "a/project/deno.json": `{ "imports": { "@/": "./lib/", "alias": "./lib/b.ts" } }`,
      "a/project/tsconfig.json": `{ "compilerOptions": { "paths": { "~/*": ["./lib/*"] } } }`,
      "a/project/main.ts": `import { workflow } from "functionfuse";
import { storageFactory } from "npm:functionfuse@9/storage";
import { b } from "@/b.ts";
import { b as again } from "alias";
import { c } from "~/c";
import { deep } from "#deep";
import { beside } from "../beside/beside.ts";
import data from "./data.json" with { type: "json" };
import { join } from "path";
const later = async () => (await import("./later")).later;
export default [typeof workflow, typeof storageFactory, b === again, c, deep, beside, data.x, join("p", "q"), await later()].join(" ");`,
      "a/project/lib/b.ts": "export const b = {};",
      "a/project/lib/c.ts": "export const c = 'c';",
      "a/project/deep.ts": "export const deep = 'deep';",
      "a/project/later.ts": "export const later = 'later';",
      "a/project/data.json": `{ "x": 7 }`,
      "a/project/unused.ts": "",
      "a/project/.env": "SECRET=1",
      "a/project/.git/config": "",
      "a/project/.fuse/result": "",
      "a/project/node_modules/x/index.js": "",
      "a/beside/beside.ts": "export const beside = 'beside';",
    });
    const code = await pack("a/project/main.ts");
    assert.deepEqual(code.warnings, []);
    assert.deepEqual(code.own, [
      "code/beside/beside.ts",
      ...["data.json", "deep.ts", "deno.json", "later.ts", "lib/b.ts", "lib/c.ts", "main.ts"]
        .map((name) => `code/project/${name}`),
      "code/project/package.json",
      "code/project/tsconfig.json",
    ]);
    assert.equal(code.urlOf(urlOf("a/project/main.ts")), "package:/code/project/main.ts");
    assert.equal(code.urlOf(urlOf("a/project/unused.ts")), undefined);
    assert.equal(code.urlOf("https://example.com/x.ts"), "https://example.com/x.ts");
    assert.equal(
      importThere(code, "a/project/main.ts"),
      "function function true c deep beside 7 p/q later",
    );
  });

  it("has this library, with the plugins' own modules", async () => {
    const { exports } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8"));
    const names = Object.keys(exports).map((name) => name.replace(/^\./, "functionfuse"));
    assert.deepEqual(Object.keys(LIBRARY_ENTRIES).sort(), names.sort());
    write({ "b/main.ts": "export default 1;" });
    const { config, unpacked, urlOf: placed } = await pack("b/main.ts");
    for (const target of Object.values<string>(config.imports)) {
      assert.ok(unpacked[target.slice(2)], target);
    }
    assert.equal(
      placed(new URL("plugins/random_state.ts", ROOT).href),
      "package:/functionfuse/plugins/random_state.ts",
    );
    assert.ok(unpacked["driver.py"] && unpacked["object_store.py"]);
  });

  it("is the same for the same code, whenever it is made, and another one for another", async () => {
    write({ "c/main.ts": "import './x.ts';", "c/x.ts": "1;" });
    const first = await pack("c/main.ts");
    utimesSync(join(workspace, "c/x.ts"), 1, 1);
    assert.equal((await pack("c/main.ts")).uri, first.uri);
    write({ "c/x.ts": "2;" });
    assert.notEqual((await pack("c/main.ts")).uri, first.uri);
  });

  it("keeps packages at the versions of the lock, or in the range of package.json", async () => {
    write({
      "d/.git/HEAD": "",
      "d/package.json": `{ "dependencies": { "loose": "^1.2.0", "tight": "^1.0.0" } }`,
      "d/package-lock.json": JSON.stringify({
        lockfileVersion: 3,
        packages: {
          "": { dependencies: { tight: "^1.0.0" } },
          "node_modules/tight": { version: "1.4.2" },
        },
      }),
      "d/deno.lock": `{ "version": "5" }`,
      "d/src/main.ts": `import "loose/part"; import "tight"; import "npm:exact@3.0.0";`,
    });
    const { config, own, unpacked } = await pack("d/src/main.ts");
    assert.deepEqual(config.scopes["./code/src/main.ts"], {
      "loose/part": "npm:loose@^1.2.0/part",
      "tight": "npm:tight@1.4.2",
    });
    assert.ok(own.includes("code/package-lock.json"));
    // As Deno takes the lock beside its settings.
    assert.ok(unpacked["deno.lock"]);
    assert.equal(config.lock, undefined);
  });

  it("takes files and folders that are named, but never what is in the way or links that lead elsewhere", async () => {
    write({
      "e/main.ts": "",
      "e/data/a.csv": "",
      "e/data/deep/b.csv": "",
      "e/data/deep/c.txt": "",
      "e/data/.git/x": "",
      "e/data/.fuse/x": "",
      "e/data/node_modules/x": "",
      "secret/key": "",
    });
    symlinkSync(join(workspace, "secret"), join(workspace, "e/data/link"));
    symlinkSync(join(workspace, "secret/key"), join(workspace, "e/data/key"));
    const all = await pack("e/main.ts", { files: ["e/data"] });
    const data = ["code/data/a.csv", "code/data/deep/b.csv", "code/data/deep/c.txt"];
    assert.deepEqual(all.own, [...data, "code/main.ts"]);
    const globbed = await pack("e/main.ts", { files: ["e/**/*.csv"] });
    assert.deepEqual(globbed.own, [...data.slice(0, 2), "code/main.ts"]);
    await assert.rejects(pack("e/main.ts", { files: ["e/nothing/*"] }), {
      name: "UnsupportedError",
      message: /"e\/nothing\/\*" of 'files'/,
    });
  });

  it("goes by names that hold anything", async () => {
    const name = "f/sp ace #1?/ü%20.ts";
    write({
      [name]: `import { x } from "./a&b @c.ts"; export default x;`,
      "f/sp ace #1?/a&b @c.ts": "export const x = 'found';",
    });
    assert.equal(importThere(await pack(name), name), "found");
  });

  it("is refused where it is too large, with the largest files", async () => {
    const noise = Array.from({ length: 50_000 }, () => Math.random()).join();
    write({ "g/main.ts": `new URL("./big.csv", import.meta.url);`, "g/big.csv": noise });
    await assert.rejects(pack("g/main.ts", { mostBytes: 100_000 }), {
      name: "UnsupportedError",
      message: /more than 100\.0 kB[^]*big\.csv: \d+\.\d kB/,
    });
  });

  it("warns of imports that lead to nothing", async () => {
    write({ "h/main.ts": `import "./gone.ts"; import("some-package-that-is-nowhere");` });
    const { warnings } = await pack("h/main.ts");
    assert.match(warnings.join(), /main\.ts: "\.\/gone\.ts"/);
  });
});
