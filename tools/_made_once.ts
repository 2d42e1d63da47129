/** What is made for tests once, from others' packages: shared by `peers.ts` and `engines.ts`. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program; its output is no result of the script. */
export function run(program: string, args: string[], env: Record<string, string> = {}): void {
  execFileSync(program, args, {
    stdio: ["ignore", process.stderr.fd, process.stderr.fd],
    env: { ...process.env, ...env },
  });
}

/** Makes a virtual environment for Python in a folder, unless it is there with just these packages. */
export function makeEnvironment(folder: string, requirements: string): void {
  const stamp = join(folder, "requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write(`Making a virtual environment for Python in ${relative(ROOT, folder)} …\n`);
  rmSync(folder, { recursive: true, force: true });
  run("python3", ["-m", "venv", folder]);
  run(join(folder, "bin/pip"), ["install", "--quiet", "--requirement", requirements]);
  writeFileSync(stamp, wanted);
}

/** Makes something, or says that it can't be made; with `CI=true` that is an error. */
export function attempt(what: string, make: () => void): void {
  try {
    make();
  } catch (error) {
    const line = `${what} can't be made, so the tests that need it are skipped: ${
      (error as Error).message.split("\n")[0]
    }`;
    if (process.env.CI === "true") throw new Error(line, { cause: error });
    process.stderr.write(`${line}\n`);
  }
}
