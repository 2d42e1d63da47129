/** What running code is told of the node that it is part of, and of the process that it runs in. */

import type { Environment } from "./node_host.ts";

/** One try of a node. */
export class TryContext {
  #controller: AbortController | undefined;
  readonly #onAsked: ((controller: AbortController) => void) | undefined;
  /** Why the try is not waited for any more; `undefined` while it is. */
  declare over?: { readonly reason: unknown };
  /** What was prepared for the running code. Neither is made before it is needed, as most nodes never do. */
  declare private environments?: Environment[];

  /** `onAsked` is called when the node asks for its signal. */
  constructor(onAsked?: (controller: AbortController) => void) {
    this.#onAsked = onAsked;
  }

  /** The node's signal; made when it is asked for, as most nodes never do. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      this.#onAsked?.(this.#controller);
    }
    return this.#controller.signal;
  }

  /** Tells the node, if it listens, that it is not waited for any more. */
  abort(reason: unknown): void {
    this.over = { reason };
    this.#controller?.abort(reason);
  }

  /** Notes what the running code was prepared by. */
  enter(environment: Environment): void {
    (this.environments ??= []).push(environment);
  }

  /** Undoes it, as the next try of a node is to have the environment that it should. */
  leave(): void {
    for (const environment of this.environments?.reverse() ?? []) {
      // What an undo throws has no node any more that it could fail.
      (async () => await environment.leave())().catch(() => {});
    }
  }
}

/** A process that runs nodes for another one. */
export interface HostedProcess {
  /** The try that the running code is part of; none while a module is imported. */
  currentTry(): TryContext | undefined;
  /** A backend's `run()` was reached outside a node: the import that led there is over. */
  stopImport(): void;
  /** Calls `action` so that it, and all that it starts, is part of a try; for a process that also runs nodes of its own. */
  runAs?<T>(context: TryContext, action: () => T): T;
}

/** What all copies of the library in a process share. */
interface Running {
  current: TryContext | undefined;
  hosted: HostedProcess | undefined;
}

const shared = globalThis as { [key: symbol]: Running | undefined };
const running: Running = shared[Symbol.for("functionfuse.running")] ??= {
  current: undefined,
  hosted: undefined,
};

/** Makes this a process that runs nodes for another one. */
export function becomeHosted(hosted: HostedProcess): void {
  running.hosted = hosted;
}

/** Whether this is code of a module that is imported only for its definitions, so that no graph is of use. */
export function isImportedForDefinitions(): boolean {
  return running.hosted !== undefined && running.hosted.currentTry() === undefined;
}

/** Ends an import for definitions; nothing after this call is to run. */
export function stopImport(): Promise<never> {
  running.hosted?.stopImport();
  return new Promise(() => {});
}

/** Calls `action` as part of a try, up to its first wait. */
export function runAsTry<T>(context: TryContext, action: () => T): T {
  if (running.hosted?.runAs) return running.hosted.runAs(context, action);
  const before = running.current;
  running.current = context;
  try {
    return action();
  } finally {
    running.current = before;
  }
}

/** The try that calls this, up to its first wait; in a process that runs nodes for another one, to its end. */
export function currentTry(): TryContext | undefined {
  return running.hosted?.currentTry() ?? running.current;
}

const NEVER = new AbortController().signal;

/**
 * The signal of the node that calls this, which aborts when the run is cancelled or the node's time is up.
 *
 * Ask for it first of all, before anything is awaited, and hand it to whatever takes one, such as `fetch`; a long loop can
 * look at its `aborted`. A node that has asked is given a second to come to an end before its worker is stopped. Outside a
 * node, as when the plain function is called in a test, it is a signal that never aborts.
 *
 * @example
 * ```ts
 * import { LocalWorkflow, nodeSignal, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const wait = workflow(async function wait() {
 *   const signal = nodeSignal();
 *   await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
 * });
 * const wf = new LocalWorkflow(wait(), { workflowName: "demo" });
 * wf.query().setRemoteArgs({ timeoutMs: 10 });
 * await assert.rejects(wf.run(), { name: "NodeError", phase: "timeout" });
 * ```
 */
export function nodeSignal(): AbortSignal {
  return currentTry()?.signal ?? NEVER;
}
