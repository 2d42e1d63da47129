/** What tests compare this library with, as `tools/peers.ts` has made it. */

import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const peer = (path: string) => fileURLToPath(new URL(`../../.peers/${path}`, import.meta.url));

/** Programs of Python's virtual environment: `python`, `moto_server`, `jupyter`. */
export const PYTHON_BIN: string = peer("venv/bin");
/** Python with the libraries of `tests/peers/requirements.txt`. */
export const PYTHON: string = peer("venv/bin/python");
/** The S3 server of Versity. */
export const VERSITYGW: string = peer("bin/versitygw");

/** Why a test that needs a program is skipped: `false` where it is there, or where it must be. */
export function skipWithout(program: string): string | false {
  if (existsSync(program) || process.env.CI === "true") return false;
  return `${program} is not there: deno task setup:peers makes it`;
}
