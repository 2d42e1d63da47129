/** What a pass counts: for how many things each node still waits, how many readers each value still has, what is ready. */

import type { Graph } from "./graph.ts";
import { CHECK, HAVE, MAYBE_READ, READ, RUN } from "./plan.ts";

/** The counts of one pass. */
export class Readiness {
  readonly #graph: Graph;
  /** What is done with each node; it may change while the pass runs. */
  readonly #actions: Uint8Array;
  /** Of each node, the values that it still waits for. */
  readonly #waiting: Int32Array;
  /** Of each value, the readers that have not run; a target has one more. */
  readonly #readers: Int32Array;
  /** A stack: going deep first frees values early. */
  readonly #ready: Int32Array;
  #readyCount = 0;
  /** A mark for each node that may run: whoever waits for it waits for more than its value to be read. */
  readonly #isOpen: Uint8Array;
  /** A mark for each node whose value is there, or was there until its last reader ran. */
  readonly #isFinished: Uint8Array;

  constructor(graph: Graph, actions: Uint8Array) {
    const count = graph.nodes.length;
    this.#graph = graph;
    this.#actions = actions;
    this.#waiting = new Int32Array(count);
    this.#readers = new Int32Array(count);
    this.#ready = new Int32Array(count);
    this.#isOpen = actions.map((action) => action === RUN || action === CHECK ? 1 : 0);
    this.#isFinished = new Uint8Array(count);
    for (let i = count - 1; i >= 0; i--) this.#count(i);
    for (const target of graph.targetIndexes) this.#readers[target]++;
  }

  #count(i: number): void {
    const { inputs, inputOffsets, instances } = this.#graph;
    const action = this.#actions[i];
    if (action !== RUN && action !== CHECK && action !== READ) return;
    if (this.#isOpen[i]) {
      for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
        this.#readers[inputs[at]]++;
        // What is stored is known without being read.
        if (action === RUN || this.#isOpen[inputs[at]]) this.#waiting[i]++;
      }
      if (this.#isAfter(i)) this.#waiting[i]++;
      // Also for a call to check: should it have to run after all, the instance is still there.
      if (instances[i] >= 0) this.#readers[instances[i]]++;
    }
    if (this.#waiting[i] === 0) this.add(i);
  }

  /** Whether a call waits for the one before; that may have been run in an earlier pass, on an instance that is there. */
  #isAfter(i: number): boolean {
    const before = this.#graph.previous[i];
    if (before < 0) return false;
    return this.#isOpen[before] === 1 ||
      (this.#actions[i] === RUN && this.#actions[before] === HAVE);
  }

  get hasReady(): boolean {
    return this.#readyCount > 0;
  }

  /** Takes the node that became ready last. */
  next(): number {
    return this.#ready[--this.#readyCount];
  }

  /** A node is ready. */
  add(i: number): void {
    this.#ready[this.#readyCount++] = i;
  }

  /** How many readers of a value have not run. */
  readersLeft(i: number): number {
    return this.#readers[i];
  }

  /** A reader of a value has run, or will not run; whether it was the last one. */
  dropReader(i: number): boolean {
    return --this.#readers[i] <= 0;
  }

  /** The node's value is there: whoever waits for it waits for one thing less. */
  finish(i: number): void {
    this.#isFinished[i] = 1;
    this.#tell(i);
  }

  /** A node that was checked runs: gives the values that have to be read for it, and waits for those that are on their way. */
  reopen(i: number): number[] {
    const { inputs, inputOffsets } = this.#graph;
    const toRead = new Set<number>();
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (this.#isFinished[input]) continue;
      this.#waiting[i]++;
      if (this.#actions[input] === MAYBE_READ) toRead.add(input);
    }
    if (this.#waiting[i] === 0) this.add(i);
    return [...toRead];
  }

  /** Whether a node that runs is known to need the value. */
  isNeeded(i: number): boolean {
    const { dependents, dependentOffsets } = this.#graph;
    for (let at = dependentOffsets[i]; at < dependentOffsets[i + 1]; at++) {
      if (this.#actions[dependents[at]] === RUN && !this.#isCallEdge(i, at)) return true;
    }
    return false;
  }

  /** A node that was checked need not run: all is known that others to be checked must know of it. */
  settle(i: number): void {
    this.#tell(i);
    // If it is read later, that is news only for those that run.
    this.#isOpen[i] = 0;
  }

  #tell(i: number): void {
    const { dependents, dependentOffsets } = this.#graph;
    for (let at = dependentOffsets[i + 1] - 1; at >= dependentOffsets[i]; at--) {
      const dependent = dependents[at];
      if (!this.#isOpen[dependent]) continue;
      const isWaiting = this.#isCallEdge(i, at)
        ? this.#isAfter(dependent)
        : this.#actions[dependent] === RUN || this.#isOpen[i] === 1;
      if (isWaiting && --this.#waiting[dependent] === 0) this.add(dependent);
    }
  }

  /** Whether an entry of the dependents is there as a call follows the one before, which comes last of a call's entries. */
  #isCallEdge(i: number, at: number): boolean {
    const { dependents, dependentOffsets, previous } = this.#graph;
    const dependent = dependents[at];
    return previous[dependent] === i &&
      (at === dependentOffsets[i + 1] - 1 || dependents[at + 1] !== dependent);
  }
}
