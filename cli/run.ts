/** `fuse run`: runs a workflow file and prints its targets' values. */

import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { LocalWorkflow } from "../backends/local.ts";
import { ParallelWorkflow } from "../backends/parallel.ts";
import type { Backend, BackendOptions } from "../core/backend.ts";
import { recordOf } from "../core/node.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { CommandError, EXIT_USAGE, Interrupted } from "./_errors.ts";
import { leave, reportExit } from "./_exit.ts";
import { readWhole } from "./_lazy.ts";
import type { LoadedWorkflow } from "./_load.ts";
import { writeOut } from "./_output.ts";
import { formatValues, toJson } from "./_print.ts";
import { createProgress, redirectConsole } from "./_progress.ts";
import { DEFAULT_STORAGE } from "./_stored.ts";
import {
  addWorkflowOptions,
  chooseWorkflow,
  type ChosenWorkflow,
  type WorkflowFlags,
} from "./_workflow.ts";

interface RunFlags extends WorkflowFlags {
  readonly backend?: "parallel" | "local";
  readonly workers?: number;
  readonly isolation?: "thread" | "process";
  readonly resource?: Record<string, number>;
  readonly keepGoing?: boolean;
}

/** The command. */
export function runCommand(): Command {
  return addWorkflowOptions(new Command("run"))
    .description("run a workflow and print the values of its targets")
    .option("--no-storage", "keep nothing and run everything")
    .addOption(
      new Option(
        "--backend <name>",
        "side by side in workers, or one after the other (default: parallel)",
      )
        .choices(["parallel", "local"]),
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
    )
    .option("--keep-going", "when a node fails, run all that does not depend on it")
    .option("--no-keep-going", "when a node fails, end the run, whatever the configuration says")
    .option("--json", "print the values as one JSON document")
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
  fuse run workflow.ts --rerun 'train_.*'       these nodes again, and what changes with them
  fuse run workflow.ts --storage s3://bucket/x  results in S3
  fuse run workflow.ts --no-storage             keep nothing
  fuse run workflow.ts --config cluster.ts      with another configuration than fuse.config.ts

Exit codes: 0 done, 1 a node failed, 2 the workflow or its configuration is wrong, 3 storage, 4 a worker died, 64 usage, 130 interrupted.`,
    )
    .action(run);
}

async function run(file: string, flags: RunFlags): Promise<void> {
  const interrupt = listenForInterrupt();
  let storage: Storage | undefined;
  const progress = createProgress({ location: () => storage?.location });
  redirectConsole(progress.log);
  try {
    const workflow = await chooseWorkflow(file, flags);
    storage = workflow.options.storage;
    const backend = await workflow.configure(createBackend(workflow, flags, {
      ...workflow.options,
      plugins: [progress.plugin],
      onFailure: chooseOnFailure(workflow, flags),
      onWarning: (message) => progress.log(`warning: ${message}`),
    }));
    const values = await reportExit(() => backend.run({ signal: interrupt() }));
    await writeOut(await showValues(workflow, values, flags.json ?? false));
  } finally {
    progress.stop();
  }
}

function createBackend(
  { targets, config }: ChosenWorkflow,
  flags: RunFlags,
  options: BackendOptions,
): Backend<readonly Target[]> {
  const { backend = config.backend ?? "parallel" } = flags;
  if (backend === "local") {
    checkNoWorkers(flags);
    return new LocalWorkflow(targets, options);
  }
  const { workers = config.workers, isolation = config.isolation } = flags;
  const resources = { ...config.resources, ...flags.resource };
  return new ParallelWorkflow(targets, { ...options, workers, isolation, resources });
}

/** What would be left out of account is refused. */
function checkNoWorkers({ backend, workers, isolation, resource }: RunFlags): void {
  const flag = Object.entries({ workers, isolation, resource }).find(([, value]) =>
    value !== undefined
  )?.[0];
  if (flag === undefined) return;
  throw new CommandError(
    `--${flag} is for workers, and the local backend has none: ` +
      (backend === "local" ? "leave out one of both." : "add --backend parallel, or leave it out."),
    EXIT_USAGE,
  );
}

function chooseOnFailure({ config }: ChosenWorkflow, { keepGoing }: RunFlags) {
  if (keepGoing === undefined) return config.onFailure;
  return keepGoing ? "continue" : "stop";
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
  return `${toJson(await readWhole(document))}\n`;
}

function nameOf(target: Target): string {
  return recordOf(target)!.name;
}

function addResource(text: string, resources: Record<string, number> = {}): Record<string, number> {
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
