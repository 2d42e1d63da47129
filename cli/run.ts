/** `fuse run`: runs a workflow file and prints its targets' values. */

import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { LocalWorkflow } from "../backends/local.ts";
import { ParallelWorkflow } from "../backends/parallel.ts";
import type { BackendOptions } from "../core/backend.ts";
import { compilePattern } from "../core/names.ts";
import { recordOf } from "../core/node.ts";
import type { Target } from "../core/types.ts";
import { storageFactory } from "../storage/mod.ts";
import { Interrupted, WorkflowFileError } from "./_errors.ts";
import { leave, reportExit } from "./_exit.ts";
import { type LoadedWorkflow, loadWorkflow } from "./_load.ts";
import { formatValues, toJson } from "./_print.ts";
import { createProgress, redirectConsole } from "./_progress.ts";

const DEFAULT_STORAGE = ".fuse";

interface RunFlags {
  readonly storage: string | boolean;
  readonly name?: string;
  readonly param?: Record<string, unknown>;
  readonly select?: string;
  readonly backend: "parallel" | "local";
  readonly workers?: number;
  readonly isolation?: "thread" | "process";
  readonly resource: Record<string, number>;
  readonly keepGoing?: boolean;
  readonly json?: boolean;
  readonly check: boolean;
}

/** The command. */
export function runCommand(): Command {
  return new Command("run")
    .description("run a workflow and print the values of its targets")
    .argument(
      "<workflow>",
      "file whose default export is a node, a list or record of nodes, or a function that returns one",
    )
    .option(
      "--storage <place>",
      "folder or URL where results are kept and read from",
      DEFAULT_STORAGE,
    )
    .option("--no-storage", "keep nothing and run everything")
    .option(
      "--name <name>",
      "name under which results are stored, with the parameters (default: what the file says, or its name)",
      checkText,
    )
    .option(
      "--param <key=value>",
      "parameter of a workflow that is a function; may be given again",
      addParam,
      {},
    )
    .option(
      "--select <pattern>",
      "run and print only the nodes whose whole names match, and what they need",
      checkPattern,
    )
    .addOption(
      new Option("--backend <name>", "side by side in workers, or one after the other")
        .choices(["parallel", "local"]).default("parallel"),
    )
    .option(
      "--workers <count>",
      "how many workers there are (default: the machine's cores)",
      checkCount,
    )
    .addOption(
      new Option("--isolation <kind>", "what a worker is (default: thread)")
        .choices(["thread", "process"]),
    )
    .option(
      "--resource <name=amount>",
      "what there is for nodes to share; may be given again",
      addResource,
      {},
    )
    .option("--keep-going", "when a node fails, run all that does not depend on it")
    .option("--json", "print the values as one JSON document")
    .option("--no-check", "do not check types first")
    .addHelpText(
      "after",
      `
Examples:
  fuse run workflow.ts                          run it, keep results in ${DEFAULT_STORAGE}
  fuse run workflow.ts --param seed=7           call a workflow that is a function with { seed: 7 }
  fuse run workflow.ts --select 'train_.*'      only these nodes and what they need
  fuse run workflow.ts --workers 4              with four workers
  fuse run workflow.ts --isolation process      so that a node that crashes costs one worker, not the run
  fuse run workflow.ts --keep-going             to hear of all failures at once
  fuse run workflow.ts --json > values.json     values as JSON; progress stays on the terminal
  fuse run workflow.ts --no-storage             keep nothing

Exit codes: 0 done, 1 a node failed, 2 the workflow is wrong, 3 storage, 4 a worker died, 64 usage, 130 interrupted.`,
    )
    .action(run);
}

