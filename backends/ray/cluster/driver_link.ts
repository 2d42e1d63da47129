/** The host's end of the line to `driver.py`, which speaks to Ray. */

import { Buffer } from "node:buffer";
import type { ReportMessage } from "../../../core/protocol.ts";
import type { ThrownRecord } from "../../../core/thrown.ts";
import {
  decodeFrames,
  decodeValue,
  type DriverFrame,
  encodeFrame,
  type HostFrame,
  type Received,
  type StoragePlace,
} from "./wire.ts";

/** What the driver says of tasks and nodes. */
export interface DriverEvents {
  done(frame: DriverFrame & { ev: "done" }, report: ReportMessage): void;
  /** `thrown` is what was thrown outside of nodes, if that ended the worker. */
  failed(frame: DriverFrame & { ev: "failed" }, thrown: ThrownRecord | undefined): void;
  started(frame: DriverFrame & { ev: "started" }): void;
  log(frame: DriverFrame & { ev: "log" }): void;
  /** There is no driver any more. */
  ended(why: string): void;
}

/** What there is, as the driver knows it. */
export type Cluster = Omit<DriverFrame & { ev: "cluster" }, "ev">;

/** What to run, as the driver hands it on. */
export type RunFrame = Received<DriverFrame & { ev: "run" }>;

/** A value that was asked for, or that it is gone. */
export type Got = { readonly value: unknown } | { readonly lost: readonly number[] };

/** What the program at a place answered, or why it did not. */
export type Stored =
  | { readonly answer: Uint8Array }
  | { readonly problem: string; readonly isGone: boolean };

interface Waiting<T> {
  resolve(answer: T): void;
  reject(error: Error): void;
}

// What is sent in one go is written in pieces of this size: each wakes the driver, who is not to wait for all of it.
const CROWD_BYTES = 64 * 1024;

/** One line; it serves one run at a time. */
export class DriverLink {
  /** Who hears of what happens. */
  events: DriverEvents | undefined;
  /** What the driver says first of all. */
  readonly run: Promise<RunFrame>;
  readonly #run = Promise.withResolvers<RunFrame>();
  readonly #write: (pieces: readonly Uint8Array[]) => void;
  readonly #decode: (bytes: Uint8Array) => void;
  #hellos: Waiting<Cluster>[] = [];
  readonly #gets = new Map<number, Waiting<Got>[]>();
  readonly #stores = new Map<number, Waiting<Stored>>();
  readonly #looks = new Map<string, Waiting<readonly string[]>>();
  #latest = 0;
  #end: string | undefined;
  /** Small pieces that are to be written together. */
  #crowd: Uint8Array[] = [];
  #crowdBytes = 0;

  /** `write` takes the pieces of a message, and sends them in order. */
  constructor(write: (pieces: readonly Uint8Array[]) => void) {
    this.#write = write;
    this.run = this.#run.promise;
    // It is for whoever waits for it.
    this.run.catch(() => {});
    this.#decode = decodeFrames<DriverFrame>((frame) => this.#take(frame));
  }

  /** Takes bytes of the driver's, in pieces of any size. */
  receive(bytes: Uint8Array): void {
    this.#decode(bytes);
  }

  /** The driver is gone; `why` is one sentence. */
  ended(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = why;
    const waiting = [
      ...this.#hellos.splice(0),
      ...[...this.#gets.values()].flat(),
      ...this.#stores.values(),
      ...this.#looks.values(),
    ];
    for (const all of [this.#gets, this.#stores, this.#looks]) all.clear();
    for (const { reject } of [this.#run, ...waiting]) reject(new Error(why));
    this.events?.ended(why);
  }

  /** Why there is no driver any more; `undefined` as long as there is one. */
  get end(): string | undefined {
    return this.#end;
  }

  /** A number that nothing on this line has had. */
  nextNumber(): number {
    return ++this.#latest;
  }

  send(head: HostFrame, parts: readonly Uint8Array[] = []): void {
    if (this.#end !== undefined) return;
    const pieces = encodeFrame(head, parts);
    if (this.#crowd.length === 0) queueMicrotask(() => this.#flush());
    for (const piece of pieces) {
      this.#crowd.push(piece);
      this.#crowdBytes += piece.byteLength;
    }
    if (this.#crowdBytes >= CROWD_BYTES) this.#flush();
  }

  /** Writes what was sent since the last time. */
  #flush(): void {
    const pieces = this.#crowd;
    if (pieces.length === 0) return;
    const isSmall = this.#crowdBytes < 2 * CROWD_BYTES;
    this.#crowd = [];
    this.#crowdBytes = 0;
    this.#write(isSmall && pieces.length > 1 ? [Buffer.concat(pieces)] : pieces);
  }

  /** Asks what there is in the cluster. */
  hello(): Promise<Cluster> {
    return this.#ask((waiting) => {
      this.#hellos.push(waiting);
      this.send({ op: "hello" });
    });
  }

  /** Asks for a node's value. */
  get(node: number): Promise<Got> {
    return this.#ask((waiting) => {
      const others = this.#gets.get(node);
      if (others) return void others.push(waiting);
      this.#gets.set(node, [waiting]);
      this.send({ op: "get", node });
    });
  }

  /** Hands a message to the program at a place. */
  store(place: StoragePlace, message: Uint8Array): Promise<Stored> {
    return this.#ask((waiting) => {
      const number = this.nextNumber();
      this.#stores.set(number, waiting);
      this.send({ op: "store", number, place }, [message]);
    });
  }

  /** Asks which machines don't have a file, by their addresses. */
  findBlind(path: string): Promise<readonly string[]> {
    return this.#ask((waiting) => {
      this.#looks.set(path, waiting);
      this.send({ op: "see", path });
    });
  }

  /** Nothing more is wanted of the driver. */
  stop(): void {
    this.send({ op: "stop" });
  }

  #ask<T>(begin: (waiting: Waiting<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) reject(new Error(this.#end));
      else begin({ resolve, reject });
    });
  }

  #take({ head, parts }: Received<DriverFrame>): void {
    const { events } = this;
    switch (head.ev) {
      case "run":
        return this.#run.resolve({ head, parts });
      case "cluster":
        for (const { resolve } of this.#hellos.splice(0)) resolve(head);
        return;
      case "value":
        return this.#answer(head.node, () => ({ value: decodeValue(parts) }));
      case "lost":
        for (const node of head.nodes) this.#answer(node, () => ({ lost: head.nodes }));
        return;
      case "stored": {
        const waiting = this.#stores.get(head.number);
        this.#stores.delete(head.number);
        const { problem, isGone = false } = head;
        return waiting?.resolve(problem === undefined ? { answer: parts[0] } : { problem, isGone });
      }
      case "seen":
        this.#looks.get(head.path)?.resolve(head.blind);
        this.#looks.delete(head.path);
        return;
      case "done":
        return events?.done(head, decodeValue(parts) as ReportMessage);
      case "failed": {
        const thrown = parts.length > 0 ? decodeValue(parts) as ThrownRecord : undefined;
        return events?.failed(head, thrown);
      }
      case "started":
        return events?.started(head);
      case "log":
        return events?.log(head);
    }
  }

  #answer(node: number, answer: () => Got): void {
    const waiting = this.#gets.get(node);
    if (!waiting) return;
    this.#gets.delete(node);
    for (const { resolve, reject } of waiting) {
      try {
        resolve(answer());
      } catch (error) {
        reject(error as Error);
      }
    }
  }
}
