/** Standard output, and files that are written whole or not at all. */

import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { CommandError, EXIT_STORAGE, EXIT_USAGE } from "./_errors.ts";

/**
 * Writes to standard output, and waits until all of it has left; a reader that has gone is none to wait for.
 *
 * @throws {CommandError} If it can't be written, saying why.
 */
export function writeOut(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => {
      if (!error || (error as NodeJS.ErrnoException).code === "EPIPE") return resolve();
      const isFull = /ENOSPC|No space left/.test(error.message);
      const why = isFull ? "the disk is full" : error.message;
      reject(new CommandError(`Cannot write to standard output: ${why}.`, EXIT_STORAGE));
    };
    // Without a listener, the error would be thrown a second time, at nobody.
    process.stdout.once("error", done);
    try {
      process.stdout.write(data, done);
    } catch (error) {
      // Deno throws what it finds at once.
      done(error as Error);
    }
  });
}

/** Says something on standard error. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Checks that a file can be written to, before any work is done for it.
 *
 * @throws {CommandError} If there is one already, and it is not to be replaced.
 */
export function checkTarget(path: string, isForced: boolean): void {
  // What can't be looked at can't be written to either, which is explained then.
  const found = fs.existsSync(path) ? fs.statSync(path) : undefined;
  if (found && !found.isFile()) {
    const what = found.isDirectory() ? "is a folder" : "is no plain file";
    throw new CommandError(`Cannot write to ${path}: it ${what}. Name a file.`, EXIT_USAGE);
  }
  if (found && !isForced) {
    throw new CommandError(`There is a file ${path} already: --force replaces it.`, EXIT_USAGE);
  }
}

/**
 * Writes a file whole: until all is written, what was there stays.
 *
 * @throws {CommandError} If it can't be written, saying why.
 */
export function writeWhole(path: string, data: string | Uint8Array): void {
  try {
    // A link stays one: the file that it leads to is replaced.
    const target = fs.existsSync(path) ? fs.realpathSync(path) : path;
    const name = `.${basename(target).slice(0, 100)}.${randomBytes(6).toString("hex")}.tmp`;
    const temporary = join(dirname(target), name);
    try {
      fs.writeFileSync(temporary, data, { flag: "wx" });
      fs.renameSync(temporary, target);
    } catch (error) {
      if (fs.existsSync(temporary)) fs.rmSync(temporary);
      throw error;
    }
  } catch (error) {
    throw new CommandError(`Cannot write ${path}: ${explain(error, path)}`, EXIT_STORAGE);
  }
}

function explain(error: unknown, path: string): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // Whole, as ".." tells nothing.
  const folder = resolve(dirname(path));
  switch (code) {
    case "ENOENT":
      return `there is no folder ${folder}. Make it, or name another one.`;
    case "ENOTDIR":
      return `${folder} is no folder.`;
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full. Nothing was left behind.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `this user may not write to ${folder}. Name another one, or change its rights.`;
    case "ENAMETOOLONG":
      return "the name is too long.";
    default:
      return `${message}.`;
  }
}
