/** Values on their way: from the worker that holds one, over the host, to where it is read. */

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
  readonly #places: Places;
  readonly #moves = new Map<number, Move>();

  constructor(places: Places) {
    this.#places = places;
  }

  /** Asks for a value that a worker holds; it is handed over, not copied, if `isLast` reader asks for it. */
  ask(input: number, traveller: Traveller, isLast: boolean): void {
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

  /** A value is here: puts it into the next messages, and gives those that wait for nothing more. */
  arrived(input: number, value: unknown): Traveller[] {
    const move = this.#moves.get(input);
    if (!move) return [];
    this.#moves.delete(input);
    if (move.isLast) this.#places.left(input);
    const travellers = move.travellers.filter(({ isOff }) => !isOff);
    const workers = new Set(travellers.map(({ to }) => to).filter((to) => to !== "host"));
    const isHandedOver = workers.size === 1 && travellers.every(({ to }) => to !== "host");
    for (const worker of workers) {
      if (!worker.isAlive) continue;
      worker.put(input, value, isHandedOver ? weigh(value).buffers : []);
      this.#places.copied(input, worker);
    }
    return travellers.filter((traveller) => --traveller.missing === 0);
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
