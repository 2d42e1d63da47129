/** One worker, as the host sees it: what it was sent, what it has done, what it holds. */

import type { WorkerError } from "../../core/errors.ts";
import type { LoadProblem, NodeMessage, ReportMessage } from "../../core/protocol.ts";
import { CONTROL, type HostMessage, type Preparation, TAKEN_BACK } from "../../core/protocol.ts";
import type { ThrownRecord } from "../../core/thrown.ts";
import { type WorkerEnd, workerError } from "../shared/ends.ts";
import type { OpenLink, WorkerLink } from "./link.ts";
import type { Needs } from "./resources.ts";

/** What a worker tells the executor. */
export interface WorkerEvents {
  loaded(worker: PoolWorker, problems: readonly LoadProblem[]): void;
  report(worker: PoolWorker, report: ReportMessage): void;
  gave(worker: PoolWorker, message: NodeMessage & { type: "gave" | "withheld" }): void;
  log(node: number, text: string): void;
  died(worker: PoolWorker, end: WorkerEnd): void;
}

/** A worker of a pool. */
export class PoolWorker {
  readonly link: WorkerLink;
  isReady = false;
  isAlive = true;
  /** The nodes that it was sent and has not reported, in order. */
  readonly sent: number[] = [];
  /** About how long these take, in milliseconds. */
  sentMs = 0;
  /** Nodes that were sent, and what follows them was not, as there was no room. */
  readonly frontier: number[] = [];
  /** How many nodes wait for values on their way here. */
  incoming = 0;
  /** What its nodes took of the resources, while it has any. */
  needs: Needs | undefined;
  /** How many instances live here. */
  instances = 0;
  /** The running node has asked for its signal. */
  hasAsked = false;
  /** No more is sent until what was taken back, or dropped, is reported. */
  isCutting = false;
  /** The node that it reported last. */
  latest: number | undefined;
  /** How many calls it has reported in its life. */
  reported = 0;
  /** When it was last heard of, or sent the first of its nodes. */
  heardAt = 0;
  #cuts = 0;
  #calls: unknown[] = [];
  #put: unknown[] = [];
  #handedOver: ArrayBuffer[] = [];
  #release: number[] = [];
  #preparations: Map<number, Preparation> | undefined;
  /** How many of `sent` are not in a message yet. */
  #unsent = 0;
  #abandoned = -1;
  #tellEnded: () => void = () => {};

  constructor(
    readonly id: number,
    /** Whether what runs in it can be stopped at any time. */
    readonly canStop: boolean,
    open: OpenLink,
    events: WorkerEvents,
  ) {
    this.link = open({
      message: (message) => this.#receive(message, events),
      ended: (end) => events.died(this, end),
    });
  }

