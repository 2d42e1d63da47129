/** Writes nodes down as what a task runs: their calls, what these read, and which values are to be kept. */

import { encodeCall } from "../../../core/calls.ts";
import { HELD, type Pass } from "../../../core/executor.ts";
import { argsOf, type Graph } from "../../../core/graph.ts";
import { isSmall } from "../../../core/holdings.ts";
import type { Loading } from "../../../core/loading.ts";
import { weigh } from "../../../core/movable.ts";
import { PhaseFailure } from "../../../core/node_host.ts";
import type { Preparation } from "../../../core/protocol.ts";
import type { Refs } from "./refs.ts";
import { encodeValue, INLINE_BYTES, type RunPayload } from "./wire.ts";

/** A task as it travels. */
export interface WrittenTask {
  readonly name: string;
  readonly reads: readonly number[];
  readonly returns: readonly number[];
  readonly payload: readonly Uint8Array[];
}

// Of these, any number of copies is cheaper than a value of the object store.
const LIGHT_BYTES = 1_024;

/** The writer of one run. */
export class TaskWriter {
  readonly #graph: Graph;
  readonly #loading: Loading;
  readonly #refs: Refs;
  /** Of each value that was weighed, its bytes. */
  readonly #weights = new Map<number, number>();

  constructor(graph: Graph, loading: Loading, refs: Refs) {
    this.#graph = graph;
    this.#loading = loading;
    this.#refs = refs;
  }

  /** Nobody needs the node's value any more. */
  release(i: number): void {
    if (this.#weights.size > 0) this.#weights.delete(i);
  }

  /**
   * Writes nodes that run one after the other.
   *
   * @throws {PhaseFailure} If what one of them is called with, or prepared with, can't be sent.
   */
  write(nodes: readonly number[], pass: Pass): WrittenTask {
    const graph = this.#graph;
    const inside = new Set(nodes);
    const reads = new Set<number>();
    const returns = nodes.filter((i) => this.#isNeededOutside(i, inside, pass));
    const isReturned = new Set(returns);
    const calls: unknown[] = [];
    const preparations = new Map<number, Preparation>();
    for (const i of nodes) {
      const preparation = attempt("initialize", () => this.#loading.preparationOf(i));
      if (preparation) preparations.set(i, preparation);
      const head = {
        node: i,
        id: this.#loading.idOf(i)!,
        instance: graph.instances[i],
        isWanted: isReturned.has(i),
      };
      encodeCall(calls, head, argsOf(graph, i), {
        inputs: graph.inputs,
        from: graph.inputOffsets[i],
        isInline: (input) => {
          if (inside.has(input)) return false;
          if (this.#isInline(input, pass)) return true;
          reads.add(input);
          return false;
        },
        values: pass.values,
      });
    }
    const payload: RunPayload = { calls, ...(preparations.size > 0 && { preparations }) };
    const pieces = attempt("arguments", () => encodeValue(payload));
    for (const input of reads) {
      if (this.#refs.has(input)) continue;
      attempt("arguments", () => this.#refs.put(input, pass.values[input]));
    }
    return { name: this.#nameOf(nodes), reads: [...reads], returns, payload: pieces };
  }

  /** Whether others than the nodes themselves need a node's value. */
  #isNeededOutside(i: number, inside: ReadonlySet<number>, pass: Pass): boolean {
    if (this.#graph.nodes[i].definition.kind === "constructor") return false;
    return pass.isWanted(i) || pass.readersLeft(i) > this.readersAmong(i, inside);
  }

  /** How often nodes read a node. */
  readersAmong(i: number, nodes: ReadonlySet<number>): number {
    if (nodes.size === 1) return 0;
    const { dependents, dependentOffsets, inputs, inputOffsets } = this.#graph;
    const readers = new Set<number>();
    for (let at = dependentOffsets[i]; at < dependentOffsets[i + 1]; at++) {
      if (nodes.has(dependents[at])) readers.add(dependents[at]);
    }
    let count = 0;
    for (const reader of readers) {
      for (let at = inputOffsets[reader]; at < inputOffsets[reader + 1]; at++) {
        if (inputs[at] === i) count++;
      }
    }
    return count;
  }

  /** Whether a value goes along with the calls. */
  #isInline(i: number, pass: Pass): boolean {
    const value = pass.values[i];
    if (value === HELD || this.#refs.has(i)) return false;
    return this.isLight(i, value, pass.readersLeft(i));
  }

  /** Whether a node's value is so small that all copies for so many readers together are. */
  isLight(i: number, value: unknown, readers: number): boolean {
    if (isSmall(value)) return true;
    let bytes = this.#weights.get(i);
    if (bytes === undefined) {
      const bulk = weigh(value);
      this.#weights.set(i, bytes = bulk.isWhole ? bulk.bytes : Infinity);
    }
    return bytes <= LIGHT_BYTES || bytes * readers <= INLINE_BYTES;
  }

  #nameOf(nodes: readonly number[]): string {
    const { name } = this.#graph.nodes[nodes[0]];
    return nodes.length === 1 ? name : `${name} and ${nodes.length - 1} more`;
  }
}

function attempt<T>(phase: "initialize" | "arguments", action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new PhaseFailure(phase, error);
  }
}
