/** What commands that load a workflow file have in common: which one, with which parameters, and what of it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { LocalWorkflow } from "../backends/local.ts";
import type { FuseConfig } from "../config.ts";
import type { Backend } from "../core/backend.ts";
import { compilePattern } from "../core/names.ts";
import { explainNoMatch } from "../core/no_match.ts";
import type { ReuseRule } from "../core/reuse.ts";
import type { ApplyOptions } from "../core/rules.ts";
import type { Storage } from "../core/storage.ts";
import type { Targets } from "../core/types.ts";
import { storageFactory } from "../storage/mod.ts";
import { parseRayLocation } from "../storage/ray.ts";
import {
  addConfigOptions,
  type ConfigFlags,
  explain,
  loadConfig,
  type LoadedConfig,
  openConfigured,
} from "./_config.ts";
import { WorkflowFileError } from "./_errors.ts";
import { isUrl, type LoadedWorkflow, loadWorkflow } from "./_load.ts";
import { checkPlace, DEFAULT_STORAGE } from "./_stored.ts";

/** The flags of such commands. */
export interface WorkflowFlags extends ConfigFlags {
  readonly storage?: string | false;
  /** Of the Ray cluster, also for a storage there that names none. */
  readonly address?: string;
  readonly name?: string;
  readonly param?: Record<string, unknown>;
  readonly select?: string;
  readonly reuse?: ReuseRule;
  readonly rerun?: string;
  readonly json?: boolean;
  readonly check: boolean;
}

/** A workflow as its flags and its configuration make it. */
export interface ChosenWorkflow extends LoadedWorkflow {
  /** What is in force of the engineer's side; empty where there is none. */
  readonly config: Readonly<FuseConfig>;
  /** The folder that its relative paths begin in. */
  readonly configFolder: string;
  /** What every backend is given. */
  readonly options: {
    readonly workflowName: string;
    readonly storage: Storage | undefined;
    readonly reuse: ReuseRule | undefined;
    readonly rerun: string | undefined;
    readonly scope: "reachable" | "needed";
  };
  /**
   * Sets what the configuration says for a backend of the targets, and gives it back.
   *
   * @throws {ConfigError} If a rule's pattern finds nothing, or what it says can't be done.
   */
  configure<B extends Backend<Targets, unknown>>(backend: B): Promise<B>;
}

/** Adds the argument and the flags. */
export function addWorkflowOptions(command: Command, argument = "<workflow>"): Command {
  command
    .argument(
      argument,
      "file whose default export is a node, a list or record of nodes, or a function that returns one",
      checkText,
    )
    .option(
      "--storage <place>",
      `folder or URL where results are kept and read from (default: ${DEFAULT_STORAGE})`,
      checkPlace,
    )
    .option(
      "--name <name>",
      "name under which results are stored, with the parameters (default: what the file says, or its name)",
      checkText,
    )
    .option(
      "--param <key=value>",
      "parameter of a workflow that is a function: JSON, such as 7, or else a text; may be given again",
      addParam,
    )
    .option(
      "--select <pattern>",
      "only the nodes whose whole names match, and what they need",
      checkPattern,
    )
    .addOption(
      new Option(
        "--reuse <rule>",
        "when a stored result is used: if running would give the same, or by name alone (default: exact)",
      )
        .choices(["exact", "name"]),
    )
    .option(
      "--rerun <pattern>",
      "run the nodes whose whole names match, whatever is stored",
      checkPattern,
    );
  return addConfigOptions(command).option("--no-check", "do not check types first");
}

/** Loads the workflow with its configuration, and takes of it what was selected. */
export async function chooseWorkflow(file: string, flags: WorkflowFlags): Promise<ChosenWorkflow> {
  const { check, name, select: selected, rerun, param: params = {} } = flags;
  const folder = isUrl(file) ? process.cwd() : dirname(file);
  const found = await loadConfig(flags, { folder, check });
  const config = found?.config ?? {};
  const storage = openStorage(flags, found);
  const loaded = await loadWorkflow(file, { params, check });
  const configure = async <B extends Backend<Targets, unknown>>(backend: B): Promise<B> => {
    await apply(found, backend, { workflow: loaded.name });
    if (selected !== undefined) {
      // Of the nodes as edits have left them.
      checkFound(backend, selected);
      backend.select(selected);
    }
    if (rerun !== undefined) checkFound(backend, rerun);
    return backend;
  };
  const workflow = selected === undefined ? loaded : {
    ...loaded,
    shape: "record" as const,
    labels: (await configure(new LocalWorkflow(loaded.targets, { workflowName: loaded.name })))
      .findNodes(selected),
  };
  const workflowName = nameWithParams(name ?? config.workflowName ?? loaded.name, params);
  const reuse = flags.reuse ?? config.reuse;
  const scope = selected === undefined ? "reachable" : "needed";
  return {
    ...workflow,
    config,
    configFolder: found ? dirname(resolve(found.file)) : process.cwd(),
    options: { workflowName, storage, reuse, rerun, scope },
    configure,
  };
}

async function apply(
  found: LoadedConfig | undefined,
  backend: Backend<Targets, unknown>,
  options: ApplyOptions,
): Promise<void> {
  if (!found) return;
  const { applyConfig } = await import("../config.ts");
  await explain(found.file, () => applyConfig(backend, found.config, options));
}

function openStorage(flags: WorkflowFlags, config: LoadedConfig | undefined): Storage | undefined {
  if (flags.storage === false) return undefined;
  if (flags.storage?.startsWith("ray:")) {
    const address = flags.address ?? config?.config.ray?.address;
    const options = parseRayLocation(flags.storage);
    return storageFactory({ kind: "ray", options: { ...(address && { address }), ...options } });
  }
  if (flags.storage !== undefined) return storageFactory(flags.storage);
  const configured = config && openConfigured(config);
  return configured === undefined ? storageFactory(DEFAULT_STORAGE) : configured || undefined;
}

/** Results of different parameters are kept apart, as a stored result is found by names alone. */
function nameWithParams(name: string, params: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(params).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [name, ...shown].join(" ");
}

function checkFound(backend: Backend<Targets, unknown>, pattern: string): void {
  if (backend.findNodes(pattern).length > 0) return;
  const why = explainNoMatch(pattern, backend.findNodes());
  throw new WorkflowFileError(why[0].toUpperCase() + why.slice(1));
}

function addParam(
  text: string,
  params: Record<string, unknown> = {},
): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new InvalidArgumentError("It must be a key and a value, as in seed=7.");
  }
  return { ...params, [text.slice(0, at)]: parseValue(text.slice(at + 1)) };
}

/** JSON where it is JSON, such as `7`, `true` or `[1,2]`; else the text itself. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (!/^\s*[[{"]/.test(text)) return text;
    throw new InvalidArgumentError(`The value ${text} begins like JSON but is none.`);
  }
}

function checkText(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
}

function checkPattern(pattern: string): string {
  try {
    compilePattern(pattern);
    return pattern;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