  #receive(message: NodeMessage, events: WorkerEvents): void {
    this.heardAt = performance.now();
    switch (message.type) {
      case "loaded":
        return events.loaded(this, message.problems);
      case "report":
        this.reported += message.values.length + (message.failure ? 1 : 0);
        this.hasAsked = false;
        if (message.isCut) {
          this.#cuts++;
          this.isCutting = false;
        }
        return events.report(this, message);
      case "gave":
      case "withheld":
        return events.gave(this, message);
      case "asked":
        this.hasAsked = true;
        return;
      case "log":
        this.link.noteLine(message.text);
        return events.log(message.node, message.text);
    }
  }

  /** Whether nothing runs, is sent or is on its way. */
  get isIdle(): boolean {
    return this.sent.length === 0 && this.incoming === 0 && !this.isCutting;
  }

  /** How much it has to do; instances make it wanted by nodes that can go nowhere else. */
  get load(): number {
    return this.sent.length + this.incoming + this.instances / 8;
  }

  /** The node that it is at. */
  get head(): number | undefined {
    return this.sent.length > this.#unsent ? this.sent[0] : undefined;
  }

  post(message: HostMessage): void {
    this.link.post(message);
  }

  /** Puts a call into the next message; `calls` is where to write it. */
  add(node: number, preparation: Preparation | undefined): unknown[] {
    if (this.sent.length === 0) this.heardAt = performance.now();
    this.sent.push(node);
    this.#unsent++;
    if (preparation) (this.#preparations ??= new Map()).set(node, preparation);
    return this.#calls;
  }

  /** Puts a value into the next message. */
  put(node: number, value: unknown, handedOver: readonly ArrayBuffer[] = []): void {
    this.#put.push(node, value);
    this.#handedOver.push(...handedOver);
  }

  /** Lets go of a value with the next message. */
  release(node: number): void {
    this.#release.push(node);
  }

  /** Whether the next message is so long that it had better be sent. */
  get isFull(): boolean {
    const LONGEST_MESSAGE = 500;
    return this.#unsent >= LONGEST_MESSAGE;
  }

  /** Sends what was put together; values to let go of wait for company. */
  flush(): void {
    const MOST_RELEASED = 256;
    const hasCalls = this.#calls.length > 0 || this.#put.length > 0;
    if (!this.isAlive || (!hasCalls && this.#release.length < MOST_RELEASED)) return;
    this.link.post({
      type: "run",
      cuts: this.#cuts,
      calls: this.#calls,
      put: this.#put,
      release: this.#release,
      preparations: this.#preparations,
    }, this.#handedOver);
    this.#unsent = 0;
    this.#calls = [];
    this.#put = [];
    this.#handedOver = [];
    this.#release = [];
    this.#preparations = undefined;
  }

  /** Takes back the calls that were sent and not begun; gives how many of `sent` stay with the worker. */
  takeBack(): number {
    const { control } = this.link;
    if (!control || this.isCutting) return this.sent.length;
    const begun = Atomics.exchange(control, CONTROL.BEGUN, TAKEN_BACK);
    const total = this.reported + this.sent.length;
    if (begun === TAKEN_BACK || begun >= total) {
      Atomics.compareExchange(control, CONTROL.BEGUN, TAKEN_BACK, begun);
      return this.sent.length;
    }
    this.isCutting = true;
    return begun - this.reported;
  }

  /** Of `sent`, the position of the node that was running when the worker died, or -1. */
  runningAtEnd(): number {
    const { control } = this.link;
    if (!control) return this.sent.length > 0 ? 0 : -1;
    const begun = Atomics.load(control, CONTROL.BEGUN);
    // Taken back: then what stays with the worker is what it had begun.
    if (begun === TAKEN_BACK) return this.sent.length - 1;
    return Math.min(begun - this.reported, this.sent.length) - 1;
  }

  /**
   * The running node is not waited for any more: tells it, if it listens, to come to an end. Resolves with whether it has
   * done so in the time given.
   */
  abandon(node: number, reason: ThrownRecord, graceMs: number): Promise<boolean> {
    this.#abandoned = node;
    const { control } = this.link;
    if (control) Atomics.store(control, CONTROL.ABORT, 1);
    this.link.post({ type: "abort", reason });
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), graceMs);
      this.#tellEnded = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /** Whether its running node is not waited for any more. */
  get isAbandoned(): boolean {
    return this.#abandoned >= 0;
  }

  /** Whether a node that was reported is the one that was not waited for any more; then the worker goes on as before. */
  hasEnded(node: number): boolean {
    if (this.#abandoned !== node) return false;
    this.#abandoned = -1;
    const { control } = this.link;
    if (control) Atomics.store(control, CONTROL.ABORT, 0);
    this.#tellEnded();
    return true;
  }

  /** Ends the worker. */
  kill(): Promise<void> {
    this.isAlive = false;
    this.#tellEnded();
    return this.link.kill();
  }

  /** The run is over: leaves the worker for another one, if it is fit for that; else ends it. */
  leave(): Promise<void> {
    const isFit = this.isReady && this.isIdle && !this.isAbandoned;
    if (!isFit || !this.link.park) return this.kill();
    this.isAlive = false;
    return this.link.park();
  }

  /** What is to be said of its death. */
  errorOf(end: WorkerEnd, latest: string | undefined): WorkerError {
    return workerError("The worker", end, { lastLines: this.link.lastLines(), latest });
  }
}
