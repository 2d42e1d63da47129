/** Makes the executor of one run: what there is to be had, what has to be looked up, and how workers are started. */

import type { ExecutorSetup } from "../../core/backend.ts";
import type { Executor } from "../../core/executor.ts";
import { isBundled } from "./bundle.ts";
import { ParallelExecutor } from "./executor.ts";
import type { OpenLink } from "./link.ts";
import { Loading } from "./loading.ts";
import { Pool } from "./pool.ts";
import { Resources } from "./resources.ts";
import { openThread, startNodeWorkers, startWebWorker } from "./threads.ts";

/** What workers there are. */
export interface WorkerOptions {
  readonly workers: number;
  readonly isolation: "thread" | "process";
  readonly resources: Readonly<Record<string, number>>;
  readonly preload: readonly string[];
}

// Deno ends a thread when it next waits, which one that computes never does.
const CAN_STOP_THREADS = !("Deno" in globalThis);

/**
 * Makes the executor.
 *
 * @throws {GraphError} If a node needs more than there is.
 */
export async function openExecutor(
  setup: ExecutorSetup,
  options: WorkerOptions,
): Promise<Executor> {
  const { workers, isolation, preload } = options;
  const { graph, initializations, isCancellable, warn } = setup;
  const resources = new Resources(graph, { ...options.resources, numCpus: workers });
  resources.check();
  const loading = await Loading.of(graph, initializations, warn);
  const isLimited = [...graph.settings.values()].some(({ policy }) =>
    policy !== undefined && policy.timeoutMs < Infinity
  );
  const isProcess = isolation === "process";
  let openChild: OpenLink | undefined;
  if (isProcess || (isLimited && !CAN_STOP_THREADS)) {
    const { openProcess } = await import("./processes.ts");
    openChild = (events) => openProcess(events, preload);
  }
  const startThread = isBundled || (isCancellable && !CAN_STOP_THREADS)
    ? await startNodeWorkers()
    : startWebWorker;
  const pool = new Pool({
    size: workers,
    items: loading.messages,
    open: isProcess ? openChild! : (events) => openThread(events, startThread, preload),
    openStoppable: isProcess ? undefined : openChild,
  });
  return new ParallelExecutor(setup, { loading, resources, pool });
}
