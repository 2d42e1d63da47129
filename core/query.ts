/** What an engineer sets for the nodes that a pattern finds. */

import type { AnyFunction } from "./callable.ts";
import type { Graph, NodeSettings } from "./graph.ts";
import { handleOf } from "./handles.ts";
import { compilePattern, type Pattern } from "./names.ts";
import { noteGiven } from "./carried.ts";
import { flattenPlugin, type Plugin } from "./plugin.ts";
import { extendPolicy, type RemoteArgs } from "./policy.ts";
import type { Node } from "./types.ts";

/** The numbers of the nodes whose whole names a pattern matches, in graph order. */
export function findNumbers(graph: Graph, pattern: Pattern | undefined): number[] {
  const matches = compilePattern(pattern);
  const found: number[] = [];
  for (let i = 0; i < graph.nodes.length; i++) if (matches(graph.nodes[i].name)) found.push(i);
  return found;
}

/**
 * The nodes of one backend that a pattern matched; each call sets something for all of them and gives the query back.
 *
 * What is set belongs to the backend: the nodes themselves, and other backends, are not changed.
 */
export class Query {
  readonly #graph: Graph;
  readonly #numbers: readonly number[];

  /** @ignore Made by `backend.query(pattern)`. */
  constructor(graph: Graph, pattern: Pattern | undefined) {
    this.#graph = graph;
    this.#numbers = findNumbers(graph, pattern);
  }

  /** The names of the nodes found, in graph order. */
  get names(): string[] {
    return this.#numbers.map((i) => this.#graph.nodes[i].name);
  }

  /** The nodes found, in graph order; they can be the targets of another backend. */
  get nodes(): Node<unknown>[] {
    return this.#numbers.map((i) => handleOf(this.#graph.nodes[i]) as Node<unknown>);
  }

  /**
   * Sets resources, retries and time limits; what was set before and is not named stays.
   *
   * @throws {TypeError | RangeError} If a setting is unknown or out of range; then nothing is set.
   */
  setRemoteArgs(args: RemoteArgs): this {
    extendPolicy(undefined, args);
    return this.#set((settings) => ({ policy: extendPolicy(settings.policy, args) }));
  }

  /** Adds a plugin, after those that were set before. */
  setPlugin(plugin: Plugin): this {
    const nodes = new Set(this.#numbers);
    for (const part of flattenPlugin(plugin)) this.#graph.plugins.push({ plugin: part, nodes });
    return this;
  }

  /** Sets whether values are read from and written to the storage. Default: they are. */
  setStored(isStored: boolean): this {
    if (typeof isStored !== "boolean") {
      throw new TypeError(
        `Cannot set whether nodes are stored as 'isStored' must be true or false: current value is ${isStored}.`,
      );
    }
    return this.#set(() => ({ isStored }));
  }

  /**
   * Runs another function on the same arguments.
   *
   * @throws {TypeError} If `fn` is no function, or one of the nodes is a constructor's or a method's.
   */
  replaceFunction(fn: AnyFunction): this {
    if (typeof fn !== "function") {
      throw new TypeError(
        `Cannot replace the function as 'fn' must be a function: current value is ${fn}.`,
      );
    }
    for (const i of this.#numbers) {
      const { name, definition } = this.#graph.nodes[i];
      if (definition.kind === "function") continue;
      throw new TypeError(
        `Cannot replace the function of "${name}", as it is a ${definition.kind} of a class: replace only functions' nodes.`,
      );
    }
    const origin = noteGiven(fn, this.replaceFunction);
    return this.#set(() => ({ replacement: { fn, origin } }));
  }

  #set(change: (settings: NodeSettings) => NodeSettings): this {
    for (const i of this.#numbers) {
      const settings = this.#graph.settings.get(i) ?? {};
      this.#graph.settings.set(i, { ...settings, ...change(settings) });
    }
    return this;
  }
}
