/** Loads a workflow file, and says in a researcher's words what is wrong with it. */

import { closest, distance } from "fastest-levenshtein";
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { explainDenied } from "../core/denied.ts";
import { shortenPaths, WorkflowFileError } from "./_errors.ts";
import { explainImport, indent, replaceHints } from "./_explain.ts";
import { provideLibrary } from "./_library.ts";
import { say } from "./_output.ts";
import { readTargets, type Targets } from "./_targets.ts";
import { waitFor } from "./_waiting.ts";

/** A workflow ready to be given to a backend. */
export interface LoadedWorkflow extends Targets {
  readonly name: string;
}

/** How to load a workflow. */
export interface LoadOptions {
  /** What a workflow that is a function is called with. */
  readonly params: Readonly<Record<string, unknown>>;
  /** Whether to check types first, where the runtime can. */
  readonly check: boolean;
}

/** Whether a workflow is not in a file of this machine. */
export function isUrl(file: string): boolean {
  return /^https?:\/\//.test(file);
}

/**
 * Loads a workflow from a file or URL.
 *
 * @throws {WorkflowFileError} If there is no such file, it can't be loaded, or its default export is no target.
 */
export async function loadWorkflow(file: string, options: LoadOptions): Promise<LoadedWorkflow> {
  const module = await loadModule(file, options.check);
  const exported = await readTargets(file, module, options.params);
  const declared = module.workflowName;
  if (declared !== undefined && (typeof declared !== "string" || declared === "")) {
    throw new WorkflowFileError(
      `${file} exports a 'workflowName' that is no name: it must be a text of at least one character.`,
    );
  }
  return { name: declared ?? basename(file, extname(file)), ...exported };
}

/**
 * Imports a workflow file, without asking for its targets.
 *
 * @throws {WorkflowFileError} If there is no such file, or it can't be loaded.
 */
export async function loadModule(file: string, check: boolean): Promise<Record<string, unknown>> {
  if (!isUrl(file)) {
    checkFile(file);
    if (check) await checkTypes(file);
  }
  const url = isUrl(file) ? file : pathToFileURL(resolve(file)).href;
  await provideLibrary();
  return await importModule(file, url);
}

const IS_CODE = /\.[cm]?[jt]sx?$/;

function checkFile(file: string): void {
  if (existsSync(file)) {
    if (!statSync(file).isDirectory()) {
      if (IS_CODE.test(file)) return;
      throw new WorkflowFileError(
        `${file} is no workflow file: it must be TypeScript or JavaScript, such as workflow.ts.`,
      );
    }
    throw new WorkflowFileError(
      `${file} is a folder: name the workflow file in it${listOf(workflowFiles(file))}.`,
    );
  }
  const folder = dirname(file);
  if (!existsSync(folder)) {
    throw new WorkflowFileError(`There is no file ${file}, as there is no folder ${folder}.`);
  }
  const near = workflowFiles(folder);
  const name = basename(file);
  const best = near.length > 0 ? closest(name, near) : undefined;
  const hint = best !== undefined && distance(name, best) <= Math.max(2, name.length / 3)
    ? ` Did you mean ${join(folder, best)}?`
    : near.length > 0
    ? ` In ${resolve(folder)} there${
      listOf(near).replace(": ", near.length > 1 ? " are " : " is ")
    }.`
    : "";
  throw new WorkflowFileError(`There is no file ${file}.${hint}`);
}

function workflowFiles(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => IS_CODE.test(name)).sort();
  } catch (error) {
    if (explainDenied(error)) throw error;
    throw new WorkflowFileError(
      `Cannot look into the folder ${folder}: this user may not read it. ` +
        "Change its rights, or name a file elsewhere.",
      { cause: error },
    );
  }
}

function listOf(names: readonly string[]): string {
  const MOST_SHOWN = 8;
  if (names.length === 0) return "";
  const more = names.length > MOST_SHOWN ? ", …" : "";
  return `: ${names.slice(0, MOST_SHOWN).join(", ")}${more}`;
}

/** Checks types with the compiler that Deno carries; it keeps what it found, so an unchanged file costs nothing. */
export async function checkTypes(file: string): Promise<void> {
  if (!process.versions.deno || !/^deno\b/.test(basename(process.execPath))) return;
  const config = new URL("../deno.json", import.meta.url);
  const flags = config.protocol === "file:" ? ["--config", fileURLToPath(config)] : [];
  let checked: Awaited<ReturnType<typeof execute>>;
  try {
    const args = ["check", "--quiet", "--allow-import", ...flags, file];
    checked = await execute(process.execPath, args);
  } catch (error) {
    // Only Deno's permissions are thrown: they do not keep the workflow from running.
    return say(`The types of ${file} are not checked (--no-check): ${explainDenied(error)}`);
  }
  const { code, output } = checked;
  if (code === 0) return;
  const report = output
    .replace(
      /^(error: )?Type checking failed\.$|^Found \d+ errors?\.$|^Stack backtrace:[^]*|^\s*\d+: <unknown>$/gm,
      "",
    )
    .replace(/^error: /gm, "")
    .replace(/ \[ERROR\]:/g, ":")
    .replace(/\n{2,}/g, "\n")
    .trim();
  const what = /^TS\d+/m.test(report) ? "does not pass the type check" : "can't be read";
  throw new WorkflowFileError(
    `${file} ${what}:\n${indent(shortenPaths(replaceHints(report)))}`,
  );
}

/** Runs a program to its end; rejects if that is not permitted. */
function execute(program: string, args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((done, refuse) => {
    const env = { ...process.env, NO_COLOR: "1" };
    execFile(program, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && explainDenied(error)) refuse(error);
      else done({ code: error ? 1 : 0, output: stdout + stderr });
    });
  });
}

/** Runtimes say of such a file what only they understand. */
function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES" || explainDenied(error)) return;
    throw new WorkflowFileError(
      `${file} can't be read: this user may not. Change its rights (chmod u+r), or name another file.`,
      { cause: error },
    );
  }
}

/**
 * Imports a file of the user's.
 *
 * @throws {WorkflowFileError} If that fails, with the user's own lines; its cause is what was thrown.
 */
export async function importModule(file: string, url: string): Promise<Record<string, unknown>> {
  if (!isUrl(file)) checkReadable(file);
  try {
    return await waitFor(file, () => import(url));
  } catch (error) {
    throw new WorkflowFileError(`${file} can't be loaded:\n${indent(explainImport(error))}`, {
      cause: error,
    });
  }
}
