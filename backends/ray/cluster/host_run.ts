/** A run in the cluster, from its description to its targets' values. */

import { nodeOf } from "../../../core/arguments.ts";
import { CodecError, isFuseError } from "../../../core/errors.ts";
import type { Executor } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import { rebuildGraph } from "../../../core/graph_rebuild.ts";
import type { Lookup } from "../../../core/lookup.ts";
import { type ItemKey, KIND } from "../../../core/node.ts";
import { type ExecutorSetup, Passes } from "../../../core/passes.ts";
import type { Storage, StorageSpec } from "../../../core/storage.ts";
import { unlessAborted } from "../../../core/unless_aborted.ts";
import { watchRun } from "../../../core/watched_run.ts";
import { packValue } from "../../../encoding/packed.ts";
import type { RunEvent } from "../../../ray/events.ts";
import { type RunRecord, RUNTIME } from "../run_record.ts";
import { EventWatchers } from "./event_watchers.ts";
import { fromPackage } from "./package_urls.ts";

/** What a run is carried out with. */
export interface HostRunParts {
  /** Imports modules. */
  readonly lookup: Lookup;
  /** The URL of the package's folder here, with a slash at its end. */
  readonly root: string;
  makeStorage(spec: StorageSpec): Storage | Promise<Storage>;
  createExecutor(setup: ExecutorSetup): Executor | Promise<Executor>;
  /** Takes what the client is to be told. */
  say(event: RunEvent): void;
  readonly signal: AbortSignal;
}

/**
 * Carries out a run, and gives the list of the values of the targets' nodes, packed.
 *
 * @throws What the run fails with, which is for the client.
 */
export async function runHost(
  record: RunRecord,
  parts: HostRunParts,
): Promise<Uint8Array<ArrayBuffer>> {
  const { lookup, root, say, signal } = parts;
  const rebuilding = rebuildGraph(record.graph, lookup, {
    urlOf: (module) => fromPackage(module, root),
    writesSameSources: record.runtime === RUNTIME,
  });
  // A module may take for ever to be imported.
  const { graph, initializations } = await unlessAborted(rebuilding, signal);
  const storage = record.storage && await parts.makeStorage(record.storage);
  const { workflowName, scope, onFailure, reuse: rule, rerun } = record;
  let executor: Executor | undefined;
  const createExecutor = async (setup: ExecutorSetup) =>
    executor = await parts.createExecutor(setup);
  const workerOf = (node: number) => executor?.workerOf?.(node);
  return await watchRun(
    {
      graph,
      workflowName,
      journalIn: storage,
      warn: (text) => say({ ev: "warn", text }),
      makeWatchers: (more) => new EventWatchers(graph, { say, workerOf }, more),
    },
    (watchers) => {
      const settings = { graph, storage, workflowName, scope, onFailure, rule, rerun };
      return new Passes({ ...settings, initializations, watchers, signal, createExecutor });
    },
    (values) => packTargets(graph, values),
  );
}

/** Of each target's node, as much as the target is a part of: a large value is not sent for a small item. */
function packTargets({ targets }: Graph, values: readonly unknown[]): Uint8Array<ArrayBuffer> {
  const kept = targets.map((target, at) =>
    target[KIND] === "node" ? values[at] : keepPath(values[at], target.path)
  );
  try {
    return packValue(kept);
  } catch (error) {
    if (!isFuseError(error, "CodecError")) throw error;
    const at = kept.findIndex((value) => !isPackable(value));
    const { name } = nodeOf(targets[Math.max(at, 0)]);
    throw new CodecError(
      `Cannot bring the value of the target "${name}" back from the cluster. ${error.message}`,
      { cause: error },
    );
  }
}

function isPackable(value: unknown): boolean {
  try {
    packValue(value);
    return true;
  } catch {
    return false;
  }
}

/** A value of which a path leads to the same, and to nothing else. */
function keepPath(value: unknown, path: readonly ItemKey[]): unknown {
  if (path.length === 0 || value === null || value === undefined) return value;
  const [key, ...rest] = path;
  const part = keepPath((value as Record<string, unknown>)[key], rest);
  const holder = {};
  // Defined, not assigned, as a key may be `__proto__`.
  return Object.defineProperty(holder, key, {
    value: part,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
