/** `fuse run`: runs a workflow file and prints its targets' values. */

import { Command } from "commander";
import process from "node:process";
import { recordOf } from "../core/node.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { addBackendOptions, type BackendFlags, createBackend } from "./_backend.ts";
import { Interrupted } from "./_errors.ts";
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

interface RunFlags extends WorkflowFlags, BackendFlags {
  readonly keepGoing?: boolean;
}

/** The command. */
export function runCommand(): Command {
  const command = addWorkflowOptions(new Command("run"))
    .description("run a workflow and print the values of its targets")
    .option("--no-storage", "keep nothing and run everything");
  return addBackendOptions(command)
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
