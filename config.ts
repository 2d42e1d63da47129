/**
 * The engineer's side of a workflow as a file: `fuse.config.ts`.
 *
 * @example
 * ```ts
 * import { defineConfig } from "functionfuse/config";
 * import { randomState } from "functionfuse/plugins";
 *
 * export default defineConfig({
 *   workers: 4,
 *   resources: { _model: 1 },
 *   rules: [
 *     { query: ".*_train", remoteArgs: { resources: { _model: 1 }, maxRetries: 2 } },
 *     { query: /load|split/, stored: false },
 *     { query: "forest_.*", plugins: [randomState({ seed: 7 })] },
 *   ],
 * });
 * ```
 *
 * @module
 */

import type { RayConnectOptions, RayJobOptions } from "./backends/ray.ts";
import type { Backend } from "./core/backend.ts";
import type { AnyFunction } from "./core/callable.ts";
import { noteWritten } from "./core/carried.ts";
import { checkConfig } from "./core/config_checks.ts";
import { ConfigError } from "./core/errors.ts";
import { CallSite } from "./core/place.ts";
import type { Plugin } from "./core/plugin.ts";
import type { ReuseRule } from "./core/reuse.ts";
import { type ApplyOptions, applyRules, FUNCTION_KEYS, type Rule } from "./core/rules.ts";
import type { Storage } from "./core/storage.ts";
import type { Targets } from "./core/types.ts";
import type { StorageConfig } from "./storage/mod.ts";

export type { RayConnectOptions, RayDriverArgs, RayJobOptions } from "./backends/ray.ts";
export type { Pattern } from "./core/names.ts";
export type { Plugin } from "./core/plugin.ts";
export type { RemoteArgs } from "./core/policy.ts";
export type { ReuseRule } from "./core/reuse.ts";
export type { ApplyOptions, Rule } from "./core/rules.ts";
export type { Storage } from "./core/storage.ts";
export type { StorageConfig } from "./storage/mod.ts";

/** How a workflow is run, without touching its code. Flags of `fuse` beat what is said here. */
export interface FuseConfig {
  /** The name under which results are stored. Default: what the workflow file says, or its name. */
  workflowName?: string;
  /** Side by side in workers, one after the other in the process itself, or on a Ray cluster. Default: `"parallel"`. */
  backend?: "parallel" | "local" | "ray";
  /** Which Ray cluster, and what is made ready for a run there. Default: what the environment says. */
  ray?: Readonly<RaySettings>;
  /** How many workers there are. Default: as many as the machine's cores. */
  workers?: number;
  /** What a worker is: a `"thread"` or a child `"process"`. Default: `"thread"`. */
  isolation?: "thread" | "process";
  /** What there is for nodes to share, such as `{ _model: 1 }`. Default: nothing of one's own. */
  resources?: Readonly<Record<string, number>>;
  /**
   * Where results are kept: a folder or URL, a kind with its options, a storage, or `false` for nowhere. A relative folder
   * is one beside the file of the configuration. Default: `".fuse"` in the current folder.
   */
  storage?: string | StorageConfig | Storage | false;
  /** When a stored result is used: if running would give the same, or by name alone. Default: `"exact"`. */
  reuse?: ReuseRule;
  /** What the failure of a node does: end the run, or only what depends on the node. Default: `"stop"`. */
  onFailure?: "stop" | "continue";
  /** Plugins that watch the runs of all nodes. Default: none. */
  observers?: readonly Plugin[];
  /** What is set for the nodes that patterns find, in order. Default: nothing. */
  rules?: readonly Rule[];
}

/** How a Ray cluster is reached, and how a workflow gets there. `files` are relative to the configuration's folder. */
export interface RaySettings
  extends
    Pick<RayConnectOptions, "address" | "token" | "headers">,
    Pick<RayJobOptions, "runtimeEnv" | "deno" | "files" | "maxPackageBytes" | "driverArgs"> {}

// A mark that another copy of the library knows too.
const CONFIG = Symbol.for("functionfuse.config");

/**
 * Checks a configuration and makes it usable: the default export of a `fuse.config.ts`.
 *
 * Functions in it reach workers by the place of this call, so call it at the top level of the file.
 *
 * @returns A copy of the configuration that can't be changed.
 * @throws {ConfigError} If a setting is unknown or has a wrong value, with its path.
 * @example
 * ```ts
 * import { defineConfig } from "functionfuse/config";
 * import assert from "node:assert/strict";
 *
 * export default defineConfig({ rules: [{ query: "train", remoteArgs: { maxRetries: 2 } }] });
 *
 * assert.throws(
 *   () => defineConfig({ rules: [{ remoteArgs: { numCpus: -1 } }] }),
 *   { name: "ConfigError", path: "rules[0].remoteArgs.numCpus" },
 * );
 * ```
 */
export function defineConfig(config: FuseConfig): Readonly<FuseConfig> {
  checkConfig(config);
  const site = CallSite.of(defineConfig as AnyFunction, true);
  for (const [at, rule] of (config.rules ?? []).entries()) {
    for (const key of FUNCTION_KEYS) {
      if (rule[key]) noteWritten(rule[key], site, ["rules", at, key]);
    }
  }
  const defined = { ...config };
  Object.defineProperty(defined, CONFIG, { value: true });
  return Object.freeze(defined);
}

/**
 * Whether a value is what {@link defineConfig} returned.
 *
 * @internal
 */
export function isConfig(value: unknown): value is Readonly<FuseConfig> {
  return typeof value === "object" && value !== null && CONFIG in value;
}

/**
 * Applies a configuration's observers and rules to a backend that a script has made; `fuse` does the same. What else is in
 * it, the script gives the backend itself.
 *
 * @throws {ConfigError} If a rule's pattern finds no node, what it says can't be done, or `defineConfig` was not called.
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import { applyConfig, defineConfig } from "functionfuse/config";
 * import assert from "node:assert/strict";
 *
 * const config = defineConfig({
 *   rules: [{ query: "twice", replaceFunction: (n: number) => n * 20 }],
 * });
 * const twice = workflow("twice", (n: number) => n * 2);
 * const wf = new LocalWorkflow(twice(1).setName("twice"), { workflowName: "demo" });
 * applyConfig(wf, config);
 * assert.equal(await wf.run(), 20);
 * ```
 */
export function applyConfig<T extends Targets>(
  backend: Backend<T, unknown>,
  config: Readonly<FuseConfig>,
  options: ApplyOptions = {},
): void {
  if (!isConfig(config)) {
    throw new ConfigError("Cannot apply a configuration that was not made by defineConfig.");
  }
  for (const observer of config.observers ?? []) backend.setPlugin(undefined, observer);
  applyRules(backend, config.rules ?? [], options);
}
