/** How long a whole `fuse run` of the quick start takes, with a warm cache: process start to process end. */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { median } from "./median.ts";

const ROUNDS = 11;
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const command = [
  ...(process.versions.deno ? ["run", "-A"] : []),
  path("../cli.ts"),
  "run",
  path("../examples/quickstart.ts"),
];

function measure(cwd: string): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, command, { cwd });
  if (status !== 0) throw new Error(String(stderr));
  return performance.now() - started;
}

const folder = mkdtempSync(join(tmpdir(), "functionfuse-bench-"));
try {
  // Once unmeasured, to fill the caches.
  measure(folder);
  const stored = Array.from({ length: ROUNDS }, () => measure(folder));
  const fresh = Array.from({ length: ROUNDS }, () => {
    rmSync(join(folder, ".fuse"), { recursive: true });
    return measure(folder);
  });
  console.log(`fuse run examples/quickstart.ts, whole process, median of ${ROUNDS}:`);
  console.table({
    "nothing stored": { ms: Math.round(median(fresh)) },
    "all stored": { ms: Math.round(median(stored)) },
  });
} finally {
  rmSync(folder, { recursive: true });
}
