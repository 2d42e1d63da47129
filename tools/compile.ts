/**
 * Makes the executable `fuse`: `deno task compile` with Deno's compiler, `deno task compile:bun` with Bun's.
 *
 * The one that is made runs without Deno, Bun, Node.js or this folder.
 */

import $ from "dax";
import { existsSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BUN = "bun@1.4.5";

// What is started or imported by its URL, which Deno's compiler does not see.
const BY_URL = ["backends/parallel/thread.ts", "backends/parallel/child.ts", "cli/_worker.ts"];

/** Deno's compiler takes the runtime of executables from the network, once. */
async function compileByDeno(outfile: string): Promise<void> {
  const included = BY_URL.flatMap((path) => ["--include", join(ROOT, path)]);
  const { code, stderr } = await $`${process.execPath} compile --quiet --no-check --allow-all \
    --exclude-unused-npm ${included} --output ${outfile} ${join(ROOT, "cli.ts")}`
    .stdout("inheritPiped").stderr("piped").noThrow();
  if (code === 0) return report(outfile, "Deno");
  const why = /denort/.test(stderr)
    ? "Deno takes the runtime of executables (denort) from dl.deno.land once, and that can't be reached from here. " +
      "Set DENORT_BIN to such a file of the same version, or let Bun make the executable: deno task compile:bun."
    : stderr.replace(/\n*Stack backtrace:[^]*/, "");
  fail(`deno compile could not make ${shown(outfile)}: ${why}`);
}

async function compileByBun(outfile: string): Promise<void> {
  const bun = await $.which("bun") ? ["bun"] : ["npx", "-y", BUN];
  if (bun[0] === "npx" && !await $.which("npx")) {
    fail(
      `Cannot make ${shown(outfile)}: there is no Bun here, and no npx to get it. ` +
        "Install it from https://bun.sh, or let Deno make the executable: deno task compile.",
    );
  }
  if (!existsSync(join(ROOT, "node_modules"))) {
    await $`${bun} install --frozen-lockfile --silent`.cwd(ROOT);
  }
  const { code } = await $`${bun} ${join(ROOT, "tools/compile_bun.ts")} ${outfile}`.noThrow();
  if (code !== 0) fail(`Bun could not make ${shown(outfile)}.`);
  report(outfile, "Bun");
}

function report(outfile: string, compiler: string): void {
  const { size } = statSync(outfile);
  console.error(`${shown(outfile)}: ${(size / 1e6).toFixed(1)} MB, made by ${compiler}.`);
}

const shown = (path: string) => relative(process.cwd(), path);

function fail(message: string): never {
  console.error(`error: ${message}`);
  process.exit(1);
}

const [compiler, file = join(ROOT, "fuse")] = process.argv.slice(2);
if (compiler === "deno") await compileByDeno(resolve(file));
else if (compiler === "bun") await compileByBun(resolve(file));
else fail("Say which compiler: deno run -A tools/compile.ts deno|bun [FILE]");
