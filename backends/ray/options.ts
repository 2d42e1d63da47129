/** What a run on a cluster is told beside its graph, and what of it is refused. */

import { REMOTE_ARG_CHECKS, type RemoteArgs } from "../../core/policy.ts";

/** How a cluster is reached. */
export interface RayConnectOptions {
  /**
   * The address of the cluster's dashboard, such as `http://127.0.0.1:8265`; `ray://host:10001`, `host:6379` and `auto` are
   * understood. Default: the environment's `RAY_API_SERVER_ADDRESS` or `RAY_ADDRESS`, or this machine's.
   */
  address?: string;
  /**
   * The cluster's token. Default: that of `RAY_AUTH_TOKEN`, the file of `RAY_AUTH_TOKEN_PATH`, or `~/.ray/auth_token`; none
   * where there is none.
   */
  token?: string;
  /** What else is sent with each request, such as what a login in front of the dashboard wants. Default: nothing. */
  headers?: Readonly<Record<string, string>>;
  /** Takes lines about the job: its link, and what nodes print, with their names. Default: `console.error`. */
  onLog?: (line: string) => void;
}

/** What the run's own program needs in the cluster. */
export type RayDriverArgs = Pick<RemoteArgs, "numCpus" | "numGpus" | "memory" | "resources">;

/** How a workflow gets to a cluster, and what is made ready for it there. */
export interface RayJobOptions {
  /**
   * Ray's runtime environment for all of the job, such as `{ env_vars: { … }, pip: [ … ] }`; `working_dir` is the
   * workflow's code. Default: nothing.
   */
  runtimeEnv?: Readonly<Record<string, unknown>>;
  /** Where machines of the cluster find Deno: on their `"path"`, or by `"pip"`, which installs it for the job. Default: `"path"`. */
  deno?: "path" | "pip";
  /**
   * What goes along beside what modules import: files, folders or globs, from `filesFolder` on. `.git`, `.fuse` and
   * `node_modules` never do. Default: nothing.
   */
  files?: readonly string[];
  /** The folder that `files` are relative to. Default: the current one. */
  filesFolder?: string;
  /** How large the packed code may be, in bytes; Ray takes less than 100 MiB. Default: 100 MiB. */
  maxPackageBytes?: number;
  /** What the program that schedules the run needs in the cluster. Default: nothing, so that it runs on the head. */
  driverArgs?: RayDriverArgs;
  /** What Ray's dashboard shows of the job, as texts. Default: the workflow's name alone. */
  metadata?: Readonly<Record<string, string>>;
  /** Whether `onLog` is told which files are packed. Default: `false`. */
  verbose?: boolean;
}

/** The same, checked and with defaults. */
export interface RayRunOptions {
  readonly connection: Pick<RayConnectOptions, "address" | "token" | "headers">;
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
  readonly files: readonly string[];
  readonly folder: string;
  readonly mostBytes: number;
  readonly driverArgs: RayDriverArgs;
  readonly metadata: Readonly<Record<string, string>>;
  readonly isVerbose: boolean;
  log(line: string): void;
}

/** The names of what says how a cluster is reached. */
export const CONNECT_KEYS: readonly string[] = ["address", "token", "headers", "onLog"];
/** The names of all other options. */
export const JOB_KEYS: readonly string[] = [
  "runtimeEnv",
  "deno",
  "files",
  "filesFolder",
  "maxPackageBytes",
  "driverArgs",
  "metadata",
  "verbose",
];

const MOST_BYTES = 100 * 1024 * 1024;
const DRIVER_KEYS = ["numCpus", "numGpus", "memory", "resources"] as const;

/**
 * Checks options and fills in what was left out.
 *
 * @throws {TypeError | RangeError} If one has a wrong value.
 */
export function checkOptions(options: RayConnectOptions & RayJobOptions): RayRunOptions {
  const { address, token, headers, deno = "path", filesFolder = ".", verbose = false } = options;
  const { files = [], maxPackageBytes = MOST_BYTES, metadata = {}, driverArgs = {} } = options;
  const refuse = (key: string, expected: string, value: unknown) => {
    throw new TypeError(`Cannot make a backend as '${key}' must be ${expected}: ${shown(value)}`);
  };
  const isText = (value: unknown) => typeof value === "string";
  const onLog = options.onLog ?? console.error;
  if (typeof onLog !== "function") refuse("onLog", "a function", onLog);
  if (address !== undefined && !isText(address)) refuse("address", "a text", address);
  if (deno !== "path" && deno !== "pip") refuse("deno", `"path" or "pip"`, deno);
  if (!Array.isArray(files) || !files.every(isText)) refuse("files", "a list of texts", files);
  if (!isText(filesFolder)) refuse("filesFolder", "a text", filesFolder);
  if (typeof verbose !== "boolean") refuse("verbose", "true or false", verbose);
  if (!isRecord(metadata) || !Object.values(metadata).every(isText)) {
    refuse("metadata", "a record of texts", metadata);
  }
  if (typeof maxPackageBytes !== "number" || !(maxPackageBytes > 0)) {
    refuse("maxPackageBytes", "a number of bytes above 0", maxPackageBytes);
  }
  if (!isRecord(driverArgs)) refuse("driverArgs", "a record", driverArgs);
  for (const [key, value] of Object.entries(driverArgs)) {
    if (!(DRIVER_KEYS as readonly string[]).includes(key)) {
      refuse("driverArgs", `of ${DRIVER_KEYS.join(", ")} alone`, key);
    }
    const expected = REMOTE_ARG_CHECKS[key as keyof RayDriverArgs](value);
    if (expected !== undefined) refuse(`driverArgs.${key}`, expected, value);
  }
  return {
    connection: { address, token, headers },
    runtimeEnv: runtimeEnvOf(options.runtimeEnv ?? {}, deno),
    ...{ files: [...files], folder: filesFolder, mostBytes: Math.min(maxPackageBytes, MOST_BYTES) },
    ...{ driverArgs: { ...driverArgs }, metadata: { ...metadata }, isVerbose: verbose },
    log: (line) => onLog(line),
  };
}

/** The user's environment, with Deno if that is to be installed. */
function runtimeEnvOf(given: unknown, deno: "path" | "pip"): Record<string, unknown> {
  const cannot = "Cannot make a backend as 'runtimeEnv'";
  if (!isRecord(given)) {
    throw new TypeError(`${cannot} must be a record such as { pip: ["numpy"] }: ${shown(given)}`);
  }
  if ("working_dir" in given) {
    throw new TypeError(
      `${cannot} can't have a 'working_dir', which is the workflow's code: name other files in 'files'.`,
    );
  }
  const { env_vars } = given;
  const isEnvironment = env_vars === undefined ||
    isRecord(env_vars) && Object.values(env_vars).every((value) => typeof value === "string");
  if (!isEnvironment) throw new TypeError(`${cannot} must have 'env_vars' that are texts.`);
  if (deno === "path") return { ...given };
  const key = "uv" in given ? "uv" : "pip";
  const wanted = given[key] ?? [];
  if (Array.isArray(wanted)) return { ...given, [key]: [...wanted, "deno"] };
  if (isRecord(wanted) && Array.isArray(wanted.packages)) {
    return { ...given, [key]: { ...wanted, packages: [...wanted.packages, "deno"] } };
  }
  throw new TypeError(
    `${cannot} must have '${key}' as a list of packages where 'deno' is "pip", as Deno is added to it.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return `current value is ${typeof value === "object" ? JSON.stringify(value) : String(value)}.`;
}
