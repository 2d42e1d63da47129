/** All that can be told of a graph, so that two can be compared across processes. */

import { argsOf, type Graph } from "../../core/graph.ts";
import { nodeOf } from "../../core/arguments.ts";
import { InPlace } from "../../core/in_place.ts";
import { type Initializations, withMembers } from "../../core/initializers.ts";
import { type Group, type ItemKey, KIND, type NodeRecord } from "../../core/node.ts";
import { Passes } from "../../core/passes.ts";
import { showPlace } from "../../core/place.ts";
import { Recipes } from "../../core/recipes.ts";
import { Watchers } from "../../core/watchers.ts";
import { recipes as reader } from "../../storage/recipes.ts";

/** Describes a graph with what its plugins prepared, as plain data. */
export async function describeGraph(graph: Graph, initializations: Initializations) {
  const recipes = await Recipes.read(graph, initializations, reader, () => {});
  const { inputs, inputOffsets, instances, previous, dependents, dependentOffsets } = graph;
  const all = withMembers(graph.nodes);
  return {
    nodes: graph.nodes.map(describeNode),
    edges: [inputs, inputOffsets, instances, previous, dependents, dependentOffsets]
      .map((list) => [...list]),
    argumentCounts: graph.nodes.map((_, i) => argsOf(graph, i).length),
    targets: graph.targets.map((target, at) => ({
      index: graph.targetIndexes[at],
      name: nodeOf(target).name,
      path: target[KIND] === "item" ? [...target.path] : [] as ItemKey[],
    })),
    isList: graph.isList,
    settings: all.map((node) => {
      const { policy, isStored, isGrouped, replacement } = graph.settings.get(node) ?? {};
      const remoteArgs = policy && { ...policy, timeoutMs: String(policy.timeoutMs) };
      return [remoteArgs, isStored, isGrouped, replacement && String(replacement.fn)];
    }),
    initializations: all.map((node) =>
      (initializations.get(node) ?? [])
        .map(({ plugin, data, hooks }) => [plugin.name, Object.keys(hooks).sort(), data])
    ),
    // With what the arguments are, and the code of functions, plugins and groups.
    recipes: graph.nodes.map((_, i) => {
      const { codeParts, ...recipe } = recipes.recipe(i, []);
      return { ...recipe, codeParts: { ...codeParts } };
    }),
  };
}

function describeNode({ name, definition, givenName, instance, link }: NodeRecord): unknown {
  const { kind, site } = definition;
  return {
    name,
    definition: definition.name,
    kind,
    isNamed: givenName !== undefined,
    method: kind === "method" ? definition.method : undefined,
    owner: kind === "method" ? definition.owner!.name : undefined,
    place: showPlace(site),
    instance: instance?.name,
    // Of an instance it is its last call, which nobody asks for after its graph is made.
    before: kind === "method" ? link!.name : undefined,
    group: kind === "group" ? describeGroup(definition) : undefined,
  };
}

function describeGroup(group: Group): unknown {
  const { members, given, inputs, inputOffsets, instances, exits } = group;
  return {
    members: members.map(describeNode),
    given,
    edges: [[...inputs], [...inputOffsets], [...instances]],
    exits: exits.map((exit) => ({ ...exit })),
  };
}

/** Runs a graph in this process, and gives its targets' nodes' values. */
export async function runHere(graph: Graph, initializations: Initializations): Promise<unknown[]> {
  const passes = new Passes({
    graph,
    initializations,
    storage: undefined,
    workflowName: "test",
    rule: "exact",
    rerun: undefined,
    scope: "reachable",
    onFailure: "stop",
    watchers: new Watchers(graph, () => {}),
    signal: undefined,
    createExecutor: (setup) => {
      const inPlace = new InPlace(setup.graph, setup.initializations);
      return {
        slots: 1,
        execute: (i, values) => inPlace.execute(i, values),
        abandon: (i, reason) => inPlace.abandon(i, reason),
        cancel: (reason) => inPlace.cancel(reason),
      };
    },
  });
  return await passes.run();
}
