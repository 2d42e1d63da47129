/** What is different when this code has been bundled, as in a compiled program: there are no modules beside it. */

/** Whether it has been. */
export const isBundled = !import.meta.url.endsWith("/backends/parallel/bundle.ts");

/** Tells a child process what to import first, and that it is one. */
export const PRELOAD_VARIABLE = "FUNCTIONFUSE_CHILD_PRELOAD";

/** Makes this process, or thread, a node host if it was started as one. */
export async function serveIfWorker(): Promise<void> {
  const { default: process } = await import("node:process");
  const { workerData } = await import("node:worker_threads");
  if (workerData?.functionfuse) await import("./thread.ts");
  else if (process.env[PRELOAD_VARIABLE] !== undefined) await import("./child.ts");
}
