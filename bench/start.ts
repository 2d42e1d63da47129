/**
 * How long `fuse` takes from start to end, with warm caches: from source and as an executable, beside an executable of an
 * empty program that was made in the same way. Programs take turns, as machines are busy at times.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { findBun } from "../cli/find_bun.ts";
import { median } from "./median.ts";

const ROUNDS = 11;
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = join(ROOT, "cli.ts");
const QUICK_START = join(ROOT, "examples/quickstart.ts");
const EXECUTABLE = join(ROOT, "fuse");

interface Program {
  readonly command: readonly string[];
  /** Where it is one file. */
  readonly path?: string;
}

function measure([program, ...fixed]: readonly string[], args: readonly string[], cwd: string) {
  const started = performance.now();
  const { status, stderr, error } = spawnSync(program, [...fixed, ...args], { cwd });
  if (status !== 0) throw error ?? new Error(String(stderr));
  return performance.now() - started;
}

/** An executable that does nothing, to tell what of the time is ours. */
function makeEmpty(bun: readonly string[], folder: string): Program {
  const path = join(folder, "empty");
  writeFileSync(`${path}.ts`, "");
  const [program, ...fixed] = bun;
  const flags = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  execFileSync(
    program,
    [...fixed, "build", "--compile", ...flags, `${path}.ts`, "--outfile", path],
    {
      stdio: "ignore",
    },
  );
  return { command: [path], path };
}

async function findPrograms(folder: string): Promise<Record<string, Program>> {
  const programs: Record<string, Program> = {};
  const deno = process.versions.deno ? process.execPath : "deno";
  if (spawnSync(deno, ["--version"]).status === 0) {
    programs["deno run cli.ts"] = { command: [deno, "run", "-A", CLI] };
  }
  const bun = await findBun();
  if (bun) programs["bun cli.ts"] = { command: [...bun, CLI] };
  if (existsSync(EXECUTABLE)) programs.executable = { command: [EXECUTABLE], path: EXECUTABLE };
  else console.log("There is no executable: deno task compile:bun makes it.");
  if (bun) programs["empty executable"] = makeEmpty(bun, folder);
  return programs;
}

// In the project, as a folder for temporary files may have so many that looking for settings in it takes long.
mkdirSync(join(ROOT, ".fuse"), { recursive: true });
const folder = mkdtempSync(join(ROOT, ".fuse/bench-"));
try {
  const programs = await findPrograms(folder);
  const times: Record<string, Record<"version" | "first" | "stored", number[]>> = {};
  const run = ["run", QUICK_START];
  // Once unmeasured, to fill the caches.
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, { command }] of Object.entries(programs)) {
      const own = times[name] ??= { version: [], first: [], stored: [] };
      rmSync(join(folder, ".fuse"), { recursive: true, force: true });
      const taken = {
        version: measure(command, ["version"], folder),
        first: measure(command, run, folder),
        stored: measure(command, run, folder),
      };
      if (round >= 0) {
        for (const key of ["version", "first", "stored"] as const) own[key].push(taken[key]);
      }
    }
  }
  console.log(
    `Whole processes in ms, median of ${ROUNDS}; the quick start with nothing and with all stored:`,
  );
  console.table(Object.fromEntries(
    Object.entries(times).map(([name, { version, first, stored }]) => {
      const { path } = programs[name];
      return [name, {
        "fuse version": Math.round(median(version)),
        "fuse run, first": Math.round(median(first)),
        "fuse run, stored": Math.round(median(stored)),
        "size, MB": path === undefined ? "" : (statSync(path).size / 1e6).toFixed(1),
      }];
    }),
  ));
} finally {
  rmSync(folder, { recursive: true });
}
