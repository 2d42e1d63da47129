/** Which backend a run has, and what there is for its nodes: by flags, else by the configuration. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { LocalWorkflow } from "../backends/local.ts";
import { ParallelWorkflow } from "../backends/parallel.ts";
import type { Backend, BackendOptions } from "../core/backend.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { findAddress } from "../ray/address.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { SHOWN } from "./_values.ts";
import type { ChosenWorkflow, WorkflowFlags } from "./_workflow.ts";

/** The flags of commands that run, or tell what a run would do. */
export interface BackendFlags {
  readonly backend?: "parallel" | "local" | "ray";
  readonly address?: string;
  readonly verbose?: boolean;
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
        "side by side in workers, one after the other, or on a Ray cluster (default: parallel)",
      )
        .choices(["parallel", "local", "ray"]),
    )
    .option(
      "--address <url>",
      "dashboard of the Ray cluster (default: RAY_ADDRESS, or this machine's)",
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
    );
}

/** A folder of this machine that nobody has named is none of a cluster elsewhere. */
export function chooseStorage(
  { options, config }: ChosenWorkflow,
  flags: BackendFlags & WorkflowFlags,
  warn: (message: string) => void,
): Storage | undefined {
  const { storage } = options;
  const isNamed = flags.storage !== undefined || config.storage !== undefined;
  if (isNamed || (flags.backend ?? config.backend) !== "ray") return storage;
  const { hostname } = new URL(findAddress(flags.address ?? config.ray?.address));
  if (/^(?:127\.[\d.]+|localhost|\[::1\])$/.test(hostname)) return storage;
  warn(
    "Results are not kept, as the cluster's machines can't reach this folder: name a place that they reach (--storage).",
  );
  return undefined;
}

/**
 * Makes the backend.
 *
 * @throws {CommandError} If a flag means nothing to it.
 */
export async function createBackend(
  { targets, config, configFolder, shape, labels }: ChosenWorkflow,
  flags: BackendFlags,
  { onLog, ...options }: BackendOptions & { readonly onLog?: (line: string) => void },
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

const WHOSE: Readonly<Record<string, readonly (keyof BackendFlags)[]>> = {
  parallel: ["workers", "isolation", "resource"],
  ray: ["address", "verbose"],
  local: [],
};

/** What would be left out of account is refused. */
function checkFlags(backend: string, flags: BackendFlags): void {
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
