/** How long functions take, learnt while they run: how many nodes are given away at a time follows from it. */

// How much the latest call counts.
const WEIGHT = 0.3;

/** The costs of the functions of one run, by their numbers. */
export class Costs {
  readonly #ms: number[] = [];

  /** About how many milliseconds a call takes; `undefined` if none was heard of. */
  msOf(id: number): number | undefined {
    return this.#ms[id];
  }

  /** A call took so long. */
  took(id: number, durationMs: number): void {
    const known = this.#ms[id];
    this.#ms[id] = known === undefined ? durationMs : known + WEIGHT * (durationMs - known);
  }
}
