/** `fuse run`: runs a workflow file and prints its targets' values. */

import { Command } from "commander";
import { recordOf } from "../core/node.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { addBackendOptions, type BackendFlags, chooseStorage, createBackend } from "./_backend.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { listenForInterrupt, reportExit } from "./_exit.ts";
import { writeOut } from "./_output.ts";
import { createProgress, redirectConsole } from "./_progress.ts";
import { DEFAULT_STORAGE } from "./_stored.ts";
import { showValues } from "./_values.ts";
import {
  addWorkflowOptions,
  chooseWorkflow,
  type ChosenWorkflow,
  type WorkflowFlags,
} from "./_workflow.ts";

interface RunFlags extends WorkflowFlags, BackendFlags {
  readonly attach?: string;
  readonly keepGoing?: boolean;
}

/** The command. */
export function runCommand(): Command {
  const command = addWorkflowOptions(new Command("run"), "[workflow]")
    .description("run a workflow and print the values of its targets")
    .option("--no-storage", "keep nothing and run everything");
  return addBackendOptions(command)
    .option(
      "--attach <job>",
      "follow a run that was started on a Ray cluster, also one that has ended",
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
  fuse run workflow.ts --backend ray --address http://head:8265  on a Ray cluster
  fuse run --attach fuse-workflow-0f1e2d3c4b --address http://head:8265  see what became of that run

Exit codes: 0 done, 1 a node failed, 2 the workflow or its configuration is wrong, 3 storage, 4 a worker died or a cluster refuses, 64 usage, 130 interrupted.`,
    )
    .action(run);
}

async function run(file: string | undefined, flags: RunFlags): Promise<void> {
  const { attach } = flags;
  if (attach !== undefined) {
    if (file === undefined) return await (await import("./_attach.ts")).attachRun(attach, flags);
    throw new CommandError(
      `--attach follows a run that was started before: leave out ${file}.`,
      EXIT_USAGE,
    );
  }
  if (file === undefined) {
    throw new CommandError(
      "Which workflow? Name its file, as in fuse run workflow.ts.",
      EXIT_USAGE,
    );
  }
  const interrupt = listenForInterrupt();
  let storage: Storage | undefined;
  const progress = createProgress({ location: () => storage?.location });
  redirectConsole(progress.log);
  try {
    const workflow = await chooseWorkflow(file, flags);
    const onWarning = (message: string) => progress.log(`warning: ${message}`);
    storage = chooseStorage(workflow, flags, onWarning);
    const options = {
      ...workflow.options,
      storage,
      plugins: [progress.plugin],
      onFailure: chooseOnFailure(workflow, flags),
      onWarning,
    };
    const created = await createBackend(workflow, flags, { ...options, onLog: progress.log });
    const backend = await workflow.configure(created);
    const values = await reportExit(() => backend.run({ signal: interrupt() }));
    const names = workflow.targets.map(nameOf);
    await writeOut(await showValues({ ...workflow, names }, values, flags.json ?? false));
  } finally {
    progress.stop();
  }
}

function chooseOnFailure({ config }: ChosenWorkflow, { keepGoing }: RunFlags) {
  if (keepGoing === undefined) return config.onFailure;
  return keepGoing ? "continue" : "stop";
}

function nameOf(target: Target): string {
  return recordOf(target)!.name;
}
