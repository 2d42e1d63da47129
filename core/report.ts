/** What a node host tells of the calls that it has carried out. */

import { SMALL } from "./holdings.ts";
import { findUnmovable } from "./movable.ts";
import type { ReportMessage } from "./protocol.ts";

/** A report in the making. */
export class Report {
  failure: ReportMessage["failure"];
  isCut = false;
  readonly #values: unknown[] = [];
  readonly #durations: number[] = [];
  readonly #held: number[] = [];
  readonly #unsendable: (number | string)[] = [];

  /** Adds a call; `bytes` is the size of its value, or `SMALL`. */
  add(value: unknown, bytes: number, isWanted: boolean, durationMs: number): void {
    const position = this.#durations.push(durationMs) - 1;
    if (bytes === SMALL) {
      this.#values.push(value);
      return;
    }
    this.#held.push(position, bytes);
    const problem = isWanted ? findUnmovable(value) : undefined;
    if (problem !== undefined) this.#unsendable.push(position, problem);
    this.#values.push(isWanted && problem === undefined ? value : undefined);
  }

  /** Whether there is nothing to tell. */
  get isEmpty(): boolean {
    return this.#durations.length === 0 && !this.failure && !this.isCut;
  }

  message(): ReportMessage {
    return {
      type: "report",
      values: this.#values,
      durations: this.#durations,
      ...(this.#held.length > 0 ? { held: this.#held } : {}),
      ...(this.#unsendable.length > 0 ? { unsendable: this.#unsendable } : {}),
      ...(this.failure ? { failure: this.failure } : {}),
      ...(this.isCut ? { isCut: true } : {}),
    };
  }
}
