/** Tells the client of all that happens in a run: its observers are there. */

import type { Graph } from "../../../core/graph.ts";
import { KIND } from "../../../core/node.ts";
import type { NodeEnd, NodeFailure, Plugin, RunEnd, RunStart } from "../../../core/plugin.ts";
import { Watchers } from "../../../core/watchers.ts";
import { packThrown, type RunEvent } from "../../../ray/events.ts";

/** Who is told, and who knows where nodes run. */
export interface EventWatchersParts {
  say(event: RunEvent): void;
  workerOf(node: number): string | undefined;
}

/** Watchers that turn everything into events. */
export class EventWatchers extends Watchers {
  readonly #graph: Graph;
  readonly #parts: EventWatchersParts;

  /** `more` are observers in this process. */
  constructor(graph: Graph, parts: EventWatchersParts, more: readonly Plugin[]) {
    super(graph, (text) => parts.say({ ev: "warn", text }), more);
    this.#graph = graph;
    this.#parts = parts;
  }

  override get isAny(): boolean {
    return true;
  }

  override runStart(run: RunStart): void {
    const { toRun, toRead, notNeeded } = run;
    this.#parts.say({ ev: "run", ...describeNodes(this.#graph), toRun, toRead, notNeeded });
    super.runStart(run);
  }

  override nodeStart(node: number): void {
    const worker = this.#parts.workerOf(node);
    this.#parts.say({ ev: "start", node, at: Date.now(), ...(worker !== undefined && { worker }) });
    super.nodeStart(node);
  }

  override nodeEnd(node: number, end: NodeEnd): void {
    this.#parts.say({ ev: "end", node, ...end });
    super.nodeEnd(node, end);
  }

  override nodeReused(node: number): void {
    this.#parts.say({ ev: "reused", node });
    super.nodeReused(node);
  }

  override nodeError(node: number, failure: NodeFailure): void {
    const { error, willRetry } = failure;
    this.#parts.say({ ev: "error", node, thrown: packThrown(error), willRetry });
    super.nodeError(node, failure);
  }

  override runEnd(end: Pick<RunEnd, "durationMs" | "reused" | "error">): void {
    const { durationMs, reused } = end;
    this.#parts.say({ ev: "over", durationMs, reused });
    super.runEnd(end);
  }
}

/** What who follows without the graph has to know of it. */
function describeNodes({ nodes, targets, targetIndexes, isList }: Graph) {
  const kinds = new Map<string, number>();
  const which = nodes.map(({ definition: { name } }) => {
    const known = kinds.get(name) ?? kinds.size;
    kinds.set(name, known);
    return known;
  });
  return {
    names: nodes.map(({ name }) => name),
    definitions: [...kinds.keys()],
    which,
    targets: targets.map((target, at) => ({
      node: targetIndexes[at],
      path: target[KIND] === "item" ? target.path : [],
    })),
    isList,
  };
}
