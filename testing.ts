/**
 * For tests of workflows: a run with some nodes replaced, in one call, without storage.
 *
 * @example
 * ```ts
 * import { workflow } from "functionfuse";
 * import { runWith } from "functionfuse/testing";
 * import assert from "node:assert/strict";
 *
 * const load = workflow("load", (path: string): number[] => {
 *   throw new Error(`there is no ${path} here`);
 * });
 * const mean = workflow("mean", (x: number[]) => x.reduce((sum, n) => sum + n, 0) / x.length);
 *
 * const digits = load("/data/digits.csv").setName("load");
 * const { value, ran } = await runWith(mean(digits), { values: { load: [1, 2, 6] } });
 * assert.equal(value, 3);
 * assert.deepEqual(ran, ["mean_0000"]);
 * ```
 *
 * @module
 */

import { rethrow } from "./core/rethrow.ts";
import { LocalWorkflow } from "./backends/local.ts";
import type { AnyFunction } from "./core/callable.ts";
import { GraphError } from "./core/errors.ts";
import { compilePattern, type Pattern } from "./core/names.ts";
import { type ItemRecord, KIND, type NodeRecord, RECORD, recordOf } from "./core/node.ts";
import { checkKeys } from "./core/options.ts";
import type { Plugin } from "./core/plugin.ts";
import { copyNeeded, isObject, type StandIn } from "./core/stand_ins.ts";
import type { InstanceRef, Node, Results, Target, Targets } from "./core/types.ts";

/** What a replaced node is found by: its name, a pattern that matches the whole names of some, or the node itself. */
export type NodeKey = Pattern | Target;

/**
 * Which nodes are replaced, and by what: an object by name or pattern, or a list of pairs or a map, whose keys may also be
 * regular expressions and nodes.
 *
 * A text is the name of the node that has it; if none has, it is a pattern, as in `backend.query`. Where several keys find
 * a node, its name and the node itself come before patterns, and later ones before earlier ones.
 */
export type Replacements<V> = Readonly<Record<string, V>> | Iterable<readonly [NodeKey, V]>;

/** What {@link runWith} takes. */
export interface RunWithOptions {
  /**
   * Nodes that do not run, and their values, handed over as they are: functions too. A promise is awaited. The value of an
   * instance's node is an object, on which the calls are made. Default: none.
   */
  values?: Replacements<unknown>;
  /**
   * Nodes that run other functions, which are given the nodes' arguments. Of an instance's node, the function gives the
   * object on which the calls are made. Default: none.
   */
  functions?: Replacements<AnyFunction>;
  /** Plugins and observers of all nodes. Default: none. */
  plugins?: readonly Plugin[];
  /** Ends the run when it aborts. Default: nothing does. */
  signal?: AbortSignal;
}

/** What {@link runWith} gives. */
export interface TestRun<T> {
  /** The target's value, or a list of values for a list of targets. */
  readonly value: Results<T>;
  /** The names of the nodes that ran their own code, in the order in which they ended. */
  readonly ran: readonly string[];
}

/**
 * Runs what targets need, with some nodes replaced, and gives the targets' values and what ran.
 *
 * Nodes run one after the other, in this process and without storage, so debuggers, coverage, mocks and fake timers of any
 * test runner work. A node that is replaced by a value does not run, nor does what only it reads. A call that is replaced
 * does nothing to its instance; the other calls are made on the instance as ever. The graph itself is not changed.
 *
 * @param targets What a backend takes: a node, an item, an instance, or a list of them.
 * @throws {NodeError} If a node fails.
 * @throws {GraphError} If a name or a pattern finds no node, with the name that was probably meant.
 * @throws {TypeError} If an option has a wrong value.
 * @example A function in the place of another, and an object in the place of an instance
 * ```ts
 * import { workflow } from "functionfuse";
 * import { given, runWith } from "functionfuse/testing";
 * import assert from "node:assert/strict";
 *
 * const Model = workflow(class Model {
 *   fit(_x: number[]) {
 *     throw new Error("this takes an hour");
 *   }
 *   predict(x: number) {
 *     return x;
 *   }
 * });
 * const load = workflow("load", (path: string) => [path.length]);
 *
 * const model = new Model();
 * model.fit(load("digits")).setName("fit");
 * const guess = model.predict(3);
 *
 * const { value } = await runWith(guess, { values: { fit: undefined } });
 * assert.equal(value, 3);
 *
 * const seen: unknown[] = [];
 * const run = await runWith(guess, {
 *   values: [given(model, { fit: (x) => void seen.push(x), predict: (x) => 2 * x })],
 *   functions: { "load_.*": (path) => [path] },
 * });
 * assert.equal(run.value, 6);
 * assert.deepEqual(seen, [["digits"]]);
 * ```
 */
export async function runWith<const T extends Targets>(
  targets: T,
  options: RunWithOptions = {},
): Promise<TestRun<T>> {
  checkKeys("run with replaced nodes", options, ["values", "functions", "plugins", "signal"]);
  // Its own copy of the graph refuses what no backend would take.
  const nodes = new LocalWorkflow(targets, { workflowName: "test" }).query().nodes
    .map((node) => recordOf(node) as NodeRecord);
  const standIns = await findStandIns(nodes, options);
  const list: readonly unknown[] = Array.isArray(targets) ? targets : [targets];
  const copies = copyNeeded(list.map((target) => recordOf(target)!), nodes, standIns);
  const ran: string[] = [];
  const replaced = new Set(standIns.keys().map(({ name }) => name));
  const note: Plugin = {
    name: "runWith",
    options: undefined,
    hooks: { onNodeEnd: ({ name }) => void (replaced.has(name) || ran.push(name)) },
  };
  const plugins = [...options.plugins ?? [], note];
  const copied = copies.map((record) => ({ [RECORD]: record }) as unknown as Target);
  const wf = new LocalWorkflow(copied, { workflowName: "test", plugins });
  const values: unknown = await wf.run(options.signal ? { signal: options.signal } : {});
  const value = Array.isArray(targets) ? values : (values as unknown[])[0];
  return { value: value as Results<T>, ran };
}

