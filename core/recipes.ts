/** Of each node, what its value is made from: its function with all that this uses, its plugins, its arguments. */

import { copyContainer, isReference, isTemplate, type Reference } from "./arguments.ts";
import type { Origin } from "./carried.ts";
import { isFuseError } from "./errors.ts";
import { argsOf, type Graph } from "./graph.ts";
import { type Initializations, withMembers } from "./initializers.ts";
import { type Group, KIND, type NodeRecord } from "./node.ts";
import type { CodePrint, Recipe, RecipeReader } from "./storage.ts";

/** The code and the plugins of a node. */
interface CodePart {
  readonly digest: string;
  readonly parts: Readonly<Record<string, string>>;
}

/** What identifies the values that a node reads, in order; `undefined` if one of them is not known yet. */
export type Parents = readonly (readonly [name: string, identity: string])[];

const SHORT_DIGEST = 16;
// A longer text is known by its digest, so that it is not held on to.
const LONG_TEXT = 100;

/** The recipes of a graph's nodes, all but their parents' identities. */
export class Recipes {
  readonly #graph: Graph;
  readonly #reader: RecipeReader;
  readonly #codes: readonly CodePart[];
  readonly #inputs: {
    readonly digest: string;
    readonly texts: readonly string[];
    /** Of a group, what messages call the arguments of its members. */
    readonly titles: readonly string[] | undefined;
  }[];
  /** Of what nothing tells the arguments from others: why. */
  readonly #unknown = new Map<number, string>();
  readonly #remark: (remark: string) => void;

  private constructor(
    graph: Graph,
    reader: RecipeReader,
    codes: readonly CodePart[],
    remark: (remark: string) => void,
  ) {
    this.#graph = graph;
    this.#reader = reader;
    this.#codes = codes;
    this.#remark = remark;
    // Now, as a function may change what it is given.
    this.#inputs = graph.nodes.map(({ definition }, i) => {
      if (definition.kind === "group") return this.#readMembers(i, definition);
      const texts = argsOf(graph, i).map((arg) => this.#describe(i, arg));
      return { digest: reader.digest(...texts), texts, titles: undefined };
    });
  }

  /** Follows the code of all nodes; `remark` is told, once for each, what could not be followed. */
  static async read(
    graph: Graph,
    initializations: Initializations,
    reader: RecipeReader,
    remark: (remark: string) => void,
  ): Promise<Recipes> {
    const codes = await readCodes(graph, initializations, reader, remark);
    return new Recipes(graph, reader, codes, remark);
  }

  /** Why nothing tells the node's arguments from others; then its value can't be used again. */
  whyUnknown(i: number): string | undefined {
    return this.#unknown.get(i);
  }

  /** Digest of the code and the plugins. */
  code(i: number): string {
    return this.#codes[i].digest;
  }

  /** Digest of the arguments as they were written. */
  inputs(i: number): string {
    return this.#inputs[i].digest;
  }

  /** What tells the node's value from others, where the value itself is not looked at. */
  fingerprint(i: number, parents: Parents): string {
    const identities = parents.map(([, identity]) => identity).join(" ");
    return `made ${this.#reader.digest(this.code(i), this.inputs(i), identities)}`;
  }

  /** All of it, to be kept with the value. */
  recipe(i: number, parents: Parents): Recipe {
    return {
      code: this.code(i),
      inputs: this.inputs(i),
      parents,
      codeParts: this.#codes[i].parts,
      inputParts: this.#inputs[i].texts
        .map((text) => this.#reader.digest(text).slice(0, SHORT_DIGEST)),
    };
  }

  /** What has changed since a value was made, as a reason to make it again; `undefined` if nothing has. */
  whatChanged(i: number, stored: Recipe): string | undefined {
    if (stored.code !== this.code(i)) {
      return describeChange(stored.codeParts, this.#codes[i].parts, this.#graph.nodes[i]);
    }
    if (stored.inputs === this.inputs(i)) return undefined;
    const now = this.recipe(i, []).inputParts;
    const at = now.findIndex((digest, at) => digest !== stored.inputParts[at]);
    const { titles } = this.#inputs[i];
    if (titles) return `${titles[at] ?? "an argument of one of its members"} changed`;
    return now.length !== stored.inputParts.length
      ? `it has ${now.length} arguments instead of ${stored.inputParts.length}`
      : `argument ${at + 1} changed`;
  }

  /** The arguments of a group's members: its own are what these read from outside. */
  #readMembers(i: number, { members, wires }: Group) {
    const texts: string[] = [];
    const titles: string[] = [];
    members.forEach(({ name, definition }, at) => {
      wires[at].args.forEach((arg, position) => {
        texts.push(this.#describe(i, arg));
        titles.push(`argument ${position + 1} of "${name}"`);
      });
      if (definition.kind !== "group") return;
      const inner = this.#readMembers(i, definition);
      texts.push(...inner.texts);
      titles.push(...inner.titles);
    });
    return { digest: this.#reader.digest(...texts), texts, titles };
  }

  /** A text that is equal for equal arguments. */
  #describe(i: number, arg: unknown): string {
    switch (typeof arg) {
      case "string":
        return arg.length < LONG_TEXT ? `"${arg}` : `text ${this.#reader.digest(arg)}`;
      case "number":
        return Object.is(arg, -0) ? "-0" : String(arg);
      case "boolean":
      case "undefined":
        return String(arg);
    }
    if (arg === null) return "null";
    if (isReference(arg)) return `node ${JSON.stringify(pathOf(arg))}`;
    const value = isTemplate(arg) ? withoutNodes(arg.container) : arg;
    return `value ${this.#digestValue(i, value)}`;
  }

  #digestValue(i: number, value: unknown): string {
    try {
      const { digest, unfollowed } = this.#reader.digestValue(value);
      if (unfollowed) this.#remark(`"${this.#graph.nodes[i].name}": ${unfollowed}.`);
      return digest;
    } catch (error) {
      if (!isFuseError(error, "CodecError")) throw error;
      this.#unknown.set(i, error.message);
      return "unknown";
    }
  }
}

