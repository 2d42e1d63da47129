/**
 * Calls of nodes on their way to another process: written into one flat array, which is cheap to clone, and read again.
 *
 * A call is its node, its function, its instance's node (or -1), 1 if its value is to be sent back, how many arguments it
 * has, and then each argument: a kind followed by what the kind needs.
 */

import {
  type Container,
  copyContainer,
  isReference,
  isTemplate,
  nodeOf,
  pickPath,
  type Reference,
  Template,
} from "./arguments.ts";
import { findUnmovable } from "./movable.ts";
import { type ItemKey, KIND } from "./node.ts";

const LITERAL = 0;
const VALUE = 1;
const PART = 2;
const TEMPLATE = 3;

/** What an argument reads: a node's value, or a part of one, which may come along. */
type Read = number | PartRead;

interface PartRead {
  readonly node: number;
  /** The node's name, for messages. */
  readonly name: string;
  readonly path: readonly ItemKey[];
  /** The node's value, where it is not held by the worker. */
  readonly inlined?: { readonly value: unknown };
}

interface TemplateArgument {
  readonly container: Container;
  /** What stands in the references' places; kept apart from the user's own values by its identity, which clones keep. */
  readonly slots: readonly Set<never>[];
  readonly reads: readonly Read[];
}

/** A call read again. */
export interface Call {
  readonly node: number;
  readonly id: number;
  readonly instance: number;
  readonly isWanted: boolean;
  /** The arguments; throws what reading an item of nothing throws. */
  args(values: ReadonlyMap<number, unknown>): unknown[];
  /** The arguments as they were captured; `refer` gives what refers to a part of a node's value, or to all of it. */
  captured(refer: Refer): unknown[];
}

/** Refers to a node's value, or to what is at a path in it; then the node's name is known. */
export type Refer = (node: number, path?: readonly ItemKey[], name?: string) => Reference;

/** What a call is to be written with. */
export interface CallHead {
  readonly node: number;
  /** The number of the function. */
  readonly id: number;
  readonly instance: number;
  readonly isWanted: boolean;
}

/** What the arguments of a call read. */
export interface CallInputs {
  /** The numbers of the nodes that are read, those of this call from `from` on. */
  readonly inputs: Int32Array;
  readonly from: number;
  /** Whether a node's value is to be written itself, instead of the node's number. */
  isInline(node: number): boolean;
  readonly values: readonly unknown[];
}

/** Writes a call to the end of `out`. */
export function encodeCall(
  out: unknown[],
  head: CallHead,
  args: readonly unknown[],
  { inputs, from, isInline, values }: CallInputs,
): void {
  let at = from;
  const encodeRead = (reference: Reference): Read => {
    const node = inputs[at++];
    const isWhole = reference[KIND] === "node";
    if (!isInline(node)) {
      return isWhole ? node : { node, name: nodeOf(reference).name, path: reference.path };
    }
    const path = isWhole ? [] : reference.path;
    return { node, name: nodeOf(reference).name, path, inlined: { value: values[node] } };
  };
  out.push(head.node, head.id, head.instance, head.isWanted ? 1 : 0, args.length);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (isReference(arg)) {
      // Most arguments are whole values, which need no record.
      const isWhole = arg[KIND] === "node";
      if (isWhole && isInline(inputs[at])) out.push(LITERAL, values[inputs[at++]]);
      else out.push(isWhole ? VALUE : PART, encodeRead(arg));
    } else if (isTemplate(arg)) out.push(TEMPLATE, encodeTemplate(arg.container, encodeRead));
    else out.push(LITERAL, arg);
  }
}

function encodeTemplate(
  from: Container,
  encodeRead: (reference: Reference) => Read,
): TemplateArgument {
  const slots: Set<never>[] = [];
  const reads: Read[] = [];
  const container = copyContainer(from, (leaf) => {
    if (!isReference(leaf)) return leaf;
    const slot = new Set<never>();
    slots.push(slot);
    reads.push(encodeRead(leaf));
    return slot;
  });
  return { container, slots, reads };
}

/** What keeps captured arguments from being sent, if something does; `find` finds it in a literal. */
export function findUnsendable(
  args: readonly unknown[],
  find: (literal: unknown) => string | undefined = findUnmovable,
): string | undefined {
  for (const arg of args) {
    if (arg === null || (typeof arg !== "object" && typeof arg !== "function")) {
      if (typeof arg === "symbol") return "a symbol";
      continue;
    }
    if (isReference(arg)) continue;
    const literal = isTemplate(arg)
      ? copyContainer(arg.container, (leaf) => isReference(leaf) ? undefined : leaf)
      : arg;
    const found = find(literal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Reads the calls of a message one by one. */
export class CallReader {
  readonly #calls: readonly unknown[];
  #at = 0;

  constructor(calls: readonly unknown[]) {
    this.#calls = calls;
  }

  /** The next call, or `undefined` after the last one. */
  next(): Call | undefined {
    const calls = this.#calls;
    const head = this.#at;
    if (head === calls.length) return undefined;
    const count = calls[head + 4] as number;
    const first = head + 5;
    this.#at = first + 2 * count;
    return {
      node: calls[head] as number,
      id: calls[head + 1] as number,
      instance: calls[head + 2] as number,
      isWanted: calls[head + 3] === 1,
      args(values) {
        const args = new Array<unknown>(count);
        for (let i = 0; i < count; i++) {
          args[i] = decode(calls[first + 2 * i] as number, calls[first + 2 * i + 1], values);
        }
        return args;
      },
      captured(refer) {
        const args = new Array<unknown>(count);
        for (let i = 0; i < count; i++) {
          args[i] = capture(calls[first + 2 * i] as number, calls[first + 2 * i + 1], refer);
        }
        return args;
      },
    };
  }
}

function decode(kind: number, encoded: unknown, values: ReadonlyMap<number, unknown>): unknown {
  if (kind === LITERAL) return encoded;
  if (kind !== TEMPLATE) return decodeRead(encoded as Read, values);
  return fillSlots(encoded as TemplateArgument, (read) => decodeRead(read, values));
}

function capture(kind: number, encoded: unknown, refer: Refer): unknown {
  if (kind === LITERAL) return encoded;
  const reference = (read: Read) =>
    typeof read === "number" ? refer(read) : refer(read.node, read.path, read.name);
  return kind === TEMPLATE
    ? new Template(fillSlots(encoded as TemplateArgument, reference))
    : reference(encoded as Read);
}

function fillSlots(
  { container, slots, reads }: TemplateArgument,
  fill: (read: Read) => unknown,
): Container {
  const filled = new Map<unknown, unknown>(slots.map((slot, k) => [slot, fill(reads[k])]));
  return copyContainer(container, (leaf) => filled.has(leaf) ? filled.get(leaf) : leaf);
}

function decodeRead(read: Read, values: ReadonlyMap<number, unknown>): unknown {
  if (typeof read === "number") return values.get(read);
  const { node, name, path, inlined } = read;
  return pickPath(path, inlined ? inlined.value : values.get(node), { name });
}