/**
 * A pair for {@link Replacements}: the value in the place of a node, or the object in the place of an instance, of which
 * only the methods that are called have to be there. Other than in a plain pair, its type is checked.
 */
export function given<I>(instance: InstanceRef<I>, value: Partial<I>): readonly [NodeKey, unknown];
/** A pair of a node and the value in its place. */
export function given<T>(
  node: Node<T>,
  value: NoInfer<T> | Promise<NoInfer<T>>,
): readonly [NodeKey, unknown];
export function given(node: Target, value: unknown): readonly [NodeKey, unknown] {
  return [node, value];
}

type Named = ReadonlyMap<string, NodeRecord>;

/** Later keys before earlier ones, and those that mean one node before patterns. */
async function findStandIns(
  nodes: readonly NodeRecord[],
  { values, functions }: RunWithOptions,
): Promise<Map<NodeRecord, StandIn>> {
  const named: Named = new Map(nodes.map((node) => [node.name, node]));
  const ofPatterns = new Map<NodeRecord, StandIn>();
  const ofNodes = new Map<NodeRecord, StandIn>();
  const enter = async (
    option: string,
    replacements: Replacements<unknown> | undefined,
    standInOf: (node: NodeRecord, value: unknown) => StandIn,
  ) => {
    for (const [key, value] of readPairs(option, replacements)) {
      const one = findNode(key, named);
      if (one) ofNodes.set(one, standInOf(one, value));
      if (one) continue;
      const matches = compilePattern(key as Pattern);
      const found = nodes.filter(({ name }) => matches(name));
      if (found.length === 0) throw await unknownNode(option, key as Pattern, named);
      for (const node of found) ofPatterns.set(node, standInOf(node, value));
    }
  };
  await enter("functions", functions, functionFor);
  await enter("values", values, valueFor);
  return new Map([...ofPatterns, ...ofNodes]);
}

function readPairs(
  option: string,
  replacements: Replacements<unknown> | undefined,
): readonly (readonly [unknown, unknown])[] {
  if (replacements === undefined) return [];
  if (isObject(replacements) && !recordOf(replacements)) {
    if (!(Symbol.iterator in replacements)) return Object.entries(replacements);
    const pairs = [...replacements as Iterable<readonly [unknown, unknown]>];
    if (pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) return pairs;
  }
  throw new TypeError(
    `Cannot replace nodes as '${option}' must be an object by names, or a list of pairs of a name, a regular ` +
      "expression or a node and what replaces it.",
  );
}

/** The node that a key means by itself; `undefined` if it is a pattern. */
function findNode(key: unknown, named: Named): NodeRecord | undefined {
  if (typeof key === "string") return named.get(key);
  if (key instanceof RegExp) return undefined;
  const record = recordOf(key);
  if (record?.[KIND] === "node" && named.get(record.name) === record) return record;
  if (record) throw wrongNode(record);
  throw new TypeError(
    `Cannot replace nodes as a key must be a name, a regular expression or a node: current value is ${key}.`,
  );
}

function wrongNode(record: NodeRecord | ItemRecord): Error {
  const name = JSON.stringify(record.name);
  if (record[KIND] === "item") {
    return new TypeError(`Cannot replace ${name}, as it is an item: replace the node itself.`);
  }
  return new GraphError(`Cannot replace ${name}, as the graph of the targets has no such node.`, {
    reason: "unknown-node",
    nodes: [record.name],
  });
}

function valueFor(node: NodeRecord, value: unknown): StandIn {
  if (recordOf(value)) {
    throw new TypeError(
      `Cannot replace "${node.name}" by a node: give a value, or make the targets of other nodes.`,
    );
  }
  if (node.definition.kind === "constructor" && !isObject(value)) {
    throw new TypeError(
      `Cannot replace the instance "${node.name}" as its value must be an object, on which the calls are made: ` +
        `current value is ${value === null ? "null" : typeof value}.`,
    );
  }
  return { fn: () => value, hasArguments: false };
}

function functionFor(node: NodeRecord, fn: unknown): StandIn {
  if (typeof fn === "function") return { fn: fn as AnyFunction, hasArguments: true };
  throw new TypeError(
    `Cannot replace the function of "${node.name}" as it must be a function: current value is of type ` +
      `${fn === null ? "null" : typeof fn}. Values are given as 'values'.`,
  );
}

/** Loads the library that compares texts only when a name is wrong. */
async function unknownNode(option: string, key: Pattern, named: Named): Promise<GraphError> {
  const text = key instanceof RegExp ? String(key) : JSON.stringify(key);
  const { closest } =
    await ("Deno" in globalThis
      ? import("npm:fastest-levenshtein@1.0.16").catch(rethrow)
      : import("fastest-levenshtein"));
  const source = key instanceof RegExp ? key.source : key;
  const nearest = closest(source, [...named.keys()]);
  return new GraphError(
    `Cannot replace nodes as ${text} of '${option}' finds none: no node has this name, nor does it match the whole ` +
      `name of one. The nearest name is ${JSON.stringify(nearest)}.`,
    { reason: "unknown-node", nodes: [source] },
  );
}
