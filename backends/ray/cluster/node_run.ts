/** The calls of one task, as node.ts sees them: what is told of them, and what is to be kept of it. */

import { Buffer } from "node:buffer";
import { CallReader } from "../../../core/calls.ts";
import { isSmall } from "../../../core/holdings.ts";
import { forEachReported } from "../../../core/report.ts";
import type { LoadItem, LoadProblem, ProgramItem, ReportMessage } from "../../../core/protocol.ts";
import {
  type DriverFrame,
  encodeFrame,
  encodeValue,
  INLINE_BYTES,
  type RunPayload,
  type Where,
} from "./wire.ts";

/** Collects what is reported of the calls of one task until all of it is known. */
export class NodeRun {
  /** The calls' nodes, in order. */
  readonly nodes: readonly number[];
  readonly #returns: readonly number[];
  readonly #at = Date.now();
  readonly #values: unknown[] = [];
  readonly #durations: number[] = [];
  readonly #held: number[] = [];
  readonly #unsendable: (number | string)[] = [];
  #failure: ReportMessage["failure"];

  constructor(payload: RunPayload, returns: readonly number[]) {
    this.nodes = [...callsOf(payload.calls)].map(({ node }) => node);
    this.#returns = returns;
  }

  /** Adds a report; tells whether it was the last. */
  add(report: ReportMessage): boolean {
    const before = this.#durations.length;
    forEachReported(report, ({ position, value, durationMs, problem }) => {
      this.#values.push(value);
      this.#durations.push(durationMs);
      if (problem !== undefined) this.#unsendable.push(before + position, problem);
    });
    this.#failure = report.failure;
    return report.isCut === true || this.#durations.length === this.nodes.length;
  }

  /**
   * What there is to tell, as the frame for the host: small values are in the report, and others, which are kept, are
   * written down each for itself.
   */
  write(task: number, where: Where): { values: number[]; parts: Uint8Array[] } {
    const held: [number, number][] = [];
    const values: Uint8Array[][] = [];
    let inline = 0;
    for (const node of this.#returns) {
      const position = this.nodes.indexOf(node);
      const written = this.#encode(position);
      const bytes = written.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const isInline = inline + bytes <= INLINE_BYTES;
      values.push(isInline ? [] : written);
      if (isInline) inline += bytes;
      else {
        held.push([node, bytes]);
        this.#held.push(position, bytes);
        this.#values[position] = undefined;
      }
    }
    const done: DriverFrame = { ev: "done", task, at: this.#at, where, held };
    return {
      values: values.map(({ length }) => length),
      parts: [Buffer.concat(encodeFrame(done, encodeValue(this.#message()))), ...values.flat()],
    };
  }

  /** The pieces of a value; none if there is no value, or none that can leave the process, or hardly anything to it. */
  #encode(position: number): Uint8Array[] {
    if (position < 0 || position >= this.#durations.length) return [];
    if (this.#unsendable.includes(position) || isSmall(this.#values[position])) return [];
    try {
      return encodeValue(this.#values[position]);
    } catch (error) {
      this.#values[position] = undefined;
      this.#unsendable.push(position, `value (${(error as Error).message})`);
      return [];
    }
  }

  #message(): ReportMessage {
    return {
      type: "report",
      values: this.#values,
      durations: this.#durations,
      ...(this.#held.length > 0 ? { held: this.#held } : {}),
      ...(this.#unsendable.length > 0 ? { unsendable: this.#unsendable } : {}),
      ...(this.#failure ? { failure: this.#failure } : {}),
    };
  }
}

/** What could not be looked up, by its number: with what is made of it. */
export class Problems {
  readonly #texts = new Map<number, string>();

  constructor(items: readonly (LoadItem | ProgramItem)[], problems: readonly LoadProblem[]) {
    for (const { id, text } of problems) this.#texts.set(id, text);
    // A program comes after what it is made of.
    for (const item of items) {
      const text = "program" in item ? this.find(item.program) : undefined;
      if (text !== undefined) this.#texts.set(item.id, text);
    }
  }

  /** Why calls can't be run, if they can't. */
  find({ calls, preparations }: RunPayload): string | undefined {
    if (this.#texts.size === 0) return undefined;
    for (const { id } of callsOf(calls)) {
      const text = this.#texts.get(id);
      if (text !== undefined) return text;
    }
    for (const { plugins } of preparations?.values() ?? []) {
      const unknown = plugins.find(({ id }) => this.#texts.has(id));
      if (unknown) return this.#texts.get(unknown.id);
    }
  }
}

function* callsOf(calls: readonly unknown[]) {
  const reader = new CallReader(calls);
  for (let call = reader.next(); call; call = reader.next()) yield call;
}
