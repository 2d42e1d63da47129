/** Writes down a graph for another process. */

import { encodeCall, findUnsendable } from "./calls.ts";
import { type Origin, referenceTo } from "./carried.ts";
import type { Definition } from "./definition.ts";
import { flatten } from "./flat_list.ts";
import { argsOf, type Graph, type NodeSettings } from "./graph.ts";
import {
  type FunctionRecord,
  type GraphRecord,
  type GroupRecord,
  type InitializationsRecord,
  type NodesRecord,
  notPortable,
  type PluginRecord,
  type SettingRecord,
  type SettingsRecord,
} from "./graph_record.ts";
import { type Initializations, withMembers } from "./initializers.ts";
import { findUnmovable } from "./movable.ts";
import { type Group, KIND, type NodeRecord } from "./node.ts";
import type { Plugin } from "./plugin.ts";
import type { LoadItem } from "./protocol.ts";

/** What is known of the way to the other process. */
export interface Way {
  /** Told of all modules that the graph needs there, before `urlOf` is asked for any. */
  prepare?(modules: readonly string[]): Promise<void>;
  /** The URL by which a module is found there; `undefined` if it is not. Default: its own. */
  urlOf?(module: string): string | undefined;
  /** Why a value does not get there, such as what a codec says. Default: any value does that structured clone keeps. */
  findUnfit?(value: unknown): string | undefined;
}

/**
 * Writes down a graph with what its plugins prepared.
 *
 * @throws {GraphError} If a part of it can't be taken to another process; up to five such parts are named.
 */
export async function recordGraph(
  graph: Graph,
  initializations: Initializations,
  way: Way = {},
): Promise<GraphRecord> {
  return await new Recorder(graph, initializations, way).record();
}

/** An item before its reference is known. */
interface Wanted {
  readonly origin: Origin;
  readonly title: string;
  readonly options?: { readonly options: unknown };
}

class Recorder {
  readonly #graph: Graph;
  readonly #initializations: Initializations;
  readonly #way: Way;
  readonly #wanted: Wanted[] = [];
  readonly #itemsByOrigin = new Map<Origin, number>();
  readonly #functions: FunctionRecord[] = [];
  readonly #functionNumbers = new Map<Definition, number>();
  /** What was looked at already, as one literal may be an argument of many nodes. */
  readonly #literals = new Map<unknown, string | undefined>();
  readonly #problems: string[] = [];

  constructor(graph: Graph, initializations: Initializations, way: Way) {
    this.#graph = graph;
    this.#initializations = initializations;
    this.#way = way;
  }

  async record(): Promise<GraphRecord> {
    const graph = this.#graph;
    const { nodes, targets, targetIndexes, isList } = graph;
    const all = graph.wires ? withMembers(nodes) : nodes;
    const record = {
      functions: this.#functions,
      nodes: this.#recordNodes(nodes, (at) => argsOf(graph, at), graph),
      isEdited: graph.wires !== undefined,
      targets: targets.map((target, at) => ({
        node: targetIndexes[at],
        path: target[KIND] === "item" ? target.path : [],
      })),
      isList,
      settings: this.#recordSettings(all),
      initializations: this.#recordInitializations(all),
    };
    const items = await this.#refer();
    if (this.#problems.length > 0) throw notPortable(this.#problems);
    return { ...record, items, titles: this.#wanted.map(({ title }) => title) };
  }

  #recordNodes(
    nodes: readonly NodeRecord[],
    argsAt: (at: number) => readonly unknown[],
    { inputs, inputOffsets, instances }: Pick<Graph, "inputs" | "inputOffsets" | "instances">,
    given = 0,
  ): NodesRecord {
    const ordinals = new Int32Array(nodes.length);
    const named: number[] = [];
    const calls: unknown[] = [];
    const groups: GroupRecord[] = [];
    const isInline = () => false;
    for (let at = 0; at < nodes.length; at++) {
      const node = nodes[at];
      const { definition } = node;
      const args = argsAt(at);
      ordinals[at] = node.ordinal;
      if (node.givenName !== undefined) named.push(at);
      const id = definition.kind === "group"
        ? -groups.push(this.#recordGroup(definition))
        : this.#functionOf(definition);
      this.#checkArguments(node, args);
      const head = { node: given + at, id, instance: instances[at], isWanted: false };
      encodeCall(calls, head, args, { inputs, from: inputOffsets[at], isInline, values: [] });
    }
    return {
      ordinals,
      named: Int32Array.from(named),
      names: JSON.stringify(named.map((at) => nodes[at].givenName)),
      calls: flatten(calls),
      groups,
    };
  }

  #recordGroup(group: Group): GroupRecord {
    const { members, wires, given, exits, site } = group;
    const nodes = this.#recordNodes(members, (at) => wires[at].args, group, given);
    return { members: nodes, given, exits, place: site.place };
  }

  #checkArguments(node: NodeRecord, args: readonly unknown[]): void {
    const problem = findUnsendable(args, (literal) => this.#findUnfit(literal));
    if (problem !== undefined) this.#problems.push(`an argument of "${node.name}": ${problem}`);
  }

  #findUnfit(literal: unknown): string | undefined {
    if (this.#literals.has(literal)) return this.#literals.get(literal);
    const problem = findUnmovable(literal) ?? this.#way.findUnfit?.(literal);
    this.#literals.set(literal, problem);
    return problem;
  }

  #functionOf(definition: Definition): number {
    const known = this.#functionNumbers.get(definition);
    if (known !== undefined) return known;
    const { kind, name, method, origin, site, owner } = definition;
    const item = this.#itemOf(origin, owner?.name ?? name);
    const number = this.#functions.push({ kind, name, item, method, place: site.place }) - 1;
    this.#functionNumbers.set(definition, number);
    return number;
  }

