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

/** One call of a report. */
export interface ReportEntry {
  /** How many calls of the report come before. */
  readonly position: number;
  readonly value: unknown;
  readonly durationMs: number;
  /** Of a value that the worker holds: its size. */
  readonly bytes: number | undefined;
  /** Of a value that was asked for but can't be sent: the part that can't. */
  readonly problem: string | undefined;
}

/** Visits the calls of a report, in order. */
export function forEachReported(report: ReportMessage, visit: (entry: ReportEntry) => void): void {
  const { values, durations, held = [], unsendable = [] } = report;
  let nextHeld = 0;
  let nextUnsendable = 0;
  for (let position = 0; position < values.length; position++) {
    const isHeld = held[nextHeld] === position;
    const bytes = isHeld ? held[nextHeld + 1] : undefined;
    if (isHeld) nextHeld += 2;
    const isUnsendable = unsendable[nextUnsendable] === position;
    const problem = isUnsendable ? unsendable[nextUnsendable + 1] as string : undefined;
    if (isUnsendable) nextUnsendable += 2;
    visit({ position, value: values[position], durationMs: durations[position], bytes, problem });
  }
}
