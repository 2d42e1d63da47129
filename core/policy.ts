/** Resources and failure policy of a node: what `setRemoteArgs` takes. */

/** What a node needs, and what happens when it fails. */
export interface RemoteArgs {
  /** CPUs taken while the node runs; fractions are allowed. Default: 1. */
  numCpus?: number;
  /** GPUs taken while the node runs; fractions are allowed. Default: 0. */
  numGpus?: number;
  /** Memory taken while the node runs, in bytes. Default: 0. */
  memory?: number;
  /** Amounts of resources with names of your own, such as `{ _model: 1 }`. Default: none. */
  resources?: Readonly<Record<string, number>>;
  /** How often a failed node is tried again. Default: 0. */
  maxRetries?: number;
  /** The wait before the first retry, in milliseconds; it doubles with each one, up to a minute, less a random part of up to a half. Default: 100. */
  retryDelayMs?: number;
  /** The longest a try may take, in milliseconds. Default: no limit. */
  timeoutMs?: number;
}

/** The same with what was left out filled in. */
export interface Policy {
  readonly maxRetries: number;
  readonly retryDelayMs: number;
  readonly timeoutMs: number;
  readonly remoteArgs: RemoteArgs;
}

const LONGEST_DELAY_MS = 60_000;
// Runtimes fire a timer of more than 2^31 - 1 ms at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1;
// Taken now: a plugin may set another generator for a node, whose numbers no retry may use up.
const random = Math.random;

/** Adds to a policy after checking it. */
export function extendPolicy(policy: Policy | undefined, args: RemoteArgs): Policy {
  checkRemoteArgs(args);
  const remoteArgs = { ...policy?.remoteArgs, ...args };
  return {
    maxRetries: remoteArgs.maxRetries ?? 0,
    retryDelayMs: remoteArgs.retryDelayMs ?? 100,
    timeoutMs: remoteArgs.timeoutMs ?? Infinity,
    remoteArgs,
  };
}

/** How long to wait before a retry (the first is 0): exponential back-off, with jitter so that crowds part. */
export function retryDelay(policy: Policy, retry: number): number {
  const full = Math.min(policy.retryDelayMs * 2 ** retry, LONGEST_DELAY_MS);
  return full * (1 - random() / 2);
}

/** The timer's delay for a time limit, or `undefined` for one that is never reached. */
export function timerDelay(timeoutMs: number): number | undefined {
  return timeoutMs <= LONGEST_TIMER_MS ? timeoutMs : undefined;
}

/** Of each setting, what its value must be if it is not that. */
export const REMOTE_ARG_CHECKS: Readonly<
  Record<keyof RemoteArgs, (value: unknown) => string | undefined>
> = {
  numCpus: amount,
  numGpus: amount,
  memory: amount,
  resources: (value) =>
    isPlainRecord(value) && Object.values(value).every((entry) => amount(entry) === undefined)
      ? undefined
      : "a record of numbers of at least 0",
  maxRetries: (value) =>
    Number.isInteger(value) && value as number >= 0 || value === Infinity
      ? undefined
      : "a whole number of at least 0",
  retryDelayMs: amount,
  timeoutMs: (value) => typeof value === "number" && value > 0 ? undefined : "a number above 0",
};

function amount(value: unknown): string | undefined {
  return typeof value === "number" && value >= 0 && value < Infinity
    ? undefined
    : "a number of at least 0";
}

function isPlainRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function checkRemoteArgs(args: RemoteArgs): void {
  if (!isPlainRecord(args)) {
    throw new TypeError(
      `Cannot set remote args as they must be a record: current value is ${args}.`,
    );
  }
  for (const [key, value] of Object.entries(args)) {
    if (!Object.hasOwn(REMOTE_ARG_CHECKS, key)) {
      throw new TypeError(
        `Cannot set remote args as '${key}' is none of them: known are ${
          Object.keys(REMOTE_ARG_CHECKS).join(", ")
        }.`,
      );
    }
    const expected = value === undefined
      ? undefined
      : REMOTE_ARG_CHECKS[key as keyof RemoteArgs](value);
    if (expected === undefined) continue;
    const ErrorClass = typeof value === "number" ? RangeError : TypeError;
    throw new ErrorClass(
      `Cannot set remote args as '${key}' must be ${expected}: current value is ${
        typeof value === "object" ? JSON.stringify(value) : String(value)
      }.`,
    );
  }
}
