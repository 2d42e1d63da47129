/** The records behind nodes and items: what a graph is made of. They are never changed by running it. */

import type { Definition } from "./definition.ts";
import type { CallSite } from "./place.ts";

/** How the proxies that users hold give their record away, also to another copy of the library. */
export const RECORD: unique symbol = Symbol.for("functionfuse.record") as never;

/** What tells captured references from the user's own values. */
export const KIND: unique symbol = Symbol.for("functionfuse.kind") as never;

/** What may stand in captured arguments for something that is not there yet. */
export type ReferenceKind = "node" | "item" | "template";

/** A key into a value. */
export type ItemKey = string | number;

// One for all copies of the library in this process (a workflow may import another one by URL), so that a graph can have
// nodes of several.
const shared = globalThis as { [key: symbol]: { serial: number; named: number } | undefined };
const counter = shared[Symbol.for("functionfuse.counter")] ??= { serial: 0, named: 0 };

/** What a node reads, and of a method call, what comes before it. */
export type Wires = Pick<NodeRecord, "args" | "instance" | "link">;

/**
 * What the node of a group is a call of: nodes that an edit made one.
 *
 * Inside, the values that are read from outside have the numbers from 0 on, those of the members the numbers after these.
 */
export interface Group {
  readonly kind: "group";
  /** Says how many nodes it has. */
  readonly name: string;
  /** Where it was made. */
  readonly site: CallSite;
  /** In the order in which they run. */
  readonly members: readonly NodeRecord[];
  /** Of each member, what it reads. */
  readonly wires: readonly Wires[];
  /** How many values are read from outside. */
  readonly given: number;
  /** For each reference in the members' arguments, what is read. */
  readonly inputs: Int32Array;
  /** Where the inputs of each member begin. */
  readonly inputOffsets: Int32Array;
  /** Of each member that is a method call: its instance; else -1. */
  readonly instances: Int32Array;
  /** The members whose values are its value: that of a single one, or a record of several. */
  readonly exits: readonly { readonly key: string; readonly number: number }[];
}

/** One call of a definition. */
export class NodeRecord {
  declare readonly [KIND]: "node";
  /** Grows with every node made: parents have smaller ones than their children. */
  readonly id: number = counter.serial++;
  /** The arguments, with references where nodes stood. */
  args: readonly unknown[] = [];
  /** The name given, if one was. */
  givenName: string | undefined = undefined;
  /** Where the name was given. */
  namedAt: CallSite | undefined = undefined;
  /** The nodes that read this one's value or must wait for it: none, one or a list. */
  dependents: NodeRecord | NodeRecord[] | undefined = undefined;
  /** How many nodes this one must wait for. */
  parentCount = 0;
  /** Of a method call: the constructor node. */
  instance: NodeRecord | undefined = undefined;
  /** Of a method call: the call (or the constructor) just before it. Of a constructor: its latest call. */
  link: NodeRecord | undefined = undefined;

  constructor(
    readonly definition: Definition | Group,
    /** How many nodes of the definition came before. */
    readonly ordinal: number,
  ) {}

  /** The name given or the default one, such as `sum_0000`. */
  get name(): string {
    return this.givenName ??
      `${this.definition.name}_${String(this.ordinal).padStart(4, "0")}`;
  }

  /** Gives the node a name, and notes where. */
  rename(name: string, at: CallSite | undefined): void {
    counter.named++;
    this.givenName = name;
    this.namedAt = at;
  }

  /** Enters the node made last as one that waits for this; it counts once, however often it reads the value. */
  addDependent(node: NodeRecord): void {
    const known = this.dependents;
    if (known === undefined) this.dependents = node;
    else if (Array.isArray(known)) {
      if (known[known.length - 1] === node) return;
      known.push(node);
    } else if (known === node) return;
    else this.dependents = [known, node];
    node.parentCount++;
  }
}

/** A part of a node's value. */
export class ItemRecord {
  declare readonly [KIND]: "item";

  constructor(readonly node: NodeRecord, readonly path: readonly ItemKey[]) {}

  /** `train["loss"][0]`, for messages. */
  get name(): string {
    return showItem(this.node.name, this.path);
  }
}

/** `train["loss"][0]`, for messages. */
export function showItem(name: string, path: readonly ItemKey[]): string {
  return name + path.map((key) => `[${JSON.stringify(key)}]`).join("");
}

// On the prototypes, so that a record costs no memory for it.
Object.defineProperty(NodeRecord.prototype, KIND, { value: "node" });
Object.defineProperty(ItemRecord.prototype, KIND, { value: "item" });
// Runtimes that print a proxy print what is behind it: its name says more than its fields.
for (const { prototype } of [NodeRecord, ItemRecord]) {
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: NodeRecord | ItemRecord) {
      return `Node ${JSON.stringify((recordOf(this) ?? this).name)}`;
    },
  });
}

/** The record behind a node or an item, or `undefined` for any other value. */
export function recordOf(value: unknown): NodeRecord | ItemRecord | undefined {
  if (value === null || typeof value !== "object") return undefined;
  return (value as { [RECORD]?: NodeRecord | ItemRecord })[RECORD];
}

/** How many nodes this process has made: every node's `id` is below it. */
export function nodeCount(): number {
  return counter.serial;
}

/** How many names were given in this process: as long as it stays, no node has another name than before. */
export function nameCount(): number {
  return counter.named;
}
