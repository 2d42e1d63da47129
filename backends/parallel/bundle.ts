/** What is different when this code has been bundled, as in a compiled program: there are no modules beside it. */

/** Whether it has been. */
export const isBundled = !/\/backends\/parallel\/bundle\.[jt]s$/.test(import.meta.url);

/** The bundle, if this code is part of one. */
export const bundleUrl: string | undefined = isBundled ? import.meta.url : undefined;

/** What is used of the runtimes' own APIs. */
interface Runtimes {
  Deno?: { build: { standalone?: boolean } };
}

// Where Bun keeps what is embedded in an executable, on all systems.
const EMBEDDED = /^file:\/\/\/(?:\$bunfs|B:\/~BUN)\//;

/** Whether this process is an executable that a compiler made of a program: it runs that program, and not a given file. */
export const isStandalone: boolean = EMBEDDED.test(import.meta.url) ||
  (globalThis as Runtimes).Deno?.build.standalone === true;

/** The variable of the environment that tells a child process that it is one, and how it begins. */
export const CHILD_VARIABLE = "FUNCTIONFUSE_CHILD";

/** How a child process begins. */
export interface ChildBegin {
  /** URLs of modules to import first. */
  readonly preload: readonly string[];
  /** The process id of the host. */
  readonly host: number;
}

/** Modules that every worker which this process starts imports before any other. */
export const alwaysPreloaded: Set<string> = new Set();

/** Makes this process, or thread, a node host if it was started as one. */
export async function serveIfWorker(): Promise<void> {
  const { default: process } = await import("node:process");
  const { workerData } = await import("node:worker_threads");
  if (workerData?.functionfuse) await import("./thread.ts");
  else if (process.env[CHILD_VARIABLE] !== undefined) await import("./child.ts");
}