function pathOf(reference: Reference): readonly (string | number)[] {
  return reference[KIND] === "node" ? [] : reference.path;
}

/** A literal with marks where nodes stand; which nodes these are is told by their values' identities. */
function withoutNodes(container: Parameters<typeof copyContainer>[0]): unknown {
  return copyContainer(
    container,
    (leaf) => isReference(leaf) ? { "\u0000node": [...pathOf(leaf)] } : leaf,
  );
}

async function readCodes(
  graph: Graph,
  initializations: Initializations,
  reader: RecipeReader,
  remark: (remark: string) => void,
): Promise<CodePart[]> {
  const all = graph.wires ? withMembers(graph.nodes) : graph.nodes;
  const uses = all.flatMap((node) => originOf(graph, node) ?? []);
  const plugins = new Set([...initializations.values()].flat().map(({ plugin }) => plugin));
  const pluginOrigins = [...plugins].flatMap(({ options, origins }) => {
    if (!origins) return [];
    // The code of the call tells the options only where their values don't.
    return isToldByValue(reader, options)
      ? [origins.definition]
      : [origins.definition, origins.use];
  });
  const origins = [...new Set([...uses, ...pluginOrigins])];
  const prints = new Map<Origin, CodePrint>();
  for (const [at, print] of (await reader.readCode(origins)).entries()) {
    prints.set(origins[at], print);
    if (print.unfollowed) remark(print.unfollowed);
  }
  const known = new Map<string, CodePart>();
  return graph.nodes.map((node) => partOf(node));

  function partOf(node: NodeRecord): CodePart {
    const { definition } = node;
    if (definition.kind === "group") {
      const group = joinParts(reader, definition, definition.members.map(partOf));
      return withPlugins(node, group.digest, group.parts);
    }
    const print = prints.get(originOf(graph, node)!)!;
    const key = `${definition.kind} ${definition.method ?? ""} ${print.digest}`;
    if (initializations.has(node)) return withPlugins(node, key, print.parts);
    let part = known.get(key);
    if (!part) known.set(key, part = { digest: reader.digest(key), parts: print.parts });
    return part;
  }

  function withPlugins(node: NodeRecord, key: string, parts: CodePrint["parts"]): CodePart {
    const own = initializations.get(node) ?? [];
    const digests = own.map(({ plugin, data }) => {
      const { definition, use } = plugin.origins ?? {};
      return reader.digest(
        plugin.name,
        definition ? prints.get(definition)!.digest : "",
        digestOptions(reader, plugin.options),
        use ? prints.get(use)?.digest ?? "" : "",
        digestOptions(reader, data),
      );
    });
    const named = own.map(({ plugin }, at) =>
      [`plugin ${plugin.name}`, digests[at].slice(0, SHORT_DIGEST)] as const
    );
    return {
      digest: reader.digest(key, ...digests),
      parts: { ...parts, ...Object.fromEntries(named) },
    };
  }
}

function digestOptions(reader: RecipeReader, options: unknown): string {
  try {
    return reader.digestValue(options).digest;
  } catch (error) {
    if (isFuseError(error, "CodecError")) return "";
    throw error;
  }
}

/** What the members of a group use, and how they are put together. */
function joinParts(reader: RecipeReader, group: Group, members: readonly CodePart[]): CodePart {
  const { given, inputs, inputOffsets, instances, exits } = group;
  // Of a single value, the name is no part of the group's.
  const shape = exits.length === 1 ? exits[0].number : exits;
  const wiring = reader.digest(
    JSON.stringify([given, [...inputs], [...inputOffsets], [...instances], shape]),
  );
  const all = members.flatMap(({ parts }, at) => {
    const { name } = group.members[at];
    return Object.entries(parts).map(([part, digest]) =>
      // Other parts have the same digest wherever they are used.
      [part.startsWith("plugin ") ? `${part} of "${name}"` : part, digest] as const
    );
  });
  return {
    digest: reader.digest(...members.map(({ digest }) => digest), wiring),
    parts: { ...Object.fromEntries(all), "the group": wiring.slice(0, SHORT_DIGEST) },
  };
}

function isToldByValue(reader: RecipeReader, options: unknown): boolean {
  try {
    return reader.digestValue(options).unfollowed === undefined;
  } catch (error) {
    if (isFuseError(error, "CodecError")) return false;
    throw error;
  }
}

/** What a node calls; a group has none of its own. */
function originOf({ settings }: Graph, node: NodeRecord): Origin | undefined {
  const { definition } = node;
  if (definition.kind === "group") return undefined;
  return settings.get(node)?.replacement?.origin ?? definition.origin;
}

function describeChange(
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
  node: NodeRecord,
): string {
  const changed = Object.keys(now).filter((part) => part in before && before[part] !== now[part]);
  const added = Object.keys(now).filter((part) => !(part in before));
  const gone = Object.keys(before).filter((part) => !(part in now));
  // What was added or left out made the function that uses it change too: that says less.
  const what = changed.length > 0 ? changed : [...added, ...gone];
  const verb = changed.length > 0
    ? "changed"
    : added.length > 0
    ? "is new"
    : "is not used any more";
  const MOST_SHOWN = 3;
  const shown = what.slice(0, MOST_SHOWN).join(", ");
  const more = what.length > MOST_SHOWN ? ` and ${what.length - MOST_SHOWN} more` : "";
  return what.length > 0 ? `${shown}${more} ${verb}` : `${node.definition.name} changed`;
}
