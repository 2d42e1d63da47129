/**
 * What a run on a cluster tells the client, as lines of the job's log: a mark, and a list of events as JSON. All else is
 * what programs have written by themselves.
 */

import { Buffer } from "node:buffer";
import type { ItemKey } from "../core/node.ts";
import { describeThrown, rebuildThrown, type ThrownRecord } from "../core/thrown.ts";
import { packValue, unpackValue } from "../encoding/packed.ts";

/** One event; `node` is a number of the graph that the client has described. */
export type RunEvent =
  /** The run starts. */
  | {
    readonly ev: "run";
    /** The names of all nodes, for who follows without the graph. */
    readonly names: readonly string[];
    /** The names of what they are calls of, and for each node which. */
    readonly definitions: readonly string[];
    readonly which: readonly number[];
    /** Of what the values are, in order. */
    readonly targets: readonly { readonly node: number; readonly path: readonly ItemKey[] }[];
    /** Whether these are a list. */
    readonly isList: boolean;
    readonly toRun: number;
    readonly toRead: number;
    readonly notNeeded: number;
  }
  | {
    readonly ev: "start";
    readonly node: number;
    /** Milliseconds since 1970, by the cluster's clock. */
    readonly at: number;
    readonly worker?: string;
  }
  | {
    readonly ev: "end";
    readonly node: number;
    readonly durationMs: number;
    readonly isStored: boolean;
    readonly reason?: string;
    readonly bytes?: number;
    readonly worker?: string;
  }
  | { readonly ev: "reused"; readonly node: number }
  /** A try has failed; `thrown` is what `packThrown` made of it. */
  | {
    readonly ev: "error";
    readonly node: number;
    readonly thrown: string;
    readonly willRetry: boolean;
  }
  | { readonly ev: "warn"; readonly text: string }
  /** What a node printed, or with -1 what its worker said outside of nodes. */
  | { readonly ev: "log"; readonly node: number; readonly text: string; readonly worker: string }
  /** Nothing runs any more. */
  | {
    readonly ev: "over";
    readonly durationMs: number;
    /** How many nodes were not run as their stored values are right. */
    readonly reused: number;
  }
  /** All has gone well; the values of the targets' nodes, packed as one list, are in a file. */
  | {
    readonly ev: "result";
    /** The file's name in the folder of the logs of the Ray node `node_id`. */
    readonly file: string;
    readonly node_id: string;
    readonly bytes: number;
  }
  /** The run has failed; `thrown` as above. */
  | { readonly ev: "failed"; readonly thrown: string };

/** What events begin with; the number of their line follows, so that no two are the same. */
export const MARK = "\x1eFUSE ";
// So often a client is told at most.
const FLUSH_AFTER_MS = 50;
const LONGEST_LINE = 64 * 1024;

/** Writes events, some at once. */
export class EventLines {
  readonly #write: (line: string) => void;
  #waiting: string[] = [];
  #length = 0;
  #lines = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `write` takes whole lines with their ends. */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  add(event: RunEvent): void {
    const text = JSON.stringify(event);
    if (this.#length + text.length > LONGEST_LINE) this.flush();
    this.#waiting.push(text);
    this.#length += text.length + 1;
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS);
  }

  /** Writes what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    this.#write(`${MARK}${this.#lines++} [${this.#waiting.splice(0).join(",")}]\n`);
    this.#length = 0;
  }
}

/** A line of the log. */
export interface LogLine {
  /** What a program has written by itself; it may have left its line without an end. */
  readonly said: string | undefined;
  readonly events: readonly RunEvent[];
}

/** Tells apart what is in a line of the log. */
export function readLine(line: string): LogLine {
  const at = line.indexOf(MARK);
  if (at === -1) return { said: line, events: [] };
  try {
    const events: RunEvent[] = JSON.parse(line.slice(line.indexOf(" [", at) + 1));
    return { said: at === 0 ? undefined : line.slice(0, at), events };
  } catch {
    // Cut off, as the process was killed.
    return { said: line, events: [] };
  }
}

/** What was thrown, as text. */
export function packThrown(thrown: unknown): string {
  return Buffer.from(packValue(describeThrown(thrown))).toString("base64");
}

/** What was thrown. */
export function unpackThrown(text: string): unknown {
  return rebuildThrown(unpackValue(Buffer.from(text, "base64")) as ThrownRecord);
}
