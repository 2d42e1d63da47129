/** What a cluster tells of itself and of its jobs. */

import { lastError } from "./errors.ts";
import type { HttpReply } from "./http.ts";

/** A job to be run. */
export interface RayJobRequest {
  /** The id that it is to have, chosen anew for each. */
  readonly id: string;
  /** A shell command. */
  readonly entrypoint: string;
  /** Ray's `runtime_env`: `working_dir`, `env_vars`, `pip`… */
  readonly runtimeEnv?: Readonly<Record<string, unknown>>;
  /** What the job's description shows. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What the entry point itself needs; the head's machine has it run if nothing is asked for. */
  readonly resources?: {
    readonly numCpus?: number;
    readonly numGpus?: number;
    readonly memoryBytes?: number;
    readonly custom?: Readonly<Record<string, number>>;
  };
}

/** How far a job is; the last three are ends. */
export type RayJobStatus = "PENDING" | "RUNNING" | "STOPPED" | "SUCCEEDED" | "FAILED";

/** A job that the cluster knows. */
export interface RayJob {
  readonly id: string;
  readonly status: RayJobStatus;
  /** Whether it has ended. */
  readonly isOver: boolean;
  /** What Ray says of it, such as why it failed. */
  readonly message: string;
  readonly entrypoint: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, by the cluster's clock. */
  readonly startTimeMs: number | undefined;
  readonly endTimeMs: number | undefined;
  /** The Ray node that the entry point runs on, as soon as that is decided. */
  readonly driverNodeId: string | undefined;
  /** How the entry point ended. */
  readonly driverExitCode: number | undefined;
}

/** What a dashboard says first. */
export interface RayVersion {
  readonly version: string;
  readonly session: string;
}

/** The version, or `undefined` if it was not a dashboard that answered. */
export function readVersion(reply: HttpReply): RayVersion | undefined {
  const { ray_version: version, session_name: session } = readObject(reply);
  if (typeof version !== "string") return undefined;
  return { version, session: typeof session === "string" ? session : "" };
}

/** Whether a version is before another; what isn't a release (`3.0.0.dev0`) is its coming one. */
export function isOlder(version: string, than: string): boolean {
  const [ours, theirs] = [version, than].map((text) =>
    text.split(".").map((part) => parseInt(part))
  );
  for (let at = 0; at < 3; at++) {
    const difference = (ours[at] || 0) - (theirs[at] || 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** A job to be run, as the API wants it. */
export function describeJob(
  { id, entrypoint, runtimeEnv, metadata, resources }: RayJobRequest,
): Readonly<Record<string, unknown>> {
  const { numCpus, numGpus, memoryBytes, custom } = resources ?? {};
  return {
    ...{ entrypoint, submission_id: id },
    ...{ runtime_env: runtimeEnv ?? {}, metadata: metadata ?? {} },
    ...{ entrypoint_num_cpus: numCpus, entrypoint_num_gpus: numGpus },
    ...{ entrypoint_memory: memoryBytes, entrypoint_resources: custom },
  };
}

/** A job, as the API describes it. */
export function readJob(id: string, reply: HttpReply): RayJob {
  const said = readObject(reply) as Partial<JobReply>;
  const status = said.status ?? "PENDING";
  return {
    id,
    status,
    isOver: status !== "PENDING" && status !== "RUNNING",
    message: said.message ?? "",
    entrypoint: said.entrypoint ?? "",
    metadata: said.metadata ?? {},
    startTimeMs: said.start_time ?? undefined,
    endTimeMs: said.end_time ?? undefined,
    driverNodeId: said.driver_node_id ?? undefined,
    driverExitCode: said.driver_exit_code ?? undefined,
  };
}

/** Why a job has failed, in a line of Ray's own words; these have no secrets of the client's. */
export function whyFailed({ message, driverExitCode }: RayJob): string {
  const [first = "", ...rest] = message.split("\n");
  const start = first.replace(/:? ?Full traceback:?$/, "").trim().replace(/\.$/, "");
  const last = rest.length === 0 ? "" : lastError(rest.join("\n")) ?? "";
  const isTold = start.includes(last.replace(/^[\w.]+: /, ""));
  const parts = isTold ? [start] : [start, last];
  const said = parts.filter((part) => part !== "").join(": ").replaceAll(/\s+/g, " ").slice(0, 500);
  return said || `it ended with exit code ${driverExitCode ?? "unknown"}`;
}

interface JobReply {
  readonly status: RayJobStatus;
  readonly message: string | null;
  readonly entrypoint: string;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly start_time: number | null;
  readonly end_time: number | null;
  readonly driver_node_id: string | null;
  readonly driver_exit_code: number | null;
}

/** The JSON of a reply; nothing, if it is none. */
export function readObject(reply: HttpReply): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(new TextDecoder().decode(reply.body)) ?? {};
  } catch {
    return {};
  }
}
