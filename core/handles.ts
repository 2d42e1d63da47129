/** The proxies that users hold instead of records: items, names and method calls are made by touching them. */

import { captureArguments } from "./arguments.ts";
import type { AnyClass } from "./callable.ts";
import { type Definition, methodDefinition, methodNames } from "./definition.ts";
import { noteName } from "./names.ts";
import { type ItemKey, ItemRecord, KIND, NodeRecord, RECORD, recordOf } from "./node.ts";
import { isImportedForDefinitions } from "./node_context.ts";

// Destructuring takes what it names; only a spread or a loop would go on and on.
const MOST_DESTRUCTURED = 1_000;
const INSPECT = Symbol.for("nodejs.util.inspect.custom");
const CONVERSIONS = new Set(["toString", "valueOf", "toLocaleString", "toJSON"]);
const MAX_NAME_LENGTH = 1_000;

/** The proxy of a function's or method's node. */
export function nodeHandle(record: NodeRecord): object {
  return new Proxy(record, nodeTraps);
}

/** The proxy of a constructor's node. */
export function actorHandle(record: NodeRecord): object {
  return new Proxy(record, actorTraps);
}

/** The proxy that fits a record. */
export function handleOf(record: NodeRecord): object {
  return record.definition.kind === "constructor" ? actorHandle(record) : nodeHandle(record);
}

/** Makes a record of a call and enters it with the nodes that it reads. */
export function makeNode(
  definition: Definition,
  args: unknown[],
  previous?: NodeRecord,
): NodeRecord {
  const record = new NodeRecord(definition, definition.made++);
  // Nobody runs this graph: unconnected nodes cost nothing once they are dropped.
  if (isImportedForDefinitions()) return record;
  record.args = captureArguments(args, (node) => node.addDependent(record));
  previous?.addDependent(record);
  return record;
}

/** Names a node; what `setName` does. */
export function nameNode(
  record: NodeRecord | ItemRecord | undefined,
  name: string,
  callee: (...args: never[]) => unknown,
): void {
  if (record?.[KIND] !== "node") {
    throw new TypeError(
      record
        ? `Cannot name "${record.name}", as it is an item of a node: name the node itself.`
        : "Cannot set a name as 'node' must be what a workflow function returned.",
    );
  }
  checkName(name, `Cannot name "${record.name}"`);
  record.rename(name, noteName(callee));
}

/** Refuses what can't be a name of a node; `what` begins the message. */
export function checkName(name: unknown, what: string): asserts name is string {
  if (typeof name !== "string" || name.length === 0 || name.length > MAX_NAME_LENGTH) {
    throw new TypeError(
      `${what} as 'name' must be a text of 1 to ${MAX_NAME_LENGTH} characters: ` +
        `current value ${
          typeof name === "string" ? `has ${name.length} characters` : `is of type ${typeof name}`
        }.`,
    );
  }
  if (!name.isWellFormed()) {
    throw new TypeError(
      `${what} as 'name' must be well-formed Unicode: it has half of a surrogate pair.`,
    );
  }
}

const nodeTraps: ProxyHandler<NodeRecord> = {
  ...refusals<NodeRecord>(),
  get(record, key, handle) {
    if (key === "setName") return namer(record, handle);
    return commonMember(record, key) ?? readItem(record, record, [], key);
  },
};

const itemTraps: ProxyHandler<ItemRecord> = {
  ...refusals<ItemRecord>(),
  get(item, key, handle) {
    if (key === "setName") return namer(item, handle);
    return commonMember(item, key) ?? readItem(item, item.node, item.path, key);
  },
};

const actorTraps: ProxyHandler<NodeRecord> = {
  ...refusals<NodeRecord>(),
  get(record, key, handle) {
    if (key === "setName") return namer(record, handle);
    const member = commonMember(record, key);
    if (member !== undefined || typeof key === "symbol" || isUnreadable(key)) return member;
    const method = methodOf(record.definition as Definition, key);
    return (...args: unknown[]) => nodeHandle(callMethod(record, method, args));
  },
};

