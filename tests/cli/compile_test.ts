/** Making executables, as far as this machine can: what is made is tried by the scenarios. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const skip = process.versions.deno ? false : "its tasks are Deno's";
const folder = mkdtempSync(join(tmpdir(), "functionfuse-compile-"));
after(() => rmSync(folder, { recursive: true }));

const TOOL = fileURLToPath(new URL("../../tools/compile.ts", import.meta.url));
const outfile = join(folder, "fuse");

function compile(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawnSync(process.execPath, ["run", "-A", "--quiet", TOOL, ...args], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
}

describe("deno task compile", { skip }, () => {
  it("says what to do where Deno's runtime of executables can't be had, and keeps what is there", () => {
    writeFileSync(outfile, "an earlier one");
    const { status, stderr } = compile(["deno", outfile], { DENORT_BIN: join(folder, "denort") });
    assert.equal(status, 1);
    assert.match(stderr, /^error: Cannot make .*DENORT_BIN.*deno task compile:bun\.\n$/);
    assert.equal(readFileSync(outfile, "utf8"), "an earlier one");
    assert.deepEqual(readdirSync(folder), ["fuse"]);
  });

  it("puts in what is started or imported by its URL, and the packages", () => {
    // Deno itself stands for the runtime, which can't run what it has with it.
    const { status, stderr } = compile(["deno", outfile], { DENORT_BIN: process.execPath });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /fuse: \d+\.\d MB, made by deno\./);
    const made = readFileSync(outfile);
    for (
      const part of [
        "thread.ts",
        "child.ts",
        "_worker.ts",
        "ray_place.py",
        "random_state.ts",
        "@viz-js",
        "h5wasm",
      ]
    ) {
      assert.ok(made.includes(part), part);
    }
  });

  it("wants to know which compiler, and takes no flag for a file", () => {
    for (const args of [["gcc"], ["bun", "--help"]]) {
      const { status, stderr } = compile(args);
      assert.equal(status, 1);
      assert.match(stderr, /Say which compiler/);
    }
  });
});
