/** How the host and one worker talk, whatever the worker is: the host's side. */

import type { HostMessage, NodeMessage } from "../../core/protocol.ts";
import type { WorkerEnd } from "../shared/ends.ts";

/** What a worker's link tells. */
export interface LinkEvents {
  message(message: NodeMessage): void;
  /** The worker is gone; told once, and not after `kill`. */
  ended(end: WorkerEnd): void;
}

/** The host's side of one worker. */
export interface WorkerLink {
  /** Memory shared with the worker, if there can be such. */
  readonly control: Int32Array | undefined;
  /** Sends a message, handing over buffers. */
  post(message: HostMessage, handedOver?: ArrayBuffer[]): void;
  /** Ends the worker at once; resolves when it is gone. */
  kill(): Promise<void>;
  /** Leaves the worker, which has nothing to do, for another run; where there is no such, it is to be killed. */
  park?(): Promise<void>;
  /** The latest lines that it wrote to standard error. */
  lastLines(): readonly string[];
  /** Notes a line that came by a message. */
  noteLine(line: string): void;
}

/** Starts a worker. */
export type OpenLink = (events: LinkEvents) => WorkerLink;

const MOST_LINES = 20;

/** The end of what a worker wrote to standard error; everything is passed on to the host's own. */
export class LastLines {
  #lines: string[] = [];

  /** Takes what was written. */
  add(text: string): void {
    const lines = text.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
    this.#lines = this.#lines.concat(lines).slice(-MOST_LINES);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
