/** Which backend a run has, and what there is for its nodes: by flags, else by the configuration. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { LocalWorkflow } from "../backends/local.ts";
import { ParallelWorkflow } from "../backends/parallel.ts";
import type { Backend, BackendOptions } from "../core/backend.ts";
import type { Target } from "../core/types.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import type { ChosenWorkflow } from "./_workflow.ts";

/** The flags of commands that run, or tell what a run would do. */
export interface BackendFlags {
  readonly backend?: "parallel" | "local";
  readonly workers?: number;
  readonly isolation?: "thread" | "process";
  readonly resource?: Record<string, number>;
}

/** Adds the flags. */
export function addBackendOptions(command: Command): Command {
  return command
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
    );
}

/**
 * Makes the backend.
 *
 * @throws {CommandError} If a flag means nothing to it.
 */
export function createBackend(
  { targets, config }: ChosenWorkflow,
  flags: BackendFlags,
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
function checkNoWorkers({ backend, workers, isolation, resource }: BackendFlags): void {
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
