/**
 * Makes the executable `fuse`: `deno task compile` with Deno's compiler, `deno task compile:bun` with Bun's.
 *
 * The one that is made runs without Deno, Bun, Node.js or this folder.
 */

import $ from "dax";
import { mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findBun } from "../cli/find_bun.ts";
import { readSources } from "../ray/library_sources.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

// What is started or imported by its URL, which Deno's compiler does not see.
const BY_URL = ["backends/parallel/thread.ts", "backends/parallel/child.ts", "cli/_worker.ts"];

/** Deno's compiler takes the runtime of executables from the network, once. */
async function compileByDeno(outfile: string): Promise<void> {
  const included = [...BY_URL, ...readSources().keys()]
    .flatMap((path) => ["--include", join(ROOT, path)]);
  const { code, stderr } = await $`${process.execPath} compile --quiet --no-check --allow-all \
    --exclude-unused-npm ${included} --output ${outfile} ${join(ROOT, "cli.ts")}`
    .stdout("inheritPiped").stderr("piped").noThrow();
  if (code === 0) return;
  if (!/denort/.test(stderr)) throw new Error(stderr.replace(/\n*Stack backtrace:[^]*/, ""));
  throw new Error(
    "Deno takes the runtime of executables (denort) from dl.deno.land once, and that can't be reached from here. " +
      "Set DENORT_BIN to such a file of the same version, or let Bun make the executable: deno task compile:bun.",
  );
}

async function compileByBun(outfile: string): Promise<void> {
  const bun = await findBun();
  if (!bun) {
    throw new Error(
      "there is no Bun 1.4 or newer here, and no npx to get it. Install it (https://bun.sh), " +
        "or let Deno make the executable: deno task compile.",
    );
  }
  await $`${bun} ${join(ROOT, "tools/compile_bun.ts")} ${outfile}`;
}

/** What is there stays until the new one is whole. */
async function make(outfile: string, compiler: string): Promise<void> {
  mkdirSync(dirname(outfile), { recursive: true });
  const temporary = join(dirname(outfile), `.${basename(outfile)}.${process.pid}.tmp`);
  try {
    await (compiler === "deno" ? compileByDeno : compileByBun)(temporary);
    renameSync(temporary, outfile);
    const { size } = statSync(outfile);
    console.error(`${shown(outfile)}: ${(size / 1e6).toFixed(1)} MB, made by ${compiler}.`);
  } catch (error) {
    fail(`Cannot make ${shown(outfile)} with ${compiler}: ${(error as Error).message}`);
  } finally {
    rmSync(temporary, { force: true });
  }
}

const shown = (path: string) => relative(process.cwd(), path);

function fail(message: string): never {
  console.error(`error: ${message}`);
  process.exit(1);
}

const [compiler, file = join(ROOT, "fuse")] = process.argv.slice(2);
const isKnown = compiler === "deno" || compiler === "bun";
if (isKnown && !file.startsWith("-")) await make(resolve(file), compiler);
else fail("Say which compiler, and perhaps where to: deno run -A tools/compile.ts deno|bun [FILE]");
