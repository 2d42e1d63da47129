/** The plugins that prepare nodes' environments, with what the host prepared for each node. */

import type { Graph } from "./graph.ts";
import type { NodeRecord } from "./node.ts";
import { type Initialization, isPromiseLike } from "./node_host.ts";
import type { NodeInfo, Plugin } from "./plugin.ts";

/** What plugins and observers are told of a node. */
export function nodeInfo({ name, definition }: NodeRecord): NodeInfo {
  return { name, definition: definition.name };
}

/** What to call before a node runs, and whose it is. */
export interface PluginInitialization extends Initialization {
  readonly plugin: Plugin;
}

/** Of each node, what to call before it runs, in the order in which the plugins were set. */
export type Initializations = ReadonlyMap<NodeRecord, readonly PluginInitialization[]>;

/**
 * Calls `localInitialize` of every plugin for each of its nodes, in the order in which the nodes were made: edits change
 * neither that order nor what a member of a group is prepared with.
 */
export function initializeOnHost(graph: Graph): Initializations {
  const all = new Map<NodeRecord, PluginInitialization[]>();
  let made: readonly NodeRecord[] | undefined;
  for (const { plugin, nodes } of graph.plugins) {
    const { hooks } = plugin;
    if (!hooks.localInitialize && !hooks.remoteInitialize) continue;
    made ??= graph.wires ? withMembers(graph.nodes).sort((a, b) => a.id - b.id) : graph.nodes;
    let position = 0;
    for (const node of made) {
      // What prepares all nodes prepares the members; a group has what was set for itself.
      if (nodes ? !nodes.has(node) : node.definition.kind === "group") continue;
      const data = hooks.localInitialize?.(nodeInfo(node), position++);
      if (isPromiseLike(data)) {
        // Nobody waits for it, so what it rejects with is not to end the process.
        data.then(undefined, () => {});
        throw new TypeError(
          `Cannot use the plugin "${plugin.name}" as its localInitialize is asynchronous: ` +
            `do what takes time in remoteInitialize.`,
        );
      }
      const initialization = { plugin, hooks, data };
      const known = all.get(node);
      if (known) known.push(initialization);
      else all.set(node, [initialization]);
    }
  }
  return all;
}

/** Nodes with the members of those that are groups, to any depth. */
export function withMembers(nodes: readonly NodeRecord[]): NodeRecord[] {
  return nodes.flatMap((node) =>
    node.definition.kind === "group" ? [node, ...withMembers(node.definition.members)] : node
  );
}
