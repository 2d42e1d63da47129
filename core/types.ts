/** The types that users see: nodes, items, instances and what may be passed to a node. */

import type { AnyFunction } from "./callable.ts";

declare const value: unique symbol;
declare const instance: unique symbol;

/** Anything that stands for a future value of type `T`: a node or an item. */
export interface Ref<out T> {
  /** @ignore Carries the type alone; it is not there when the program runs. */
  readonly [value]: T;
}

/** Anything that stands for a future instance of a class: what `new Counter(…)` gives. */
export interface InstanceRef<out I> {
  /** @ignore Carries the type alone; it is not there when the program runs. */
  readonly [instance]: I;
}

type Opaque =
  | AnyFunction
  | Date
  | RegExp
  | Error
  | Promise<unknown>
  | ArrayBufferLike
  | ArrayBufferView
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>;

/** @internal */
type ArgParts<T> = T extends Opaque ? never
  : T extends object ? { readonly [K in keyof T]: Arg<T[K]> }
  : never;

/** What may be passed where a function asks for a `T`: a value, a node or item that gives one, or a literal of such. */
export type Arg<T> = T | Ref<T> | ArgParts<T>;

/** The arguments of a function, each of which may be a node. */
export type Args<A extends readonly unknown[]> = { [K in keyof A]: Arg<A[K]> };

type IsAny<T> = 0 extends 1 & T ? true : false;

// Tuples must stay assignable to arrays to be destructured by position; what arrays can do, nodes can't.
type NoArrayMethods = {
  readonly [K in Exclude<keyof readonly unknown[], number | "length" | symbol>]: never;
};

/**
 * Keys that are never items, because JavaScript or this library uses them otherwise.
 *
 * @internal
 */
type ReservedKey =
  | "then"
  | "item"
  | "setName"
  | "constructor"
  | "toJSON"
  | "toString"
  | "toLocaleString"
  | "valueOf";

type ValueKey<T> = {
  [K in keyof T]-?: T[K] extends AnyFunction ? never : K;
}[keyof T];

type ObjectItems<T> = {
  readonly [K in Exclude<ValueKey<T>, ReservedKey | symbol>]: Item<T[K]>;
};

type ListItems<E> = {
  readonly [index: number]: Item<E>;
  readonly length: Item<number>;
  [Symbol.iterator](): Iterator<Item<E>>;
};

/** @internal */
type Items<T> = IsAny<T> extends true ? AnyItems
  : [T] extends [readonly (infer E)[]] ? (number extends T["length"] ? ListItems<E>
      : { readonly [K in keyof T]: Item<T[K]> } & NoArrayMethods)
  : [T] extends [ArrayBufferView & ArrayLike<infer E>] ? ListItems<E>
  : [T] extends [Opaque] ? unknown
  : [T] extends [object] ? ObjectItems<T>
  : unknown;

interface AnyItems {
  // deno-lint-ignore no-explicit-any
  readonly [key: string | number]: any;
  // deno-lint-ignore no-explicit-any
  [Symbol.iterator](): Iterator<any>;
}

// deno-lint-ignore no-explicit-any
type KeyOf<T> = IsAny<T> extends true ? any : T extends readonly unknown[] ? number : keyof T;
// deno-lint-ignore no-explicit-any
type At<T, K> = IsAny<T> extends true ? any : K extends keyof T ? T[K] : never;

/** @internal */
interface ItemMethods<T> {
  /** Refers to a part of the future value, also by a key that is otherwise taken, such as `"then"`. */
  item<K extends KeyOf<T>>(key: K): Item<At<T, K>>;
}

/** A part of a node's future value, of type `T`; items of it are items again. */
export type Item<T> = Ref<T> & ItemMethods<T> & Items<T>;

/** @internal */
interface NodeMethods<T> {
  /** Names the node and gives it back. */
  setName(name: string): Node<T>;
}

/** A node: the future value, of type `T`, of one call of a workflow function or method. */
export type Node<T> = NodeMethods<T> & Item<T>;

/** @internal */
interface ActorMethods<I> {
  /** Names the constructor's node and gives the instance back. */
  setName(name: string): Actor<I>;
}

/** A stateful node: a future instance of the class `I`, each method call of which makes a node. */
export type Actor<I> =
  & InstanceRef<I>
  & ActorMethods<I>
  & {
    readonly [
      // deno-lint-ignore no-explicit-any
      K in keyof I as I[K] extends (...args: any[]) => unknown ? Exclude<K, ReservedKey> : never
    ]: I[K] extends (...args: infer A) => infer R ? (...args: Args<A>) => Node<Awaited<R>> : never;
  };

/** What a backend can be asked for: a node, an item or an instance. */
export type Target = Ref<unknown> | InstanceRef<unknown>;

/** One target or a list of them. */
export type Targets = Target | readonly Target[];

/** What `run()` gives for targets: one value for one, a list for a list. */
export type Results<T> = T extends Ref<infer V> ? V
  : T extends InstanceRef<infer I> ? I
  : T extends readonly unknown[] ? { -readonly [K in keyof T]: Results<T[K]> }
  : never;
