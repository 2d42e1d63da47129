/** Workers that outlive a run. */

import { checkKeys } from "../../core/options.ts";
import type { LinkEvents, OpenLink, WorkerLink } from "./link.ts";

/** What workers a pool has. */
export interface WorkerPoolOptions {
  /** How many workers there are: the CPUs that nodes can have. Default: as many as the machine's cores. */
  workers?: number;
  /** What a worker is. Default: `"thread"`. */
  isolation?: "thread" | "process";
  /** URLs of modules that each worker imports before any other. Default: none. */
  preload?: readonly string[];
}

/**
 * Workers for several runs, one after the other or at once: only the first run waits for them to start.
 *
 * Modules stay loaded, and keep what they have in variables. The process does not end before the pool is closed, by
 * `await using` as here, or by `await pool.close()`.
 *
 * @example
 * ```ts
 * import { ParallelWorkflow, WorkerPool, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const square = workflow(function square(x: number) {
 *   return x * x;
 * });
 * await using pool = new WorkerPool({ workers: 2 });
 * for (const x of [1, 2, 3]) {
 *   const wf = new ParallelWorkflow(square(x), { workflowName: "squares", pool });
 *   assert.equal(await wf.run(), x * x);
 * }
 * ```
 */
export class WorkerPool {
  /** What the pool was made with. */
  readonly options: Readonly<WorkerPoolOptions>;
  readonly #parked = new Map<string, ParkedLink[]>();
  #isClosed = false;

  /** Starts nothing yet: workers are started when a run needs them. */
  constructor(options: WorkerPoolOptions = {}) {
    checkKeys("make a worker pool", options, ["workers", "isolation", "preload"]);
    this.options = { ...options };
  }

  /** Ends the workers that no run has, and others as soon as their run is over. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#parked.values()].flat();
    this.#parked.clear();
    await Promise.all(all.map((link) => link.kill()));
  }

  /** Closes the pool. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Opens a worker of a kind, or takes one that an earlier run has left. */
  opener(kind: string, open: OpenLink): OpenLink {
    if (this.#isClosed) {
      throw new TypeError("Cannot run in the worker pool, as it is closed: make another one.");
    }
    return (events) => {
      const parked = this.#parked.get(kind)?.pop();
      if (parked) return parked.adopt(events);
      const link: ParkedLink = new ParkedLink(open, events, () => this.#park(kind, link));
      return link;
    };
  }

  #park(kind: string, link: ParkedLink): Promise<void> {
    if (this.#isClosed) return link.kill();
    const links = this.#parked.get(kind) ?? [];
    this.#parked.set(kind, links);
    links.push(link);
    link.adopt({
      message() {},
      ended: () => void links.splice(links.indexOf(link), 1),
    });
    link.post({ type: "reset" });
    return Promise.resolve();
  }
}

/** A link that goes from one run to another. */
class ParkedLink implements WorkerLink {
  readonly #link: WorkerLink;
  #events: LinkEvents;
  /** Leaves the worker for another run. */
  readonly park: () => Promise<void>;

  constructor(open: OpenLink, events: LinkEvents, park: () => Promise<void>) {
    this.#events = events;
    this.park = park;
    this.#link = open({
      message: (message) => this.#events.message(message),
      ended: (end) => this.#events.ended(end),
    });
  }

  adopt(events: LinkEvents): this {
    this.#events = events;
    return this;
  }

  get control(): Int32Array | undefined {
    return this.#link.control;
  }

  post: WorkerLink["post"] = (message, handedOver) => this.#link.post(message, handedOver);
  kill = (): Promise<void> => this.#link.kill();
  lastLines = (): readonly string[] => this.#link.lastLines();
  noteLine = (line: string): void => this.#link.noteLine(line);
}
