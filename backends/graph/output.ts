/** Files that pictures are written to. */

import { randomBytes } from "node:crypto";
import { lstat, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { StorageError, type StorageReason } from "../../core/errors.ts";

/** What a picture can be written as. */
export type GraphFormat = "svg" | "dot" | "mermaid" | "html";

const EXTENSIONS: Readonly<Record<string, GraphFormat>> = {
  ".svg": "svg",
  ".dot": "dot",
  ".gv": "dot",
  ".mmd": "mermaid",
  ".mermaid": "mermaid",
  ".html": "html",
  ".htm": "html",
};
const FORMATS: readonly GraphFormat[] = ["svg", "dot", "mermaid", "html"];

/**
 * The format that is asked for, by name or by the end of a path. Default: SVG.
 *
 * @throws {TypeError} If neither says it, or both say something else.
 */
export function chooseFormat(format: unknown, path: unknown): GraphFormat {
  if (format !== undefined && !FORMATS.includes(format as GraphFormat)) {
    throw new TypeError(
      `Cannot draw as 'format' must be ${FORMATS.join(", ")}: current value is ${String(format)}.`,
    );
  }
  if (path === undefined) return format as GraphFormat | undefined ?? "svg";
  if (typeof path !== "string" || path === "") {
    throw new TypeError(
      `Cannot draw as 'path' must be the path of a file: current value is ${
        path === "" ? "empty" : typeof path
      }.`,
    );
  }
  const extension = extname(path).toLowerCase();
  const known = Object.hasOwn(EXTENSIONS, extension) ? EXTENSIONS[extension] : undefined;
  if (format === undefined && known === undefined) {
    throw new TypeError(
      `Cannot tell the format from the path ${JSON.stringify(path)}: let it end with .svg, .dot, ` +
        `.mmd or .html, or give a 'format'.`,
    );
  }
  if (format !== undefined && known !== undefined && format !== known) {
    throw new TypeError(
      `Cannot write ${format} to ${
        JSON.stringify(path)
      }, as it ends like ${known}: change one of them.`,
    );
  }
  return known ?? format as GraphFormat;
}

/**
 * Checks that a file can be there, before any work is done for it.
 *
 * @throws {StorageError} If not.
 */
export async function checkPath(path: string): Promise<void> {
  // Whole, as ".." tells nothing.
  const folder = resolve(dirname(path));
  try {
    if (!(await stat(folder)).isDirectory()) {
      throw failure(path, "denied", `${folder} is no folder.`);
    }
    const found = await stat(path).catch(() => undefined);
    if (found && !found.isFile()) {
      const what = found.isDirectory() ? "a folder" : "no plain file";
      throw failure(path, "denied", `it is ${what}. Name a file.`);
    }
  } catch (error) {
    throw error instanceof StorageError ? error : explain(path, error);
  }
}

/**
 * Writes a file whole: until all is written, what was there stays.
 *
 * @throws {StorageError} If it can't be written, saying why.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  try {
    // A link stays one: the file that it leads to is replaced.
    const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink();
    const target = isLink ? await realpath(path).catch(() => path) : path;
    const name = `.${basename(target).slice(0, 60)}.${randomBytes(6).toString("hex")}.tmp`;
    const temporary = join(dirname(target), name);
    try {
      await writeFile(temporary, text, { flag: "wx" });
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  } catch (error) {
    throw explain(path, error);
  }
}

function explain(path: string, error: unknown): StorageError {
  const { code, message } = error as NodeJS.ErrnoException;
  // Whole, as ".." tells nothing.
  const folder = resolve(dirname(path));
  switch (code) {
    case "ENOENT":
      return failure(
        path,
        "missing",
        `there is no folder ${folder}. Make it, or name another one.`,
      );
    case "ENOTDIR":
      return failure(path, "denied", `${folder} is no folder.`);
    case "ENOSPC":
    case "EDQUOT":
      return failure(path, "full", "the disk is full. Nothing was left behind.", error);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return failure(path, "denied", `this user may not write to ${folder}.`, error);
    case "ENAMETOOLONG":
      return failure(path, "denied", "the name is too long.");
    default:
      return failure(path, "unavailable", `${message}.`, error);
  }
}

function failure(path: string, reason: StorageReason, why: string, cause?: unknown): StorageError {
  return new StorageError(`Cannot write the picture to ${path}: ${why}`, {
    operation: "save",
    key: path,
    reason,
    ...cause !== undefined && { cause },
  });
}
