/** The plugins that prepare nodes' environments, with what the host prepared for each node. */

import type { Graph } from "./graph.ts";
import { type Initialization, isPromiseLike } from "./node_host.ts";
import type { NodeInfo, Plugin } from "./plugin.ts";

/** What plugins and observers are told of a node. */
export function nodeInfo(graph: Graph, i: number): NodeInfo {
  const { name, definition } = graph.nodes[i];
  return { name, definition: definition.name };
}

/** What to call before a node runs, and whose it is. */
export interface PluginInitialization extends Initialization {
  readonly plugin: Plugin;
}

/** Of each node, what to call before it runs, in the order in which the plugins were set. */
export type Initializations = ReadonlyMap<number, readonly PluginInitialization[]>;

/** Calls `localInitialize` of every plugin for each of its nodes, in graph order. */
export function initializeOnHost(graph: Graph): Initializations {
  const all = new Map<number, PluginInitialization[]>();
  for (const { plugin, nodes } of graph.plugins) {
    const { hooks } = plugin;
    if (!hooks.localInitialize && !hooks.remoteInitialize) continue;
    let position = 0;
    for (let i = 0; i < graph.nodes.length; i++) {
      if (nodes && !nodes.has(i)) continue;
      const data = hooks.localInitialize?.(nodeInfo(graph, i), position++);
      if (isPromiseLike(data)) {
        // Nobody waits for it, so what it rejects with is not to end the process.
        data.then(undefined, () => {});
        throw new TypeError(
          `Cannot use the plugin "${plugin.name}" as its localInitialize is asynchronous: ` +
            `do what takes time in remoteInitialize.`,
        );
      }
      const initialization = { plugin, hooks, data };
      const known = all.get(i);
      if (known) known.push(initialization);
      else all.set(i, [initialization]);
    }
  }
  return all;
}
