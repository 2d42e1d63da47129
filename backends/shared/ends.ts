/** What is to be said of the end of a worker. */

import { WorkerError } from "../../core/errors.ts";
import { rebuildThrown, type ThrownRecord } from "../../core/thrown.ts";

/** What is known of the end of a worker. */
export interface WorkerEnd {
  readonly exitCode?: number;
  readonly signal?: string;
  /** What it threw outside its nodes, or why it could not be started. */
  readonly error?: unknown;
}

/** What else is known of it. */
export interface EndDetails {
  /** What it wrote to standard error at last. */
  readonly lastLines: readonly string[];
  /** The name of the node that it ran at last. */
  readonly latest: string | undefined;
}

const ADVICE = " Return a value or throw instead of ending the process.";

/** The error that says so; `who` is the worker. */
export function workerError(
  who: string,
  { exitCode, signal, error }: WorkerEnd,
  { lastLines, latest }: EndDetails,
): WorkerError {
  const cause = isRecord(error) ? rebuildThrown(error) : error;
  const how = cause !== undefined
    ? `threw outside its nodes: ${
      cause instanceof Error ? `${cause.name}: ${cause.message}` : cause
    }`
    : signal !== undefined
    ? `was ended by ${signal}`
    : `ended with exit code ${exitCode}`;
  const whose = cause !== undefined && latest !== undefined
    ? ` Perhaps "${latest}", which ran in it before, left it behind: await every promise in a node.`
    : "";
  const advice = cause === undefined && signal === undefined ? ADVICE : "";
  return new WorkerError(`${who} ${how}.${whose}${advice}${showLines(lastLines)}`, {
    exitCode,
    signal,
    lastLines,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The last lines of a worker, as the end of a message. */
export function showLines(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return ` Its last lines:\n${lines.map((line) => `    ${line}`).join("\n")}`;
}

function isRecord(error: unknown): error is ThrownRecord {
  return typeof error === "object" && error !== null && "kind" in error &&
    !(error instanceof Error);
}
