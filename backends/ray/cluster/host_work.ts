/** What has to run in the host's process: one node after the other, once all that it reads is here. */

import type { ExecutorSetup } from "../../../core/passes.ts";
import { HELD, NotRun, type Pass } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import type { Hands, Outcome } from "../../shared/hands.ts";
import { HostLane } from "../../shared/host_lane.ts";
import type { DriverLink } from "./driver_link.ts";

/** What the host's work depends on. */
export interface HostWorkParts {
  readonly hands: Hands;
  readonly driver: DriverLink;
  /** Takes what came of a node. */
  settle(i: number, outcome: Outcome, durationMs: number): void;
}

/** The host's work in one run. */
export class HostWork {
  readonly #graph: Graph;
  readonly #parts: HostWorkParts;
  readonly #lane: HostLane;
  #queue: number[] = [];
  /** The node that has the host. */
  #node = -1;

  constructor(setup: ExecutorSetup, parts: HostWorkParts) {
    this.#graph = setup.graph;
    this.#parts = parts;
    this.#lane = new HostLane(setup);
  }

  add(i: number): void {
    this.#queue.push(i);
  }

  /** Empties the queue. */
  takeAll(): number[] {
    return this.#queue.splice(0);
  }

  /** Goes on with the next node, if none is at work. */
  pump(pass: Pass): void {
    while (this.#queue.length > 0 && this.#lane.take()) {
      const i = this.#queue.shift()!;
      if (this.#parts.hands.has(i)) {
        this.#node = i;
        void this.#run(i, pass);
      } else this.#lane.leave();
    }
  }

  async #run(i: number, pass: Pass): Promise<void> {
    const { hands, settle } = this.#parts;
    let lost: readonly number[] = [];
    let problem: unknown;
    try {
      lost = await this.#fetch(i, pass);
    } catch (error) {
      problem = error;
    }
    // If there is no driver any more, all hear of that.
    if (this.#node !== i || this.#parts.driver.end !== undefined) return;
    const end = (outcome: Outcome, durationMs: number) => {
      this.#leave(i);
      settle(i, outcome, durationMs);
      this.pump(pass);
    };
    if (problem !== undefined) return end({ error: problem }, 0);
    if (lost.length > 0) return end({ error: new NotRun(lost) }, 0);
    this.#lane.run(i, pass.values, () => hands.start(i, pass), end);
  }

  /** Brings values here that a node reads; gives those that are gone. */
  async #fetch(i: number, { values }: Pass): Promise<number[]> {
    const { inputs, inputOffsets } = this.#graph;
    const missing = new Set(
      inputs.subarray(inputOffsets[i], inputOffsets[i + 1]).values()
        .filter((input) => values[input] === HELD),
    );
    const lost: number[] = [];
    await Promise.all([...missing].map(async (input) => {
      const got = await this.#parts.driver.get(input);
      if ("value" in got) values[input] = got.value;
      else lost.push(input);
    }));
    return lost;
  }

  #leave(i: number): void {
    if (this.#node !== i) return;
    this.#node = -1;
    this.#lane.leave();
  }

  /** The node is not waited for any more. */
  abandon(i: number, reason: unknown): void {
    if (this.#node !== i) return;
    this.#lane.abandon(i, reason);
    this.#leave(i);
  }
}
