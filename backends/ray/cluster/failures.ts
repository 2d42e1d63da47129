/** What it means that a task brought no report: for its nodes, for the others, and for the run. */

import { EngineError, WorkerError } from "../../../core/errors.ts";
import { Broken, NotRun } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import { PhaseFailure } from "../../../core/node_host.ts";
import { showLines, type WorkerEnd, workerError } from "../../shared/ends.ts";
import type { Homes } from "./homes.ts";
import type { RayTask } from "./tasks.ts";
import type { FailedFrame } from "./wire.ts";

/** What becomes of a task's nodes: all fail with `error`, or wait again where it says nothing. */
export interface Verdict {
  readonly error?: unknown;
}

// What Ray adds to what happened: files of machines that it does not name, what it calls it, and what may have been.
const RAYS_ADVICE =
  / Check python-core-worker\S* files for more information\.?| Worker exit type: \w+| Some common causes include: .*$/g;
// How Ray begins what it says of any actor that died.
const PREAMBLE =
  /^The actor died unexpectedly before finishing this task\. The actor is dead because (?=\w)/;
const GONE_ADVICE =
  "Workers are killed where memory runs out: say with setRemoteArgs how much the node needs, or see the " +
  "job's events and logs in Ray's dashboard.";
// What is lost is computed again; what is lost again and again won't be there the next time either.
const MOST_LOST = 3;

const ADVICE: Readonly<Record<"setup" | "code" | "refused", string>> = {
  setup: "See to it that every machine of the cluster can run Deno, and start the run again.",
  code: "See to it that the module can be imported on the cluster's machines as it is here: " +
    "what it needs must be part of the package, or be there.",
  refused: "Change what setRemoteArgs says of the node.",
};

/** The failures of one run. */
export class Failures {
  readonly #graph: Graph;
  readonly #homes: Homes;
  /** In how many passes nodes' values, and instances, were lost. */
  readonly #losses = new Map<number, number>();
  /** Those of this pass: many readers may miss one value. */
  readonly #lostNow = new Set<number>();
  /** Nodes that go alone from now on, as something that died had them together with others. */
  readonly #loners = new Set<number>();

  constructor(graph: Graph, homes: Homes) {
    this.#graph = graph;
    this.#homes = homes;
  }

  /** A pass begins. */
  begin(): void {
    this.#lostNow.clear();
  }

  /** Whether a node had better go alone. */
  isLoner(i: number): boolean {
    return this.#loners.size > 0 && this.#loners.has(i);
  }

  /** Values are gone: whoever reads them waits until they are computed again, unless that has been done too often. */
  lose(nodes: readonly number[], why: string): NotRun | Broken {
    for (const i of nodes) {
      this.#homes.refs.lost(i);
      const losses = this.#count(i);
      if (losses <= MOST_LOST) continue;
      return new Broken(
        new EngineError(
          `The value of node ${this.#name(i)} was lost ${losses} times: ${why} ` +
            `Give Ray's workers more memory, or its object store more space, or keep results in a storage.`,
        ),
      );
    }
    return new NotRun(nodes);
  }

  #count(i: number): number {
    const losses = this.#losses.get(i) ?? 0;
    if (this.#lostNow.has(i)) return losses;
    this.#lostNow.add(i);
    this.#losses.set(i, losses + 1);
    return losses + 1;
  }

  /** Judges why a node can't run now: an instance is made anew whenever it must be, a value not for ever. */
  judgeObstacle(obstacle: NotRun): NotRun | Broken {
    const isInstance = (i: number) => this.#graph.nodes[i].definition.kind === "constructor";
    const judged = this.lose(obstacle.lost.filter((i) => !isInstance(i)), "It was not kept.");
    return judged instanceof Broken ? judged : obstacle;
  }

  /** Judges a task that brought no report; `thrown` is what ended its worker, if something uncaught did. */
  judge(task: RayTask, frame: FailedFrame, thrown: unknown): Verdict {
    const { kind, text } = frame;
    // A new instance must be made, whatever happens next, if its actor is no good.
    if (task.actor >= 0 && (kind === "died" || frame.lost.includes(task.actor))) {
      this.#homes.dropActor(task.actor);
    }
    switch (kind) {
      case "timeout":
        return {
          error: new PhaseFailure("timeout", new DOMException(text, "TimeoutError")),
        };
      case "cancelled":
        return { error: new NotRun() };
      case "lost":
        return { error: this.lose(frame.lost, text) };
      case "died":
        return this.#judgeDeath(task, frame, thrown);
      default:
        return {
          error: new Broken(
            new EngineError(
              `Ray can't run node ${this.#name(task.nodes[0])}: ${text.replace(/[.\s]+$/, "")}. ${
                ADVICE[kind]
              }${showLines(frame.lines)}`,
            ),
          ),
        };
    }
  }

  #judgeDeath(task: RayTask, frame: FailedFrame, thrown: unknown): Verdict {
    const { nodes, actor } = task;
    if (nodes.length > 1) {
      // Which of them it was is seen when each goes alone.
      for (const i of nodes) this.#loners.add(i);
      return actor < 0 ? {} : { error: new NotRun([actor]) };
    }
    const isOwnEnd = thrown !== undefined || frame.exitCode !== undefined ||
      frame.signal !== undefined;
    if (actor >= 0 && !isOwnEnd) {
      if (this.#count(actor) <= MOST_LOST) return { error: new NotRun([actor]) };
    }
    const error = isOwnEnd ? this.#ended(frame, thrown) : this.#gone(frame);
    return { error: new PhaseFailure("worker", error) };
  }

  #ended({ exitCode, signal, lines, where }: FailedFrame, thrown: unknown): WorkerError {
    const end: WorkerEnd = { exitCode, signal, error: thrown };
    const who = where ? `The worker ${where.ip}/${where.pid}` : "The worker";
    return workerError(who, end, { lastLines: lines, latest: undefined });
  }

  #gone({ text, lines, where }: FailedFrame): WorkerError {
    const place = where ? ` It ran on ${where.ip}, process ${where.pid}.` : "";
    const said = text.replaceAll(RAYS_ADVICE, "").replace(PREAMBLE, "The actor is dead: ");
    const message = `The worker is gone: ${said}${place} ${GONE_ADVICE}${showLines(lines)}`;
    return new WorkerError(message, { lastLines: lines });
  }

  #name(i: number): string {
    return JSON.stringify(this.#graph.nodes[i].name);
  }
}
