/** Bun, which makes executables. */

import { execFile } from "node:child_process";
import process from "node:process";

/** The version that is fetched where there is none. */
const VERSION = "1.4.5";
const OLDEST = [1, 4];

/**
 * How to start Bun: this very program, one in the PATH, or one that npm fetches; `undefined` if there is none of it.
 */
export async function findBun(): Promise<readonly string[] | undefined> {
  if (process.versions.bun) return [process.execPath];
  for (const command of [["bun"], ["npx", "-y", `bun@${VERSION}`]]) {
    if (isNew(await versionOf(command))) return command;
  }
}

function versionOf([program, ...args]: readonly string[]): Promise<string> {
  return new Promise((done) => {
    execFile(program, [...args, "--version"], (error, stdout) => done(error ? "" : stdout));
  });
}

function isNew(version: string): boolean {
  const [major, minor] = version.trim().split(".").map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
