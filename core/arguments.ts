/** Arguments with nodes in them: captured when a node is made, filled in when it runs. */

import {
  type ItemKey,
  type ItemRecord,
  KIND,
  type NodeRecord,
  RECORD,
  recordOf,
  type ReferenceKind,
  showItem,
} from "./node.ts";

/** An array or plain object literal with nodes somewhere inside: its own copy, records in the nodes' places. */
export class Template {
  declare readonly [KIND]: "template";

  constructor(readonly container: Container) {}
}
Object.defineProperty(Template.prototype, KIND, { value: "template" });

/** A node or a part of its value. */
export type Reference = NodeRecord | ItemRecord;
/** An array or a plain object. */
export type Container = unknown[] | Record<string, unknown>;

/** Changes a call's arguments in place into captured ones, and tells `read` of every node they refer to. */
export function captureArguments(args: unknown[], read: (node: NodeRecord) => void): unknown[] {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg === null || typeof arg !== "object") continue;
    const record = recordOf(arg);
    if (record) args[i] = checkReadable(record);
    else if (arg instanceof Map || arg instanceof Set) refuseNodesIn(arg);
    else if (isContainer(arg) && holdsReference(arg)) {
      args[i] = new Template(copyContainer(arg, (leaf) => {
        const record = recordOf(leaf);
        return record ? checkReadable(record) : leaf;
      }));
    }
  }
  forEachReference(args, (reference) => read(nodeOf(reference)));
  return args;
}

/** Calls `visit` for every reference, in the order in which `fillArguments` takes them. */
export function forEachReference(
  args: readonly unknown[],
  visit: (reference: Reference) => void,
): void {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (isReference(arg)) visit(arg);
    else if (isTemplate(arg)) {
      copyContainer(arg.container, (leaf) => {
        if (isReference(leaf)) visit(leaf);
        return leaf;
      });
    }
  }
}

/** The arguments with other references in the references' places; the same ones if there is nothing to replace. */
export function replaceReferences(
  args: readonly unknown[],
  replace: (reference: Reference) => Reference,
): readonly unknown[] {
  let isChanged = false;
  const replaceLeaf = (leaf: unknown) => {
    if (!isReference(leaf)) return leaf;
    const reference = replace(leaf);
    if (reference !== leaf) isChanged = true;
    return reference;
  };
  const replaced = args.map((arg) =>
    isTemplate(arg) ? new Template(copyContainer(arg.container, replaceLeaf)) : replaceLeaf(arg)
  );
  return isChanged ? replaced : args;
}

/**
 * The arguments with values in the references' places.
 *
 * @param values The values of all nodes.
 * @param inputs The numbers of the nodes that the references read, of these arguments from `from` on.
 */
export function fillArguments(
  args: readonly unknown[],
  values: readonly unknown[],
  inputs: Int32Array,
  from: number,
): unknown[] {
  let at = from;
  const fill = (leaf: unknown) => isReference(leaf) ? pick(leaf, values[inputs[at++]]) : leaf;
  const filled = new Array<unknown>(args.length);
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    switch (kindOf(arg)) {
      case undefined:
        filled[i] = arg;
        break;
      case "template":
        filled[i] = copyContainer((arg as Template).container, fill);
        break;
      default:
        filled[i] = pick(arg as Reference, values[inputs[at++]]);
    }
  }
  return filled;
}

/** The part of a node's value that a reference means: JavaScript's own rules, `undefined` for what is not there. */
export function pick(reference: Reference, value: unknown): unknown {
  if (reference[KIND] === "node") return value;
  return pickPath(reference.path, value, reference.node);
}

/** The part of a value at a path; `node` is what gave it. */
export function pickPath(
  path: readonly ItemKey[],
  value: unknown,
  node: { readonly name: string },
): unknown {
  let part = value;
  for (let depth = 0; depth < path.length; depth++) {
    if (part === null || part === undefined) {
      throw new TypeError(
        `Cannot read item ${JSON.stringify(path[depth])} of ${
          showItem(node.name, path.slice(0, depth))
        }, which gave ${part}.`,
      );
    }
    part = (part as Record<string, unknown>)[path[depth]];
  }
  return part;
}

/** The node that a reference reads. */
export function nodeOf(reference: Reference): NodeRecord {
  return reference[KIND] === "node" ? reference : reference.node;
}

function checkReadable(record: Reference): Reference {
  if (nodeOf(record).definition.kind === "constructor") {
    throw new TypeError(
      `Cannot pass the instance "${record.name}" to a node, as an instance stays where it lives: ` +
        `pass what one of its methods returns.`,
    );
  }
  return record;
}

/** Whether a captured value stands for a node's value or a part of it. */
export function isReference(value: unknown): value is Reference {
  const kind = kindOf(value);
  return kind === "node" || kind === "item";
}

/** Whether a captured value has references inside. */
export function isTemplate(value: unknown): value is Template {
  return kindOf(value) === "template";
}

function kindOf(value: unknown): ReferenceKind | undefined {
  return typeof value === "object" && value !== null
    ? (value as { [KIND]?: ReferenceKind })[KIND]
    : undefined;
}

function isContainer(value: object): value is Container {
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Whether a node is anywhere inside; by a list of its own, as users' data may be nested deeper than the stack. */
function holdsReference(root: Container): boolean {
  const seen = new Set<object>([root]);
  const open: Container[] = [root];
  for (let container = open.pop(); container; container = open.pop()) {
    for (const value of Array.isArray(container) ? container : Object.values(container)) {
      if (value === null || typeof value !== "object" || seen.has(value)) continue;
      if (RECORD in value) return true;
      if (value instanceof Map || value instanceof Set) refuseNodesIn(value);
      if (!isContainer(value)) continue;
      seen.add(value);
      open.push(value);
    }
  }
  return false;
}

function refuseNodesIn(collection: Map<unknown, unknown> | Set<unknown>): void {
  for (const value of [...collection.keys(), ...collection.values()]) {
    const record = recordOf(value);
    if (!record) continue;
    throw new TypeError(
      `Cannot pass the node "${record.name}" inside a map or set: put it into an array or a plain object.`,
    );
  }
}

/** Copies containers to any depth, shared and cyclic ones once, with `leaf` of everything else. */
export function copyContainer(root: Container, leaf: (value: unknown) => unknown): Container {
  const copies = new Map<object, Container>();
  const open: Container[] = [];
  const copyOf = (from: Container): Container => {
    let to = copies.get(from);
    if (!to) {
      to = Array.isArray(from)
        ? new Array(from.length)
        : Object.create(Object.getPrototypeOf(from)) as Container;
      copies.set(from, to);
      open.push(from);
    }
    return to;
  };
  const copy = copyOf(root);
  for (let from = open.pop(); from; from = open.pop()) {
    const to = copies.get(from)!;
    for (const key of Object.keys(from)) {
      const value: unknown = from[key as keyof Container];
      const isInner = typeof value === "object" && value !== null && !(RECORD in value) &&
        isContainer(value);
      // Defined, not assigned, as a key may be `__proto__`.
      Object.defineProperty(to, key, {
        value: isInner ? copyOf(value) : leaf(value),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }
  return copy;
}