async function run(file: string, flags: RunFlags): Promise<void> {
  const interrupt = listenForInterrupt();
  const storage = flags.storage === false
    ? undefined
    : storageFactory(flags.storage === true ? DEFAULT_STORAGE : flags.storage as string);
  const progress = createProgress({ location: storage?.location });
  redirectConsole(progress.log);
  try {
    const params = flags.param ?? {};
    const loaded = await loadWorkflow(file, { params, check: flags.check });
    const workflow = flags.select === undefined ? loaded : select(loaded, flags.select);
    const backend = createBackend(workflow.targets, flags, {
      workflowName: nameWithParams(flags.name ?? workflow.name, params),
      storage,
      plugins: [progress.plugin],
      scope: flags.select === undefined ? "reachable" : "needed",
      onFailure: flags.keepGoing ? "continue" : "stop",
      onWarning: (message) => progress.log(`warning: ${message}`),
    });
    const values = await reportExit(() => backend.run({ signal: interrupt() }));
    await write(await showValues(workflow, values, flags.json ?? false));
  } finally {
    progress.stop();
  }
}

function createBackend(targets: readonly Target[], flags: RunFlags, options: BackendOptions) {
  if (flags.backend === "local") return new LocalWorkflow(targets, options);
  const { workers, isolation, resource: resources } = flags;
  const preload = [new URL("./_worker.ts", import.meta.url).href];
  return new ParallelWorkflow(targets, { ...options, workers, isolation, resources, preload });
}

/** Writes to standard output, and waits until all of it has left. */
function write(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => error ? reject(error) : resolve());
  });
}

/** Results of different parameters are kept apart, as a stored result is found by names alone. */
function nameWithParams(name: string, params: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(params).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [name, ...shown].join(" ");
}

/** The nodes found by a pattern, as targets in the place of the workflow's own. */
function select(workflow: LoadedWorkflow, pattern: string): LoadedWorkflow {
  const all = new LocalWorkflow(workflow.targets, { workflowName: workflow.name });
  const targets = all.query(pattern).nodes;
  if (targets.length > 0) {
    return { ...workflow, shape: "record", labels: targets.map(() => undefined), targets };
  }
  const MOST_SHOWN = 20;
  const names = all.findNodes();
  throw new WorkflowFileError(
    `No node's whole name matches ${JSON.stringify(pattern)}. There are ${
      names.slice(0, MOST_SHOWN).join(", ")
    }${names.length > MOST_SHOWN ? `, and ${names.length - MOST_SHOWN} more` : ""}.`,
  );
}

/**
 * Listens for Ctrl-C, from the start on, as runtimes take a moment to begin listening.
 *
 * It ends the process, until the signal that is returned has been asked for: then the first one aborts that, so that the
 * run can end well, and only the second one ends the process.
 */
function listenForInterrupt(): () => AbortSignal {
  const controller = new AbortController();
  let isRunning = false;
  const interrupt = () => {
    if (!isRunning || controller.signal.aborted) leave(130);
    controller.abort(new Interrupted("Interrupted."));
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  return () => {
    isRunning = true;
    return controller.signal;
  };
}

async function showValues(
  workflow: LoadedWorkflow,
  values: readonly unknown[],
  asJson: boolean,
): Promise<string> {
  const labelled = values.map((value, at) => ({
    label: workflow.labels[at] ?? nameOf(workflow.targets[at]),
    value,
  }));
  if (!asJson) return `${await formatValues(labelled, workflow.shape === "one")}\n`;
  const { shape } = workflow;
  const document: unknown = shape === "one"
    ? values[0]
    : shape === "list"
    ? values
    : Object.fromEntries(labelled.map(({ label, value }) => [label, value]));
  return `${toJson(document)}\n`;
}

function nameOf(target: Target): string {
  return recordOf(target)!.name;
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

function addResource(text: string, resources: Record<string, number>): Record<string, number> {
  const [, name, amount] = /^(.+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (name === undefined) {
    throw new InvalidArgumentError("It must be a name and an amount, as in _model=1.");
  }
  return { ...resources, [name]: Number(amount) };
}

function checkCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
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
