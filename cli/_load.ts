/** Loads a workflow file, and says in a researcher's words what is wrong with it. */

import { closest, distance } from "fastest-levenshtein";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isHandle } from "../core/handles.ts";
import type { Target } from "../core/types.ts";
import { isMaker } from "../core/workflow.ts";
import { provideLibrary } from "./_library.ts";
import { shortenPaths, userFrames, WorkflowFileError } from "./_errors.ts";

/** How the targets were written, which is how their values are shown. */
export type Shape = "one" | "list" | "record";

/** A workflow ready to be given to a backend. */
export interface LoadedWorkflow {
  readonly name: string;
  readonly shape: Shape;
  /** What to call each target: a record's keys; `undefined` where the node's name will do. */
  readonly labels: readonly (string | undefined)[];
  readonly targets: readonly Target[];
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
  return readdirSync(folder).filter((name) => IS_CODE.test(name)).sort();
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
  const { code, output } = await execute(process.execPath, [
    "check",
    "--quiet",
    "--allow-import",
    ...flags,
    file,
  ]);
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
    `${file} ${what}:\n${indent(shortenPaths(report))}`,
  );
}

function execute(program: string, args: string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, NO_COLOR: "1" };
  return new Promise((done) => {
    execFile(program, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      done({ code: error ? 1 : 0, output: stdout + stderr });
    });
  });
}

/** A message of Bun's compiler. */
interface BuildMessage {
  readonly message: string;
  readonly position?: { file: string; line: number; column: number; lineText: string } | null;
}

/**
 * Imports a file of the user's.
 *
 * @throws {WorkflowFileError} If that fails, with the user's own lines; its cause is what was thrown.
 */
export async function importModule(file: string, url: string): Promise<Record<string, unknown>> {
  try {
    return await import(url);
  } catch (error) {
    throw new WorkflowFileError(`${file} can't be loaded:\n${indent(explainImport(error))}`, {
      cause: error,
    });
  }
}

function explainImport(error: unknown): string {
  const { position, message } = error as BuildMessage;
  if (position) {
    const { file, line, column, lineText } = position;
    const pointer = " ".repeat(Math.max(0, column - 1)) + "~";
    return shortenPaths(`${message}\n${lineText}\n${pointer}\n    at ${file}:${line}:${column}`);
  }
  if (!(error instanceof Error)) return String(error);
  const isResolution = /^(Module not found|Cannot find|Import ")/.test(error.message);
  const named = /^\w*Error: |^Module not found/.test(error.message) || isResolution
    ? error.message
    : `${error.name}: ${error.message}`;
  // deno-lint-ignore no-control-regex
  const plain = named.replace(/\x1b\[[0-9;]*m| at ext:\S+/g, "");
  return shortenPaths([plain, ...(isResolution ? [] : userFrames(error))].join("\n"));
}

function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}

async function readTargets(
  file: string,
  module: Record<string, unknown>,
  params: Readonly<Record<string, unknown>>,
): Promise<Pick<LoadedWorkflow, "shape" | "labels" | "targets">> {
  // A promise is awaited; a node is none, and stays itself.
  let exported = await module.default;
  const isFunction = typeof exported === "function" && !isMaker(exported);
  if (isFunction) exported = await callFunction(file, exported as CallableFunction, params);
  else if (Object.keys(params).length > 0) {
    throw new WorkflowFileError(
      `${file} takes no parameters, as its default export is no function: export a function of them, ` +
        `as in "export default ({ seed = 1 }) => …".`,
    );
  }
  if (isHandle(exported)) {
    return { shape: "one", labels: [undefined], targets: [exported as Target] };
  }
  if (Array.isArray(exported) && exported.length > 0 && exported.every(isHandle)) {
    return { shape: "list", labels: exported.map(() => undefined), targets: exported };
  }
  const entries = isRecord(exported) ? Object.entries(exported) : [];
  if (entries.length > 0 && entries.every(([, value]) => isHandle(value))) {
    return {
      shape: "record",
      labels: entries.map(([key]) => key),
      targets: entries.map(([, value]) => value as Target),
    };
  }
  throw new WorkflowFileError(
    `${file} has no targets: ${whatIsWrong(module, exported, isFunction)}`,
  );
}

async function callFunction(
  file: string,
  build: CallableFunction,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const asked = new Set<PropertyKey>();
  const watched = new Proxy(params, {
    get(target, key, receiver) {
      asked.add(key);
      return Reflect.get(target, key, receiver);
    },
    ownKeys(target) {
      for (const key of Reflect.ownKeys(target)) asked.add(key);
      return Reflect.ownKeys(target);
    },
  });
  let built: unknown;
  try {
    built = await build(watched);
  } catch (error) {
    throw new WorkflowFileError(
      `${file} failed to build its graph:\n${indent(explainImport(error))}`,
      { cause: error },
    );
  }
  const unknown = Object.keys(params).find((key) => !asked.has(key));
  if (unknown === undefined) return built;
  const known = [...asked].filter((key) => typeof key === "string");
  throw new WorkflowFileError(
    `${file} has no parameter "${unknown}": ` +
      (known.length > 0
        ? `its function asks for ${known.join(", ")}.`
        : "its function asks for none."),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function whatIsWrong(
  module: Record<string, unknown>,
  exported: unknown,
  wasCalled: boolean,
): string {
  const advice =
    `write "export default …" with what a workflow function returned when it was called.`;
  if (!("default" in module)) {
    const nodes = Object.entries(module).filter(([, value]) => isHandle(value));
    const named = nodes.map(([name]) => name);
    return named.length > 0
      ? `it exports ${named.join(", ")}, but nothing by default: write "export default ${
        named[0]
      }".`
      : `it has no default export: ${advice}`;
  }
  if (isMaker(exported)) {
    const { name } = exported as CallableFunction;
    return Object.getPrototypeOf(exported) === Function.prototype
      ? `its default export is the workflow function ${name} itself: call it, as in "export default ${name}(…)".`
      : `its default export is the workflow class ${name} itself: export what a method of an instance returned.`;
  }
  const what = wasCalled ? "the function that it exports by default gave" : "its default export is";
  return `${what} ${describe(exported)}. W${advice.slice(1)}`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) {
    const at = value.findIndex((entry) => !isHandle(entry));
    return at < 0 ? "an empty list" : `a list whose entry ${at} is no node`;
  }
  if (typeof value !== "object") return `a ${typeof value}`;
  const key = Object.keys(value).find((key) => !isHandle((value as Record<string, unknown>)[key]));
  return key === undefined
    ? "an empty record"
    : `a record whose "${key}" is no node (targets can't be nested: give each a key of its own)`;
}
