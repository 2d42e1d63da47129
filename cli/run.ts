/** `fuse run`: runs a workflow file and prints its targets' values. */

import { Command, InvalidArgumentError, Option } from "commander";
import process from "node:process";
import { LocalWorkflow } from "../backends/local.ts";
import { ParallelWorkflow } from "../backends/parallel.ts";
import type { Backend, BackendOptions } from "../core/backend.ts";
import { recordOf } from "../core/node.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { listenForInterrupt, reportExit } from "./_exit.ts";
import { writeOut } from "./_output.ts";
import { SHOWN, showValues } from "./_values.ts";
import { createProgress, redirectConsole } from "./_progress.ts";
import { DEFAULT_STORAGE } from "./_stored.ts";
import {
  addWorkflowOptions,
  chooseWorkflow,
  type ChosenWorkflow,
  type WorkflowFlags,
} from "./_workflow.ts";

interface RunFlags extends WorkflowFlags {
  readonly backend?: "parallel" | "local" | "ray";
  readonly address?: string;
  readonly attach?: string;
  readonly verbose?: boolean;
  readonly workers?: number;
  readonly isolation?: "thread" | "process";
  readonly resource?: Record<string, number>;
  readonly keepGoing?: boolean;
}

/** The command. */
export function runCommand(): Command {
  return addWorkflowOptions(new Command("run"), "[workflow]")
    .description("run a workflow and print the values of its targets")
    .option("--no-storage", "keep nothing and run everything")
    .addOption(
      new Option(
        "--backend <name>",
        "side by side in workers, one after the other, or on a Ray cluster (default: parallel)",
      )
        .choices(["parallel", "local", "ray"]),
    )
    .option(
      "--address <url>",
      "dashboard of the Ray cluster (default: RAY_ADDRESS, or this machine's)",
    )
    .option(
      "--attach <job>",
      "follow a run that was started on a Ray cluster, also one that has ended",
    )
    .option("--verbose", "tell what is sent to the Ray cluster")
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

/** A folder of this machine that nobody has named is none of a cluster elsewhere. */
function chooseStorage(
  { options, config }: ChosenWorkflow,
  flags: RunFlags,
  warn: (message: string) => void,
): Storage | undefined {
  const { storage } = options;
  const isNamed = flags.storage !== undefined || config.storage !== undefined;
  if (isNamed || (flags.backend ?? config.backend) !== "ray") return storage;
  const address = flags.address ?? config.ray?.address ?? process.env.RAY_API_SERVER_ADDRESS ??
    process.env.RAY_ADDRESS ?? "auto";
  if (/^(?:\w+:\/\/)?(?:auto|127\.|localhost|\[::1\])/.test(address)) return storage;
  warn(
    "Results are not kept, as the cluster's machines can't reach this folder: name a place that they reach (--storage).",
  );
  return undefined;
}

async function createBackend(
  { targets, config, configFolder, shape, labels }: ChosenWorkflow,
  flags: RunFlags,
  { onLog, ...options }: BackendOptions & { readonly onLog: (line: string) => void },
): Promise<Backend<readonly Target[]>> {
  const { backend = config.backend ?? "parallel" } = flags;
  checkFlags(backend, flags);
  if (backend === "local") return new LocalWorkflow(targets, options);
  if (backend === "ray") {
    const { RayWorkflow } = await import("../backends/ray.ts");
    return new RayWorkflow(targets, {
      ...{ ...options, ...config.ray, filesFolder: configFolder, onLog },
      address: flags.address ?? config.ray?.address,
      metadata: { [SHOWN]: JSON.stringify({ shape, labels }) },
      verbose: flags.verbose,
    });
  }
  const { workers = config.workers, isolation = config.isolation } = flags;
  const resources = { ...config.resources, ...flags.resource };
  return new ParallelWorkflow(targets, { ...options, workers, isolation, resources });
}

const WHOSE: Readonly<Record<string, readonly (keyof RunFlags)[]>> = {
  parallel: ["workers", "isolation", "resource"],
  ray: ["address", "verbose"],
  local: [],
};

/** What would be left out of account is refused. */
function checkFlags(backend: string, flags: RunFlags): void {
  for (const [other, keys] of Object.entries(WHOSE)) {
    const flag = other === backend ? undefined : keys.find((key) => flags[key] !== undefined);
    if (flag === undefined) continue;
    const what = other === "ray"
      ? "a Ray cluster"
      : backend === "ray"
      ? "workers, and a Ray cluster knows itself what it has"
      : "workers, and the local backend has none";
    throw new CommandError(
      `--${flag} is for ${what}: ` +
        (flags.backend !== undefined
          ? "leave out one of both."
          : `add --backend ${other}, or leave it out.`),
      EXIT_USAGE,
    );
  }
}

function chooseOnFailure({ config }: ChosenWorkflow, { keepGoing }: RunFlags) {
  if (keepGoing === undefined) return config.onFailure;
  return keepGoing ? "continue" : "stop";
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
