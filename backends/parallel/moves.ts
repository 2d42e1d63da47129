/** Values on their way: from the worker that holds one, over the host, to where it is read. */

import { HELD, type Pass } from "../../core/executor.ts";
import type { Graph } from "../../core/graph.ts";
import { isSmall } from "../../core/holdings.ts";
import { weigh } from "../../core/movable.ts";
import type { Places } from "./places.ts";
import type { PoolWorker } from "./worker.ts";

/** Where a value can go. */
export type Destination = PoolWorker | "host";

/** A node that waits for values. */
export interface Traveller {
  readonly node: number;
  readonly to: Destination;
  /** How many values are still missing. */
  missing: number;
  /** It is not waited for any more. */
  isOff: boolean;
}

interface Move {
  readonly from: PoolWorker;
  readonly isLast: boolean;
  readonly travellers: Traveller[];
}

/** All moves of one run. */
export class Moves {
  readonly #graph: Graph;
  readonly #places: Places;
  readonly #moves = new Map<number, Move>();

  constructor(graph: Graph, places: Places) {
    this.#graph = graph;
    this.#places = places;
  }

  /** Sees to it that all that a node reads is, or will be, where it runs. */
  fetch(i: number, to: Destination, pass: Pass): Traveller {
    const { inputs, inputOffsets } = this.#graph;
    const { values } = pass;
    const traveller: Traveller = { node: i, to, missing: 0, isOff: false };
    const asked = new Set<number>();
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      if (values[input] === HELD) {
        if (asked.has(input) || (to !== "host" && this.#places.isAt(input, to))) continue;
        asked.add(input);
        this.#ask(input, traveller, pass.readersLeft(input) === 1);
      } else if (to !== "host" && !isSmall(values[input]) && !this.#places.isAt(input, to)) {
        to.put(input, values[input]);
        this.#places.copied(input, to);
      }
    }
    return traveller;
  }

  /** Asks for a value that a worker holds; it is handed over, not copied, if `isLast` reader asks for it. */
  #ask(input: number, traveller: Traveller, isLast: boolean): void {
    traveller.missing++;
    const move = this.#moves.get(input);
    if (move) {
      move.travellers.push(traveller);
      return;
    }
    const from = this.#places.holderOf(input)!;
    this.#moves.set(input, { from, isLast, travellers: [traveller] });
    from.post({ type: "give", node: input, isLast });
  }

  /**
   * A value is here: puts it into the next messages. Gives those that wait for nothing more, and whether the host is among
   * those that waited for it.
   */
  arrived(input: number, value: unknown): { complete: Traveller[]; isForHost: boolean } {
    const move = this.#moves.get(input);
    if (!move) return { complete: [], isForHost: false };
    this.#moves.delete(input);
    if (move.isLast) this.#places.left(input);
    const travellers = move.travellers.filter(({ isOff }) => !isOff);
    const workers = new Set(travellers.map(({ to }) => to).filter((to) => to !== "host"));
    const isForHost = travellers.some(({ to }) => to === "host");
    const isHandedOver = workers.size === 1 && !isForHost;
    for (const worker of workers) {
      if (!worker.isAlive) continue;
      worker.put(input, value, isHandedOver ? weigh(value).buffers : []);
      this.#places.copied(input, worker);
    }
    return { complete: travellers.filter((traveller) => --traveller.missing === 0), isForHost };
  }

  /** A value can't come: gives those that waited for it. */
  failed(input: number): Traveller[] {
    const travellers = this.#moves.get(input)?.travellers ?? [];
    this.#moves.delete(input);
    return takeOff(travellers);
  }

  /** A worker is gone: gives those that waited for a value from it, or were to run on it. */
  lost(worker: PoolWorker): Traveller[] {
    const stranded: Traveller[] = [];
    for (const [input, move] of this.#moves) {
      if (move.from === worker) {
        this.#moves.delete(input);
        stranded.push(...move.travellers);
      } else stranded.push(...move.travellers.filter(({ to }) => to === worker));
    }
    return takeOff(stranded);
  }

  /** A node is not waited for any more. */
  cancel(node: number): Traveller[] {
    const travellers = [...this.#moves.values()].flatMap((move) => move.travellers);
    return takeOff(travellers.filter((traveller) => traveller.node === node));
  }
}

function takeOff(travellers: readonly Traveller[]): Traveller[] {
  const taken = travellers.filter(({ isOff }) => !isOff);
  for (const traveller of taken) traveller.isOff = true;
  return [...new Set(taken)];
}
