/** Makes a graph again that another process wrote down. */

import { nodeOf, type Reference } from "./arguments.ts";
import type { AnyClass, AnyFunction } from "./callable.ts";
import { CallReader, type Refer } from "./calls.ts";
import { findCarried, type Origin } from "./carried.ts";
import { Definition, methodNames } from "./definition.ts";
import { EngineError } from "./errors.ts";
import { unflatten } from "./flat_list.ts";
import { groupName } from "./collapse.ts";
import { connect, type Graph, type NodeSettings, readEdges } from "./graph.ts";
import type {
  FunctionRecord,
  GraphRecord,
  GroupRecord,
  NodesRecord,
  PluginRecord,
  SettingsRecord,
} from "./graph_record.ts";
import { type Initializations, type PluginInitialization, withMembers } from "./initializers.ts";
import type { Lookup } from "./lookup.ts";
import { type Group, type ItemKey, ItemRecord, NodeRecord } from "./node.ts";
import { CallSite, type Place } from "./place.ts";
import type { Plugin, PluginHooks } from "./plugin.ts";
import { extendPolicy } from "./policy.ts";
import type { LoadItem } from "./protocol.ts";

const MOST_SHOWN = 5;

/** What is known of the process that a record comes from. */
export interface Source {
  /** Where a module that it names is found here. Default: at the same URL. */
  urlOf?(module: string): string;
  /** Whether its runtime writes the sources of functions as this one does, so that they are compared. Default: `true`. */
  writesSameSources?: boolean;
}

/** A graph with what its plugins prepared in the process that it comes from. */
export interface RebuiltGraph {
  readonly graph: Graph;
  readonly initializations: Initializations;
}

/**
 * Imports the modules that a graph needs, and makes it again: the same numbers, names and edges. Its plugins are in
 * `initializations` alone, as they have been called.
 *
 * @throws {EngineError} If something is not found that it needs; up to five such things are named.
 */
export async function rebuildGraph(
  record: GraphRecord,
  lookup: Lookup,
  source: Source = {},
): Promise<RebuiltGraph> {
  const { urlOf = (module) => module, writesSameSources = true } = source;
  const items = record.items.map((item): LoadItem => {
    const { digest, ...reference } = item.reference;
    const module = urlOf(reference.module);
    return {
      ...item,
      reference: { ...reference, module, ...(writesSameSources && { digest }) },
    };
  });
  const problems = await lookup.load(items);
  if (problems.length > 0) {
    throw notFound(problems.map(({ id, text }) => [record.titles[id], text]));
  }
  return new Rebuilder(record, items, lookup).rebuild();
}

class Rebuilder {
  readonly #record: GraphRecord;
  readonly #origins: readonly Origin[];
  readonly #lookup: Lookup;
  readonly #classes = new Map<Origin, Definition>();
  readonly #functions: readonly Definition[];

  constructor(record: GraphRecord, items: readonly LoadItem[], lookup: Lookup) {
    this.#record = record;
    this.#lookup = lookup;
    this.#origins = items.map(({ reference }) => findCarried(reference)!);
    this.#functions = record.functions.map((fn) => this.#definitionOf(fn));
  }

  rebuild(): RebuiltGraph {
    const { isEdited, isList, targets } = this.#record;
    const nodes = this.#nodesOf(this.#record.nodes);
    const numbers = new Map<NodeRecord, number>();
    for (let i = 0; i < nodes.length; i++) numbers.set(nodes[i], i);
    const found = targets.map(({ node, path }) => partOf(nodes[node], path));
    const all = isEdited ? withMembers(nodes) : nodes;
    const graph: Graph = {
      nodes,
      ...(isEdited && { wires: nodes }),
      ...connect(nodes, found, (node) => numbers.get(node)!),
      isList,
      settings: this.#settingsOf(this.#record.settings, all),
      plugins: [],
    };
    return { graph, initializations: this.#initializationsOf(all) };
  }

  /** Of its own, as messages are to name the place that it has in the process that the graph comes from. */
  #definitionOf({ kind, name, item, method, place }: FunctionRecord): Definition {
    const origin = this.#origins[item];
    const site = siteOf(place) ?? origin.site;
    if (origin.kind === "replacement") {
      const fn = origin.value as AnyFunction;
      return new Definition("function", name, fn, site, undefined, undefined, origin);
    }
    const { target } = origin.value as Definition;
    if (kind !== "method") return new Definition(kind, name, target, site, ...NO_METHOD, origin);
    if (!methodNames(target as AnyClass).has(method!)) {
      throw notFound([[name, "the class has no such method there"]]);
    }
    return new Definition("method", name, target, site, this.#classOf(origin, site), method);
  }

  #classOf(origin: Origin, site: CallSite): Definition {
    let cls = this.#classes.get(origin);
    if (!cls) {
      const { name, target } = origin.value as Definition;
      cls = new Definition("constructor", name, target, site, ...NO_METHOD, origin);
      this.#classes.set(origin, cls);
    }
    return cls;
  }

