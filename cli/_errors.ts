/** Errors as people want to read them: what went wrong, where in their own files, and what to do. */

import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inspect, stripVTControlCharacters } from "node:util";
import { isStandalone } from "../backends/parallel/bundle.ts";
import { explainDenied } from "../core/denied.ts";
import { isFuseError } from "../core/errors.ts";
import { escapeAllButLines } from "./_text.ts";

/** A workflow file that can't be used, with all that there is to say about it. */
export class WorkflowFileError extends Error {
  override readonly name = "WorkflowFileError";
}

/** The exit code of a command that was called wrongly. */
export const EXIT_USAGE = 64;

/** The exit code where a place can't be read or written, or has not what was asked for. */
export const EXIT_STORAGE = 3;

/** A command that can't do what it was asked to do, with all that there is to say about it. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(message: string, readonly exitCode = 2) {
    super(message);
  }
}

/** The run was ended from outside. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

const OWN_FOLDER = new URL("..", import.meta.url).href;
const MOST_FRAMES = 5;

/** The exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return 130;
  if (error instanceof CommandError) return error.exitCode;
  if (isFuseError(error, "NodeError")) return isFuseError(error.cause, "WorkerError") ? 4 : 1;
  if (isFuseError(error, "StorageError", "CodecError")) return EXIT_STORAGE;
  if (isFuseError(error, "WorkerError", "EngineError")) return 4;
  return 2;
}

/** The message for an error; with `FUSE_DEBUG` set, the whole stack. */
export function explainError(error: unknown): string {
  if (isDebugging()) return inspect(error, { depth: 4 });
  const denied = isFuseError(error) ? undefined : explainDenied(error);
  if (denied) return `error: ${shortenPaths(denied)}`;
  const thrown = isFuseError(error, "NodeError") ? error.cause : error;
  const isOwn = isOwnError(error);
  const lines = [`error: ${messageOf(error)}`, ...(isOwn ? [] : userFrames(thrown))];
  if (!isOwn) lines.push(...explainCauses(thrown));
  // A message may hold a name or a node's own words, and these anything.
  return escapeAllButLines(stripVTControlCharacters(shortenPaths(lines.join("\n"))));
}

function isDebugging(): boolean {
  try {
    return Boolean(process.env.FUSE_DEBUG);
  } catch {
    // Deno may not read it.
    return false;
  }
}

function isOwnError(error: unknown): boolean {
  return error instanceof WorkflowFileError || error instanceof CommandError ||
    error instanceof Interrupted;
}

const MOST_CAUSES = 5;

function explainCauses(error: unknown): string[] {
  const lines: string[] = [];
  let cause = error instanceof Error && !isFuseError(error) ? error.cause : undefined;
  for (let depth = 0; cause instanceof Error && depth < MOST_CAUSES; depth++) {
    lines.push(`caused by ${cause.name}: ${cause.message}`, ...userFrames(cause));
    cause = cause.cause;
  }
  return lines;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return isFuseError(error) || isOwnError(error)
    ? error.message
    : `${error.name}: ${error.message}`;
}

/** The lines of a stack that are in the user's own files. */
export function userFrames(error: unknown): string[] {
  if (!(error instanceof Error) || isFuseError(error)) return [];
  return (error.stack ?? "").split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line))
    .filter((line) => !isForeign(line))
    .slice(0, MOST_FRAMES)
    .map((line) => `    ${line.trim()}`);
}

function isForeign(frame: string): boolean {
  if (/\b(node|ext|native|bun):|node_modules|\/npm\/registry/.test(frame)) return true;
  const own = [OWN_FOLDER, fileURLToPath(OWN_FOLDER)];
  const inside = own.map((folder) => frame.split(folder)[1]).find((rest) => rest !== undefined);
  return inside !== undefined &&
    (isStandalone || /^(core|backends|plugins|storage|encoding|code|cli)[/.]/.test(inside));
}

/** Folders that people have not made and need not read of. */
export const hiddenFolders: Set<string> = new Set();

/** File URLs as paths, and paths below the current folder as people type them. */
export function shortenPaths(text: string): string {
  const here = process.cwd();
  const plain = text.replace(/file:\/\/\/[^\s:)"']+/g, (url) => fileURLToPath(url));
  return [...hiddenFolders, here].reduce((text, folder) => text.replaceAll(`${folder}/`, ""), plain)
    .replace(/(?:\.\.\/){2,}[^\s:)]*/g, (path) => relative(here, path) || path);
}
