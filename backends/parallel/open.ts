/** Makes the executor of one run: what there is to be had, what has to be looked up, and how workers are started. */

import type { ExecutorSetup } from "../../core/passes.ts";
import type { Executor } from "../../core/executor.ts";
import type { Graph } from "../../core/graph.ts";
import { alwaysPreloaded, isBundled } from "./bundle.ts";
import { ParallelExecutor } from "./executor.ts";
import type { OpenLink } from "./link.ts";
import { Loading } from "../../core/loading.ts";
import { Pool } from "./pool.ts";
import { Resources } from "./resources.ts";
import type { WorkerPool } from "./worker_pool.ts";
import { openThread, startNodeWorkers, startWebWorker } from "./threads.ts";

/** What workers there are. */
export interface WorkerOptions {
  readonly workers: number;
  readonly isolation: "thread" | "process";
  readonly resources: Readonly<Record<string, number>>;
  readonly preload: readonly string[];
  /** Where workers come from and go to, if they outlive the run. */
  readonly pool: WorkerPool | undefined;
}

// Deno ends a thread when it next waits, which one that computes never does.
const CAN_STOP_THREADS = !("Deno" in globalThis);
// Node.js has only its own kind.
const HAS_WEB_WORKERS = "Worker" in globalThis;

/**
 * Makes the executor.
 *
 * @throws {GraphError} If a node needs more than there is.
 */
export async function openExecutor(
  setup: ExecutorSetup,
  options: WorkerOptions,
): Promise<Executor> {
  const { workers, isolation, pool: workerPool } = options;
  const preload = [...alwaysPreloaded, ...options.preload];
  const { graph, initializations, isCancellable, warn } = setup;
  const resources = checkResources(graph, options);
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
  const mustEnd = isCancellable || workerPool !== undefined;
  const startThread = isBundled || !HAS_WEB_WORKERS || (mustEnd && !CAN_STOP_THREADS)
    ? await startNodeWorkers()
    : startWebWorker;
  const openIn = (kind: string, open: OpenLink) => workerPool?.opener(kind, open) ?? open;
  const child = openChild && openIn("process", orEnd(openChild));
  const pool = new Pool({
    size: workers,
    items: loading.messages,
    open: isProcess
      ? child!
      : openIn("thread", orEnd((events) => openThread(events, startThread, preload))),
    openStoppable: isProcess ? undefined : child,
  });
  return new ParallelExecutor(setup, { loading, resources, pool });
}

/**
 * What there is to be had.
 *
 * @throws {GraphError} If a node needs more than there is.
 */
export function checkResources(graph: Graph, { workers, resources }: WorkerOptions): Resources {
  const all = new Resources(graph, { ...resources, numCpus: workers });
  all.check();
  return all;
}

/** One that can't even be started, as that is not allowed, say, is one that ends at once. */
function orEnd(open: OpenLink): OpenLink {
  return (events) => {
    try {
      return open(events);
    } catch (error) {
      queueMicrotask(() => events.ended({ error }));
      return {
        control: undefined,
        post() {},
        kill: () => Promise.resolve(),
        lastLines: () => [],
        noteLine() {},
      };
    }
  };
}