  /** `outside` is what stands for the values that members of a group read from outside it. */
  #nodesOf(record: NodesRecord, outside: readonly NodeRecord[] = []): NodeRecord[] {
    const { ordinals, named, names, groups } = record;
    const given = outside.length;
    const nodes: NodeRecord[] = [];
    const latest = new Map<NodeRecord, NodeRecord>();
    const refer: Refer = (number, path = [], name) => {
      const node = number < given ? outside[number] : nodes[number - given];
      if (number < given && name !== undefined) node.givenName = name;
      return partOf(node, path);
    };
    const calls = new CallReader(unflatten(record.calls));
    for (let call = calls.next(); call; call = calls.next()) {
      const args = call.captured(refer);
      const definition = call.id < 0
        ? this.#groupOf(groups[-1 - call.id], args as readonly Reference[])
        : this.#functions[call.id];
      const node = new NodeRecord(definition, ordinals[nodes.length]);
      node.args = args;
      nodes.push(node);
      if (call.instance < 0) continue;
      node.instance = nodes[call.instance - given];
      node.link = latest.get(node.instance) ?? node.instance;
      latest.set(node.instance, node);
    }
    const texts: string[] = JSON.parse(names);
    for (let k = 0; k < named.length; k++) nodes[named[k]].givenName = texts[k];
    return nodes;
  }

  #groupOf({ members, given, exits, place }: GroupRecord, args: readonly Reference[]): Group {
    // One for each, as two may be parts of one value by now.
    const outside = args.map((reference) => new NodeRecord(nodeOf(reference).definition, 0));
    const nodes = this.#nodesOf(members, outside);
    const numbers = new Map([...outside, ...nodes].map((node, number) => [node, number]));
    const { inputs, inputOffsets, instances } = readEdges(nodes, (node) => numbers.get(node)!);
    return {
      kind: "group",
      name: groupName(nodes.length),
      site: siteOf(place) ?? new CallSite(),
      members: nodes,
      wires: nodes,
      given,
      inputs,
      inputOffsets,
      instances,
      exits,
    };
  }

  #settingsOf(
    { nodes, which, kinds }: SettingsRecord,
    all: readonly NodeRecord[],
  ): Map<NodeRecord, NodeSettings> {
    const settings = kinds.map((
      { remoteArgs, isStored, isGrouped, replacement },
    ): NodeSettings => ({
      ...(remoteArgs && { policy: extendPolicy(undefined, remoteArgs) }),
      ...(isStored !== undefined && { isStored }),
      ...(isGrouped !== undefined && { isGrouped }),
      ...(replacement !== undefined && {
        replacement: {
          fn: this.#origins[replacement].value as AnyFunction,
          origin: this.#origins[replacement],
        },
      }),
    }));
    const byNode = new Map<NodeRecord, NodeSettings>();
    for (let k = 0; k < nodes.length; k++) byNode.set(all[nodes[k]], settings[which[k]]);
    return byNode;
  }

  #initializationsOf(all: readonly NodeRecord[]): Initializations {
    const { nodes, which, data, plugins } = this.#record.initializations;
    const made = plugins.map((plugin) => this.#pluginOf(plugin));
    const prepared = unflatten(data);
    const byNode = new Map<NodeRecord, PluginInitialization[]>();
    for (let k = 0; k < nodes.length; k++) {
      const plugin = made[which[k]];
      const initialization = { plugin, hooks: plugin.hooks, data: prepared[k] };
      const known = byNode.get(all[nodes[k]]);
      if (known) known.push(initialization);
      else byNode.set(all[nodes[k]], [initialization]);
    }
    return byNode;
  }

  #pluginOf({ name, item }: PluginRecord): Plugin {
    const origin = this.#origins[item];
    if (origin.kind === "pluginUse") return origin.value as Plugin;
    // The options tell all: where it was made does not matter, nor is it known here.
    const origins = { definition: origin, use: { ...origin, kind: "pluginUse" as const } };
    const { options } = this.#record.items[item];
    return { name, options, hooks: this.#lookup.known.get(item) as PluginHooks, origins };
  }
}

/** In one line if it is one thing that many need, such as a module. */
function notFound(problems: readonly (readonly [title: string, text: string])[]): EngineError {
  const byText = new Map<string, string[]>();
  for (const [title, text] of problems) {
    byText.set(text, [...byText.get(text) ?? [], title]);
  }
  const shown = [...byText].slice(0, MOST_SHOWN).map(([text, titles]) => {
    const more = titles.length > MOST_SHOWN ? ` and ${titles.length - MOST_SHOWN} more` : "";
    return `${titles.slice(0, MOST_SHOWN).join(", ")}${more}: ${text}`;
  });
  if (byText.size > MOST_SHOWN) shown.push(`and ${byText.size - MOST_SHOWN} more`);
  const list = shown.length === 1
    ? ` ${shown[0]}. `
    : `\n${shown.map((s) => `  - ${s}\n`).join("")}`;
  return new EngineError(
    `Cannot make the workflow again on another machine, where these are not found:${list}` +
      `See to it that the modules can be imported there as they are here, with all that they need, ` +
      `and make functions and plugins at their top level, before the first run().`,
  );
}

const NO_METHOD = [undefined, undefined] as const;

function partOf(node: NodeRecord, path: readonly ItemKey[]): Reference {
  return path.length === 0 ? node : new ItemRecord(node, path);
}

function siteOf(place: Place | undefined): CallSite | undefined {
  return place && CallSite.at(place);
}