function namer(record: NodeRecord | ItemRecord, handle: object): (name: string) => object {
  return function setName(name) {
    nameNode(record, name, setName);
    return handle;
  };
}

function readItem(
  holder: NodeRecord | ItemRecord,
  node: NodeRecord,
  path: readonly ItemKey[],
  key: string | symbol,
): unknown {
  const at = (key: ItemKey) => new Proxy(new ItemRecord(node, [...path, key]), itemTraps);
  if (key === Symbol.iterator) return () => iterateItems(holder, at);
  if (key === "item") return (key: ItemKey) => at(checkItemKey(holder, key));
  if (typeof key === "symbol" || isUnreadable(key)) return undefined;
  return at(/^(0|[1-9]\d{0,9})$/.test(key) ? Number(key) : key);
}

/** `then` would make a node a promise; `constructor` and `prototype` are asked for by whoever inspects values. */
function isUnreadable(key: string): boolean {
  return key === "then" || key === "constructor" || key === "prototype";
}

function* iterateItems(holder: NodeRecord | ItemRecord, at: (index: number) => object) {
  for (let index = 0; index < MOST_DESTRUCTURED; index++) yield at(index);
  throw new TypeError(
    `Cannot spread or loop over "${holder.name}", as its length is not known before it runs: ` +
      `take items by name or position, or pass it whole.`,
  );
}

/** What nodes, items and instances answer alike. */
function commonMember(record: NodeRecord | ItemRecord, key: string | symbol): unknown {
  if (key === RECORD) return record;
  if (key === INSPECT) return record[key as never];
  if (key === Symbol.toStringTag) return "Node";
  if (key === Symbol.toPrimitive || (typeof key === "string" && CONVERSIONS.has(key))) {
    return () => {
      throw new TypeError(
        `Cannot use the node "${record.name}" as a number or text, as it has no value before it runs: ` +
          `pass it to another workflow function, or run a backend to get its value.`,
      );
    };
  }
  return undefined;
}

function checkItemKey(record: NodeRecord | ItemRecord, key: unknown): ItemKey {
  if (typeof key === "string" || typeof key === "number") return key;
  throw new TypeError(
    `Cannot read an item of "${record.name}" as 'key' must be a text or a number: current value is ${typeof key}.`,
  );
}

function callMethod(constructor: NodeRecord, definition: Definition, args: unknown[]): NodeRecord {
  const previous = constructor.link ?? constructor;
  const record = makeNode(definition, args, previous);
  if (isImportedForDefinitions()) return record;
  record.instance = constructor;
  record.link = previous;
  constructor.link = record;
  return record;
}

const methods = new WeakMap<Definition, Map<string, Definition>>();

function methodOf(cls: Definition, key: string): Definition {
  let known = methods.get(cls);
  if (!known) {
    known = new Map(
      [...methodNames(cls.target as AnyClass)].map((name) => [
        name,
        methodDefinition(cls, name),
      ]),
    );
    methods.set(cls, known);
  }
  const method = known.get(key);
  if (method) return method;
  throw new TypeError(
    `Cannot read "${key}" of an instance of ${cls.name}, as only its methods can be called before it runs: ` +
      `${known.size ? [...known.keys()].join(", ") : "it has none"}.`,
  );
}

/** Nothing can be asked of a node's value, or changed in it, before it is there. */
function refusals<R extends NodeRecord | ItemRecord>(): ProxyHandler<R> {
  const refuse = (what: string) => (record: R): never => {
    throw new TypeError(
      `Cannot ${what} the node "${record.name}", as it has no value before it runs: ` +
        `do it in a workflow function that is given the node.`,
    );
  };
  return {
    has: (_record, key) => key === RECORD,
    set: refuse("change"),
    defineProperty: refuse("change"),
    deleteProperty: refuse("change"),
    setPrototypeOf: refuse("change"),
    preventExtensions: refuse("change"),
    ownKeys: refuse("take all items of"),
    getOwnPropertyDescriptor: () => undefined,
  };
}

/** Whether a value is a node, an item or an instance. */
export function isHandle(value: unknown): boolean {
  return recordOf(value) !== undefined;
}
