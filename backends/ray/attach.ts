/** Follows a job that somebody has started, without its workflow. */

import { pickPath } from "../../core/arguments.ts";
import { EngineError } from "../../core/errors.ts";
import type { Graph } from "../../core/graph.ts";
import type { Plugin } from "../../core/plugin.ts";
import { Watchers } from "../../core/watchers.ts";
import { RayClient } from "../../ray/client.ts";
import { FollowedJob, type RunStarted } from "./follow.ts";
import type { RayConnectOptions } from "./options.ts";

/** Who follows a job. */
export interface Attached {
  readonly id: string;
  readonly connection: Pick<RayConnectOptions, "address" | "token" | "headers">;
  readonly signal: AbortSignal | undefined;
  readonly plugins: readonly Plugin[];
  log(line: string): void;
  warn(line: string): void;
}

/** What a job has given. */
export interface AttachedResult {
  /** In the order of the targets. */
  readonly values: readonly unknown[];
  /** The names of the targets' nodes. */
  readonly names: readonly string[];
  /** Whether `run()` would have given a list. */
  readonly isList: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Follows a job to its end; a job that has ended already tells all once more.
 *
 * @throws {EngineError} If there is no such job, or it is none of this library's.
 */
export async function attach(options: Attached): Promise<AttachedResult> {
  const { id, connection, signal, plugins, log, warn } = options;
  const client = await RayClient.connect(connection, { signal });
  const { entrypoint, metadata } = await client.job(id, { signal });
  if (entrypoint !== "python driver.py" || metadata.workflow === undefined) {
    throw new EngineError(
      `The Ray job ${id} runs no workflow of this library, but ${JSON.stringify(entrypoint)}.`,
    );
  }
  log(`Ray job ${id}: ${client.jobPage(id)}`);
  const started = performance.now();
  let watchers: Watchers | undefined;
  const job = new FollowedJob(client, id, {
    watch: (run) => watchers = new Watchers(standIn(run, plugins), warn),
    workflowName: metadata.workflow,
    folderUrl: undefined,
    ...{ log, warn },
  });
  let error: unknown;
  try {
    const values = await job.follow(signal);
    const { targets, names, isList } = job.started!;
    return {
      values: values.map((value, at) => {
        const { node, path } = targets[at];
        return pickPath(path, value, { name: names[node] });
      }),
      names: targets.map(({ node }) => names[node]),
      ...{ isList, metadata },
    };
  } catch (caught) {
    error = caught;
    throw caught;
  } finally {
    const durationMs = performance.now() - started;
    watchers?.runEnd({ durationMs, reused: job.reused, error });
  }
}

/** As much of a graph as observers are told of. */
function standIn({ names, definitions, which }: RunStarted, plugins: readonly Plugin[]): Graph {
  const nodes = names.map((name, i) => ({ name, definition: { name: definitions[which[i]] } }));
  return { nodes, plugins: plugins.map((plugin) => ({ plugin, nodes: undefined })) } as never;
}
