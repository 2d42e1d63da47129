/** The tasks of Ray's that are on their way. */

import type { Pass } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import type { DriverLink } from "./driver_link.ts";
import type { Batch } from "./grouping.ts";
import type { Homes } from "./homes.ts";
import type { NeedsOfNodes } from "./needs.ts";
import type { TaskWriter } from "./task_writer.ts";
import type { RayOptions } from "./wire.ts";

/** One of them. */
export interface RayTask extends Batch {
  readonly number: number;
  /** The node of the instance that it makes or calls; else -1. */
  readonly actor: number;
  readonly returns: ReadonlySet<number>;
  isStarted: boolean;
  /** Ray's id of the machine that it runs on, if it is known to run. */
  machine: string | undefined;
  isCancelled: boolean;
}

/** What tasks depend on. */
export interface TasksParts {
  readonly graph: Graph;
  readonly driver: DriverLink;
  readonly needs: NeedsOfNodes;
  readonly homes: Homes;
  readonly writer: TaskWriter;
  /** The number of what workers have to look up. */
  readonly load: number;
}

/** The tasks of one run. */
export class Tasks {
  readonly #parts: TasksParts;
  readonly #tasks = new Map<number, RayTask>();
  /** By their nodes, as long as these are waited for. */
  readonly #byNode = new Map<number, RayTask>();
  #tellNone: () => void = () => {};
  #endedCount = 0;

  constructor(parts: TasksParts) {
    this.#parts = parts;
  }

  /** The task that a node was sent with and has not been heard of. */
  of(i: number): RayTask | undefined {
    return this.#byNode.get(i);
  }

  /** How many are over. */
  get endedCount(): number {
    return this.#endedCount;
  }

  /** All that are on their way. */
  all(): RayTask[] {
    return [...this.#tasks.values()];
  }

  /**
   * Sends nodes as one task.
   *
   * @throws {PhaseFailure} If what one of them is called with, or prepared with, can't be sent.
   */
  send(batch: Batch, pass: Pass): RayTask {
    const { graph, driver, needs, homes, writer, load } = this.#parts;
    const first = batch.nodes[0];
    const isConstructor = graph.nodes[first].definition.kind === "constructor";
    const actor = isConstructor ? first : graph.instances[first];
    const { payload, name, reads, returns } = writer.write(batch.nodes, pass);
    homes.refs.expect(returns);
    const number = driver.nextNumber();
    const { timeoutMs, options } = needs.of(first);
    const parts = { task: number, name, reads, returns, timeoutMs };
    if (isConstructor) {
      homes.addActor(first);
      const held: RayOptions = needs.ofInstance(first);
      driver.send({ op: "actor", actor, load, options: held, ...parts }, payload);
    } else if (actor >= 0) driver.send({ op: "call", actor, ...parts }, payload);
    else driver.send({ op: "task", load, options, ...parts }, payload);
    const task: RayTask = {
      ...batch,
      number,
      actor,
      returns: new Set(returns),
      isStarted: false,
      machine: undefined,
      isCancelled: false,
    };
    this.#tasks.set(number, task);
    for (const i of batch.nodes) this.#byNode.set(i, task);
    return task;
  }

  /** The task of a number, if it is on its way. */
  find(number: number): RayTask | undefined {
    return this.#tasks.get(number);
  }

  /** A task is over. */
  ended(task: RayTask): void {
    this.#tasks.delete(task.number);
    this.#endedCount++;
    if (this.#tasks.size === 0) this.#tellNone();
  }

  /** A node is not waited for by its task any more; gives whether it was by this one. */
  leave(i: number, task: RayTask): boolean {
    return this.#byNode.get(i) === task && this.#byNode.delete(i);
  }

  cancel(task: RayTask): void {
    if (task.isCancelled) return;
    task.isCancelled = true;
    this.#parts.driver.send({ op: "cancel", task: task.number });
  }

  /** Once nothing is on its way any more, or after so long. */
  waitForNone(longestMs: number): Promise<void> {
    if (this.#tasks.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, longestMs);
      this.#tellNone = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
