/**
 * The errors of the library: one class for each thing that somebody catches.
 *
 * @module
 */

const BRAND: unique symbol = Symbol.for("functionfuse.error") as never;

/** The base of every error that the library raises, apart from `TypeError` and `RangeError` for wrong arguments. */
export abstract class FuseError extends Error {
  /** @ignore Marks the class across several loaded copies of the library. */
  readonly [BRAND] = true;
}

/** Why a graph was refused. */
export type GraphReason =
  | "no-targets"
  | "not-a-node"
  | "duplicate-name"
  | "unknown-node"
  | "resources"
  | "nested-node"
  /** A pattern matches no node. */
  | "no-match"
  /** An edit needs a value: of a node that reads none, or of an instance, which is none. */
  | "no-value"
  /** Nodes to be made one are not connected. */
  | "not-connected"
  /** An edit would make a circle. */
  | "cycle"
  /** A group would have some of an instance's calls, and not the others. */
  | "split-class"
  /** A node to be removed is a target, or others read it or come after it. */
  | "still-used"
  /** A node is in the graph no more, or only in that of one backend. */
  | "edited"
  /** A part of it can't be taken to other machines. */
  | "not-portable";

/** A graph, or a request made of a graph, that makes no sense. */
export class GraphError extends FuseError {
  /** Always `"GraphError"`. */
  override readonly name = "GraphError" as const;
  /** What is wrong, as a constant to compare with. */
  readonly reason: GraphReason;
  /** The names of the nodes concerned. */
  readonly nodes: readonly string[];

  /** Says what is wrong with which nodes. */
  constructor(message: string, options: { reason: GraphReason; nodes?: readonly string[] }) {
    super(message);
    this.reason = options.reason;
    this.nodes = options.nodes ?? [];
  }
}

/** What a node was doing when it failed; `worker`: what it ran in died. */
export type NodePhase = "arguments" | "initialize" | "run" | "timeout" | "worker";

/** A node that failed; `cause` is what it threw. */
export class NodeError extends FuseError {
  /** Always `"NodeError"`. */
  override readonly name = "NodeError" as const;
  /** The name of the node. */
  readonly nodeName: string;
  /** What the node was doing. */
  readonly phase: NodePhase;
  /** Every failure of the run: of a run with `onFailure: "continue"` there may be several; else it is just this one. */
  readonly errors: readonly NodeError[];

  /** Says which node failed in doing what. */
  constructor(
    message: string,
    options: { nodeName: string; phase: NodePhase; cause?: unknown; errors?: readonly NodeError[] },
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.nodeName = options.nodeName;
    this.phase = options.phase;
    this.errors = options.errors ?? [this];
    // A list that holds the error itself is not for printing.
    Object.defineProperty(this, "errors", { enumerable: false });
  }
}

/** Why a storage could not do what it was asked to do. */
export type StorageReason =
  | "missing"
  | "damaged"
  | "unsupported"
  | "full"
  | "denied"
  | "unavailable";

/** A storage that failed, or that does not hold what was asked for. */
export class StorageError extends FuseError {
  /** Always `"StorageError"`. */
  override readonly name = "StorageError" as const;
  /** What was being done: `"save"`, `"read"`, `"list"`, `"remove"` or `"open"`. */
  readonly operation: StorageOperation;
  /** What it was done to: a task, a workflow or the storage itself. */
  readonly key: string;
  /** What went wrong, as a constant to compare with. */
  readonly reason: StorageReason;

  /** Says what could not be done to what, and why. */
  constructor(
    message: string,
    options: {
      operation: StorageOperation;
      key: string;
      reason: StorageReason;
      cause?: unknown;
    },
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.operation = options.operation;
    this.key = options.key;
    this.reason = options.reason;
  }
}

/** What a storage was doing when it failed. */
export type StorageOperation = "open" | "save" | "read" | "list" | "remove";

/** A value that can't be stored, or stored bytes that are not a value. */
export class CodecError extends FuseError {
  /** Always `"CodecError"`. */
  override readonly name = "CodecError" as const;
}

/** A worker that died or can't be used. */
export class WorkerError extends FuseError {
  /** Always `"WorkerError"`. */
  override readonly name = "WorkerError" as const;
  /** The exit code, if it ended by itself. */
  readonly exitCode: number | undefined;
  /** The signal that ended it, such as `SIGKILL`, if one did. */
  readonly signal: string | undefined;
  /** The last lines that it wrote to standard error. */
  readonly lastLines: readonly string[];

  /** Says what is known of its end. */
  constructor(
    message: string,
    options: {
      exitCode?: number;
      signal?: string;
      lastLines?: readonly string[];
      cause?: unknown;
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.exitCode = options.exitCode;
    this.signal = options.signal;
    this.lastLines = options.lastLines ?? [];
  }
}

/** An engine (Ray, Prefect, Kubeflow Pipelines) that can't be reached or refuses. */
export class EngineError extends FuseError {
  /** Always `"EngineError"`. */
  override readonly name = "EngineError" as const;
}

/** A setting that is unknown or has a wrong value. */
export class ConfigError extends FuseError {
  /** Always `"ConfigError"`. */
  override readonly name = "ConfigError" as const;
  /** Which setting: `"workers"`, `"rules[2].remoteArgs.numCpus"`; empty for the configuration as a whole. */
  readonly path: string;
  /** The name or pattern in it that means nothing, if that is what is wrong. */
  readonly unknown: string | undefined;
  /** The names one of which was probably meant by that. */
  readonly known: readonly string[];

  /** Says what is wrong with which setting. */
  constructor(
    message: string,
    options: { path?: string; unknown?: string; known?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.path = options.path ?? "";
    this.unknown = options.unknown;
    this.known = options.known ?? [];
  }
}

/** Something that this backend, storage or runtime can't do. */
export class UnsupportedError extends FuseError {
  /** Always `"UnsupportedError"`. */
  override readonly name = "UnsupportedError" as const;
}

/** Every error class of the library by its name. */
export interface FuseErrors {
  /** A graph that makes no sense. */
  GraphError: GraphError;
  /** A node that failed. */
  NodeError: NodeError;
  /** A storage that failed. */
  StorageError: StorageError;
  /** A value that can't be stored or read. */
  CodecError: CodecError;
  /** A worker that died. */
  WorkerError: WorkerError;
  /** An engine that refuses. */
  EngineError: EngineError;
  /** A wrong setting. */
  ConfigError: ConfigError;
  /** Something that can't be done here. */
  UnsupportedError: UnsupportedError;
}

/**
 * Tells whether a caught value is an error of this library, and narrows it to the classes named.
 *
 * @param error What was caught.
 * @param names Class names; without any, every error of the library counts.
 * @example
 * ```ts
 * import { isFuseError, LocalWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const fail = workflow(function fail(): number {
 *   throw new RangeError("no digits");
 * });
 * try {
 *   await new LocalWorkflow(fail(), { workflowName: "demo" }).run();
 * } catch (error) {
 *   assert(isFuseError(error, "NodeError"));
 *   assert.equal(error.nodeName, "fail_0000");
 *   assert(error.cause instanceof RangeError);
 * }
 * ```
 */
export function isFuseError<N extends keyof FuseErrors = keyof FuseErrors>(
  error: unknown,
  ...names: N[]
): error is FuseErrors[N] {
  if (!(error instanceof Error) || !(BRAND in error)) return false;
  return names.length === 0 || (names as string[]).includes(error.name);
}
