/**
 * Function Fuse: workflows from plain TypeScript functions.
 *
 * Mark functions and classes with {@link workflow}, call them to build a graph, and give the result to a backend such as
 * {@link LocalWorkflow} to run it. Storages are in `functionfuse/storage`.
 *
 * @module
 */

export { setName, task, workflow } from "./core/workflow.ts";
export type { WorkflowClass, WorkflowFunction } from "./core/workflow.ts";
export type {
  Actor,
  Arg,
  Args,
  InstanceRef,
  Item,
  Node,
  Ref,
  Results,
  Target,
  Targets,
} from "./core/types.ts";
export { Backend, type BackendOptions, type RunOptions } from "./core/backend.ts";
export { LocalWorkflow } from "./backends/local.ts";
export {
  type ParallelOptions,
  ParallelWorkflow,
  WorkerPool,
  type WorkerPoolOptions,
} from "./backends/parallel.ts";
export {
  type AttachOptions,
  type RayConnectOptions,
  type RayDriverArgs,
  type RayJobOptions,
  type RayOptions,
  RayWorkflow,
} from "./backends/ray.ts";
export { Query } from "./core/query.ts";
export type { Pattern } from "./core/names.ts";
export type { Scope } from "./core/plan.ts";
export type { NodePlan } from "./core/find_reuse.ts";
export type { ReuseRule } from "./core/reuse.ts";
export type { RemoteArgs } from "./core/policy.ts";
export { nodeSignal } from "./core/node_context.ts";
export { definePlugin } from "./core/plugin.ts";
export type {
  NodeEnd,
  NodeFailure,
  NodeInfo,
  Plugin,
  PluginHooks,
  RunEnd,
  RunStart,
  Undo,
} from "./core/plugin.ts";
export type {
  CodePrint,
  ExpectedValue,
  Origin,
  Recipe,
  RecipeReader,
  Saved,
  Storage,
  StorageSpec,
  StoredRecord,
  TaskInfo,
  TaskSelection,
} from "./core/storage.ts";
export {
  CodecError,
  ConfigError,
  EngineError,
  FuseError,
  GraphError,
  isFuseError,
  NodeError,
  StorageError,
  UnsupportedError,
  WorkerError,
} from "./core/errors.ts";
export type {
  FuseErrors,
  GraphReason,
  NodePhase,
  StorageOperation,
  StorageReason,
} from "./core/errors.ts";