  #itemOf(origin: Origin, title: string): number {
    let item = this.#itemsByOrigin.get(origin);
    if (item === undefined) {
      item = this.#wanted.push({ origin, title }) - 1;
      this.#itemsByOrigin.set(origin, item);
    }
    return item;
  }

  #recordSettings(all: readonly NodeRecord[]): SettingsRecord {
    const { settings } = this.#graph;
    const nodes: number[] = [];
    const which: number[] = [];
    const kinds = new Map<string, readonly [number: number, kind: SettingRecord]>();
    for (let number = 0; number < all.length && settings.size > 0; number++) {
      const own = settings.get(all[number]);
      if (!own) continue;
      const kind = this.#settingOf(all[number], own);
      const key = keyOf(kind);
      let known = kinds.get(key);
      if (!known) kinds.set(key, known = [kinds.size, kind]);
      nodes.push(number);
      which.push(known[0]);
    }
    return {
      nodes: Int32Array.from(nodes),
      which: Int32Array.from(which),
      kinds: [...kinds.values()].map(([, kind]) => kind),
    };
  }

  #settingOf(
    node: NodeRecord,
    { policy, isStored, isGrouped, replacement }: NodeSettings,
  ): SettingRecord {
    return {
      remoteArgs: policy?.remoteArgs,
      isStored,
      isGrouped,
      replacement: replacement &&
        this.#itemOf(replacement.origin, `the function that replaces "${node.name}"`),
    };
  }

  #recordInitializations(all: readonly NodeRecord[]): InitializationsRecord {
    const nodes: number[] = [];
    const which: number[] = [];
    const data: unknown[] = [];
    const plugins: PluginRecord[] = [];
    const numbers = new Map<Plugin, number>();
    const numberOf = (plugin: Plugin) => {
      let number = numbers.get(plugin);
      if (number === undefined) {
        number = plugins.push({ name: plugin.name, item: this.#pluginItem(plugin) }) - 1;
        numbers.set(plugin, number);
      }
      return number;
    };
    for (let number = 0; number < all.length && this.#initializations.size > 0; number++) {
      for (const { plugin, data: prepared } of this.#initializations.get(all[number]) ?? []) {
        nodes.push(number);
        which.push(numberOf(plugin));
        data.push(prepared);
        this.#checkPrepared(plugin, all[number], prepared);
      }
    }
    return {
      plugins,
      nodes: Int32Array.from(nodes),
      which: Int32Array.from(which),
      data: flatten(data),
    };
  }

  #checkPrepared(plugin: Plugin, node: NodeRecord, data: unknown): void {
    const isPrimitive = (typeof data !== "object" || data === null) &&
      typeof data !== "function" && typeof data !== "symbol";
    const problem = isPrimitive ? undefined : this.#findUnfit(data);
    if (problem === undefined) return;
    this.#problems.push(
      `what localInitialize of the plugin "${plugin.name}" gave for "${node.name}": ${problem}`,
    );
  }

  #pluginItem(plugin: Plugin): number {
    const { name, origins, options } = plugin;
    const title = `the plugin "${name}"`;
    if (!origins) {
      this.#problems.push(`${title}: it was not made by definePlugin`);
      return -1;
    }
    const isByValue = origins.definition.module !== undefined &&
      this.#findUnfit(options) === undefined;
    return isByValue
      ? this.#wanted.push({ origin: origins.definition, title, options: { options } }) - 1
      : this.#itemOf(origins.use, title);
  }

  /** How the items are found; of those that can't be, why. */
  async #refer(): Promise<LoadItem[]> {
    const items: LoadItem[] = [];
    const references = await Promise.all(this.#wanted.map(({ origin }) => referenceTo(origin)));
    // Nothing is made ready for what is not sent.
    const isPrepared = this.#problems.length === 0;
    if (isPrepared) {
      const modules = references.flatMap((reference) => reference?.module ?? []);
      await this.#way.prepare?.([...new Set(modules)]);
    }
    for (const [id, { title, options }] of this.#wanted.entries()) {
      const reference = references[id];
      const module = reference &&
        (isPrepared ? this.#urlOf(reference.module) : reference.module);
      if (module !== undefined) {
        items.push({ id, reference: { ...reference!, module }, ...options });
      } else {
        const problem = reference
          ? `${reference.module} is not among the modules that are sent`
          : "it is made in no module, but in a REPL or a notebook";
        this.#problems.push(`${title}: ${problem}`);
      }
    }
    return items;
  }

  #urlOf(module: string): string | undefined {
    return this.#way.urlOf ? this.#way.urlOf(module) : module;
  }
}

/** A text that is equal for equal settings. */
function keyOf({ remoteArgs, isStored, isGrouped, replacement }: SettingRecord): string {
  // As texts, as JSON has no infinity.
  const asText = (_key: string, value: unknown) => typeof value === "number" ? `${value}` : value;
  const all = [remoteArgs ?? 0, isStored ?? 0, isGrouped ?? 0, replacement ?? ""];
  return JSON.stringify(all, asText);
}
