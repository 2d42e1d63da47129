/** The front end: the one directive, and names. */

import type { AnyClass, AnyFunction } from "./callable.ts";
import { Definition, isClass, isGenerator } from "./definition.ts";
import { actorHandle, checkName, makeNode, nameNode, nodeHandle } from "./handles.ts";
import { recordOf } from "./node.ts";
import { CallSite } from "./place.ts";
import type { Actor, Args, InstanceRef, Node, Ref } from "./types.ts";

/** A function that makes nodes: calling it does not run it. */
export type WorkflowFunction<A extends readonly unknown[], R> = (
  ...args: Args<A>
) => Node<Awaited<R>>;

/** A class that makes stateful nodes, with or without `new`. */
export interface WorkflowClass<A extends readonly unknown[], I> {
  /** Makes the node of a future instance. */
  new (...args: Args<A>): Actor<I>;
  /** Makes the node of a future instance. */
  (...args: Args<A>): Actor<I>;
}

/** Names a node and gives it back; equal to `node.setName(name)`. */
export function setName<N extends Ref<unknown> | InstanceRef<unknown>>(node: N, name: string): N {
  nameNode(recordOf(node), name, setName);
  return node;
}

// A mark on the function itself, which another copy of the library knows too.
const MAKER = Symbol.for("functionfuse.maker");

/** Whether a value is what `workflow` returns. */
export function isMaker(value: unknown): boolean {
  return typeof value === "function" && Object.hasOwn(value, MAKER);
}

/**
 * Turns a function or a class into one that makes nodes of a graph instead of running.
 *
 * The function itself is not changed. Its nodes' arguments may be values, nodes, items of nodes, and array or object
 * literals of such; a promise that it returns is awaited. Of a class, the constructor and every method call make a node,
 * and the calls on one instance run one after the other in the order in which they were made.
 *
 * @throws {TypeError} If the function has no name, or is a generator.
 * @example A graph of three nodes
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const sum = workflow(function sum(a: number, b: number) {
 *   return a + b;
 * });
 * const three = sum(sum(1, 1), 1).setName("three");
 *
 * assert.equal(await new LocalWorkflow(three, { workflowName: "demo" }).run(), 3);
 * ```
 * @example A stateful node
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import assert from "node:assert/strict";
 *
 * const Counter = workflow(class Counter {
 *   constructor(public total: number) {}
 *   add(n: number) {
 *     return this.total += n;
 *   }
 * });
 * const counter = new Counter(10);
 * counter.add(1);
 * const total = counter.add(2);
 *
 * assert.equal(await new LocalWorkflow(total, { workflowName: "demo" }).run(), 13);
 * ```
 */
export function workflow<C extends AnyClass>(cls: C, context: ClassDecoratorContext<C>): C;
/** Turns a class into one that makes stateful nodes. */
export function workflow<A extends unknown[], I>(
  cls: new (...args: A) => I,
): WorkflowClass<A, I>;
/** Turns a function into one that makes nodes. */
export function workflow<A extends unknown[], R>(fn: (...args: A) => R): WorkflowFunction<A, R>;
/** Turns a class into one that makes stateful nodes with a name of your own. */
export function workflow<A extends unknown[], I>(
  name: string,
  cls: new (...args: A) => I,
): WorkflowClass<A, I>;
/** Turns a function into one that makes nodes with a name of your own. */
export function workflow<A extends unknown[], R>(
  name: string,
  fn: (...args: A) => R,
): WorkflowFunction<A, R>;
export function workflow(
  first: string | AnyFunction | AnyClass,
  second?: AnyFunction | AnyClass | ClassDecoratorContext,
): unknown {
  const [name, target] = typeof first === "string" ? [first, second] : [first?.name, first];
  checkTarget(name, target);
  const cls = isClass(target);
  const site = CallSite.of(workflow as AnyFunction, true);
  const definition = new Definition(cls ? "constructor" : "function", name, target, site);
  const handle = cls ? actorHandle : nodeHandle;
  // A plain function, as it can be called with `new` or without.
  const make = function (...args: unknown[]) {
    // Constructed on behalf of a class that inherits from this one: then it is a plain class.
    if (cls && new.target && new.target !== make) {
      return Reflect.construct(target, args, new.target);
    }
    return handle(makeNode(definition, args));
  };
  Object.defineProperty(make, "name", { value: name });
  Object.defineProperty(make, MAKER, { value: true });
  if (cls) {
    // Static members, inheritance and `instanceof` stay what they are.
    Object.setPrototypeOf(make, target);
    make.prototype = target.prototype;
  }
  return make;
}

/** The same as {@link workflow}. */
export const task: typeof workflow = workflow;

function checkTarget(
  name: unknown,
  target: unknown,
): asserts target is AnyFunction | AnyClass {
  if (typeof target !== "function") {
    throw new TypeError(
      `Cannot make a workflow function as 'fn' must be a function or a class: current value is ${
        target === null ? "null" : typeof target
      }.`,
    );
  }
  if (isMaker(target)) {
    throw new TypeError(
      `Cannot make a workflow function of "${target.name}", as it is one already.`,
    );
  }
  if (typeof name !== "string" || name === "") {
    throw new TypeError(
      `Cannot make a workflow function of one without a name: write workflow(function load() { … }) or ` +
        `workflow("load", () => …).`,
    );
  }
  checkName(name, "Cannot make a workflow function");
  if (isGenerator(target as AnyFunction)) {
    throw new TypeError(
      `Cannot make a workflow function of the generator "${name}", as its result could be read only once: ` +
        `return an array.`,
    );
  }
}
