/** Tells the observers of a run what happens, and keeps what they throw away from it. */

import type { Graph, PluginUse } from "./graph.ts";
import { showThrown } from "./failures.ts";
import { nodeInfo } from "./initializers.ts";
import type { NodeRecord } from "./node.ts";
import { isPromiseLike } from "./node_host.ts";
import type {
  NodeEnd,
  NodeFailure,
  NodeInfo,
  Plugin,
  PluginHooks,
  RunEnd,
  RunStart,
} from "./plugin.ts";

const HOOKS = [
  "onRunStart",
  "onNodeStart",
  "onNodeEnd",
  "onNodeReused",
  "onNodeError",
  "onRunEnd",
] as const;

/** The observers among a graph's plugins. */
export class Watchers {
  readonly #graph: Graph;
  readonly #uses: readonly PluginUse[];
  readonly #warn: (message: string) => void;
  #ran = 0;
  #read = 0;

  /** `more` are observers of this run alone. */
  constructor(graph: Graph, warn: (message: string) => void, more: readonly Plugin[] = []) {
    this.#graph = graph;
    this.#warn = warn;
    const uses = [...graph.plugins, ...more.map((plugin) => ({ plugin, nodes: undefined }))];
    this.#uses = uses.filter(({ plugin }) => HOOKS.some((hook) => plugin.hooks[hook]));
  }

  /** Whether anybody watches; if not, nothing needs to be told or timed. */
  get isAny(): boolean {
    return this.#uses.length > 0;
  }

  /** Warns; what the receiver of warnings throws changes nothing, and there is nobody to tell. */
  warn(message: string): void {
    try {
      this.#warn(message);
    } catch {
      // As said above.
    }
  }

  runStart(run: RunStart): void {
    this.#tell((hooks) => hooks.onRunStart?.(run));
  }

  nodeStart(i: number): void {
    if (this.isAny) this.#tell((hooks, node) => hooks.onNodeStart?.(node!), i);
  }

  nodeEnd(i: number, end: NodeEnd): void {
    if (end.isStored) this.#read++;
    else this.#ran++;
    this.#tell((hooks, node) => hooks.onNodeEnd?.(node!, end), i);
  }

  nodeReused(i: number): void {
    this.#tell((hooks, node) => hooks.onNodeReused?.(node!), i);
  }

  nodeError(i: number, failure: NodeFailure): void {
    this.#tell((hooks, node) => hooks.onNodeError?.(node!, failure), i);
  }

  runEnd(end: Pick<RunEnd, "durationMs" | "reused" | "error">): void {
    this.#tell((hooks) => hooks.onRunEnd?.({ ...end, ran: this.#ran, read: this.#read }));
  }

  #tell(call: (hooks: PluginHooks, node?: NodeInfo) => unknown, i?: number): void {
    const node = i === undefined || !this.isAny ? undefined : nodeInfo(this.#graph.nodes[i]);
    for (const { plugin, nodes } of this.#uses) {
      if (i !== undefined && nodes && !isAmong(nodes, this.#graph.nodes[i])) continue;
      const report = (error: unknown) =>
        this.warn(
          `The observer "${plugin.name}" failed, which changes nothing: ${showThrown(error)}`,
        );
      try {
        const done = call(plugin.hooks, node);
        if (isPromiseLike(done)) done.then(undefined, report);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** Whether an observer of nodes is one of a node: of a group too, if it was one of a node in it. */
function isAmong(nodes: ReadonlySet<NodeRecord>, node: NodeRecord): boolean {
  const { definition } = node;
  return nodes.has(node) ||
    definition.kind === "group" && definition.members.some((member) => isAmong(nodes, member));
}
