/** All that the cluster is told of a run, as bytes. */

import process from "node:process";
import type { RunRequest } from "../../core/backend.ts";
import { isFuseError, UnsupportedError } from "../../core/errors.ts";
import type { GraphRecord } from "../../core/graph_record.ts";
import { recordGraph } from "../../core/graph_recorder.ts";
import { initializeOnHost } from "../../core/initializers.ts";
import type { Pattern } from "../../core/names.ts";
import type { Scope } from "../../core/plan.ts";
import type { ReuseRule } from "../../core/reuse.ts";
import type { Storage, StorageSpec } from "../../core/storage.ts";
import { VERSION } from "../../core/version.ts";
import { encodeValue } from "../../encoding/mod.ts";
import { packValue, unpackValue } from "../../encoding/packed.ts";
import { inSource } from "../../ray/library_sources.ts";

/** A run on its way to a cluster. */
export interface RunRecord {
  /** The version of this library that wrote it: the one that reads it has come with it. */
  readonly version: string;
  /** The runtime that wrote it: another one writes sources of functions otherwise. */
  readonly runtime: string;
  readonly workflowName: string;
  readonly graph: GraphRecord;
  readonly reuse: ReuseRule;
  readonly rerun: Pattern | undefined;
  readonly scope: Scope;
  readonly onFailure: "stop" | "continue";
  readonly storage: StorageSpec | undefined;
}

/** Which runtime this is. */
export const RUNTIME: string = process.versions.deno
  ? `deno ${process.versions.deno}`
  : process.versions.bun
  ? `bun ${process.versions.bun}`
  : `node ${process.versions.node}`;

/**
 * Describes a run: plugins prepare its nodes here and now.
 *
 * @param urlOf Gives the URL by which the cluster finds a module, such as `package:/code/digits.ts`; `undefined` if it
 * does not find it.
 * @param prepare Is told of all modules before that is asked, and may see to it that the cluster has them.
 *
 * @throws {GraphError} If a part of the graph can't be taken to a cluster.
 * @throws {UnsupportedError} If the storage can't.
 */
export async function describeRun(
  request: Pick<
    RunRequest,
    "graph" | "storage" | "workflowName" | "rule" | "rerun" | "scope" | "onFailure"
  >,
  urlOf: (module: string) => string | undefined,
  prepare?: (modules: readonly string[]) => Promise<void>,
): Promise<RunRecord> {
  const { graph, storage, workflowName, rule, rerun, scope, onFailure } = request;
  const way = { prepare, urlOf, findUnfit };
  const { items, ...described } = await recordGraph(graph, initializeOnHost(graph), way);
  return {
    version: VERSION,
    runtime: RUNTIME,
    workflowName,
    storage: storage && specOf(storage),
    graph: {
      ...described,
      items: items.map((item) => ({ ...item, reference: inSource(item.reference) })),
    },
    reuse: rule,
    rerun,
    scope,
    onFailure,
  };
}

/** The bytes of a description. */
export function packRun(record: RunRecord): Uint8Array<ArrayBuffer> {
  return packValue(record);
}

/**
 * The description again.
 *
 * @throws {UnsupportedError} If another version of this library wrote it.
 */
export function unpackRun(bytes: Uint8Array): RunRecord {
  const record = unpackValue(bytes) as RunRecord;
  if (record.version === VERSION) return record;
  throw new UnsupportedError(
    `Cannot run what version ${record.version} of this library has described, as this is version ${VERSION}: ` +
      `start the run again.`,
  );
}

function specOf(storage: Storage): StorageSpec {
  const { spec, location } = storage;
  if (spec) return spec;
  throw new UnsupportedError(
    `Cannot use the storage ${
      JSON.stringify(location)
    } on a cluster, as no other process can reach it: ` +
      `use one of the kind "ray" or "S3", or a folder that all machines share.`,
  );
}

function findUnfit(value: unknown): string | undefined {
  try {
    encodeValue(value);
  } catch (error) {
    if (isFuseError(error, "CodecError")) return error.message;
    throw error;
  }
}
