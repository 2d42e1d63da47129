/**
 * The node host: runs the nodes of a graph that lives in another process.
 *
 * It is told by messages what to load and to run, and says by messages what became of it; how messages travel, and how a
 * module is imported, is the affair of the thread, child process or cluster worker that it runs in.
 */

import type { AnyFunction } from "./callable.ts";
import { type Call, CallReader } from "./calls.ts";
import { Definition } from "./definition.ts";
import { isHandle } from "./handles.ts";
import { Holdings } from "./holdings.ts";
import { type Importer, Lookup } from "./lookup.ts";
import { becomeHosted, type HostedProcess, TryContext } from "./node_context.ts";
import { Environment, invoke, isPromiseLike, nestedNode, PhaseFailure } from "./node_host.ts";
import type { PluginHooks } from "./plugin.ts";
import {
  CONTROL,
  type HostMessage,
  type NodeMessage,
  type Preparation,
  type RunMessage,
} from "./protocol.ts";
import { Report } from "./report.ts";
import { describeThrown, rebuildThrown } from "./thrown.ts";

/** The code that is running: which node it is part of. */
export interface NodeScope {
  node: number;
  context: TryContext;
}

/** What the process brings. */
export interface NodeRuntime extends Importer {
  /** Sends a message to the host, handing over buffers. */
  post(message: NodeMessage, handedOver?: ArrayBuffer[]): void;
  /** Calls `action` so that it, and all that it starts, is in the scope. */
  runIn<T>(scope: NodeScope, action: () => T): T;
  /** The scope that the running code is in. */
  currentScope(): NodeScope | undefined;
  /** Memory shared with the host, if the process has such. */
  readonly control?: Int32Array;
}

// Progress and results are told this often while nodes are small; a node that takes longer is told of at once.
const REPORT_EVERY_MS = 5;

/** Serves one host for as long as the process lives. */
export class NodeServer implements HostedProcess {
  readonly #runtime: NodeRuntime;
  readonly #control: Int32Array | undefined;
  readonly #lookup: Lookup;
  #holdings = new Holdings();
  readonly #inbox: RunMessage[] = [];
  #report = new Report();
  #isRunning = false;
  #running: NodeScope | undefined;
  /** How many calls were begun, dropped ones left out; what the shared memory says too. */
  #begun = 0;
  #cuts = 0;
  /** When the latest call ended, or the first one began. */
  #clock = 0;
  #sentAt = 0;
  #abortReason: unknown;

  constructor(runtime: NodeRuntime) {
    this.#runtime = runtime;
    this.#control = runtime.control;
    this.#lookup = new Lookup(runtime);
    becomeHosted(this);
    runtime.post({ type: "ready" });
  }

  /** Takes a message of the host. */
  receive(message: HostMessage): void {
    switch (message.type) {
      case "load":
        void this.#lookup.load(message.items)
          .then((problems) => this.#runtime.post({ type: "loaded", problems }));
        break;
      case "run":
        this.#inbox.push(message);
        this.#pump();
        break;
      case "give":
        this.#give(message.node, message.isLast);
        break;
      case "abort":
        this.#abortReason = rebuildThrown(message.reason);
        this.#running?.context.abort(this.#abortReason);
        break;
      case "reset":
        this.#reset();
    }
  }

  /** Imported modules stay; what a run made of them goes. */
  #reset(): void {
    this.#lookup.known.clear();
    this.#holdings = new Holdings();
    this.#abortReason = undefined;
    this.#begun = 0;
    this.#cuts = 0;
    if (this.#control) {
      Atomics.store(this.#control, CONTROL.BEGUN, 0);
      Atomics.store(this.#control, CONTROL.ABORT, 0);
    }
  }

  currentTry(): TryContext | undefined {
    return this.#runtime.currentScope()?.context;
  }

  stopImport(): void {
    this.#lookup.stopImport();
  }

  /** Runs what has arrived, unless it does so already. */
  #pump(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const scope: NodeScope = { node: -1, context: new TryContext() };
    this.#running = scope;
    this.#clock = this.#sentAt = performance.now();
    const done = this.#runtime.runIn(scope, () => this.#runInbox(scope));
    if (isPromiseLike(done)) void done.then(() => this.#rest());
    else this.#rest();
  }

  #rest(): void {
    this.#isRunning = false;
    this.#running = undefined;
    this.#send();
    if (this.#inbox.length > 0) this.#pump();
  }

  #runInbox(scope: NodeScope): unknown {
    for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
      this.#takeValues(message);
      if (message.cuts !== this.#cuts) continue;
      const calls = new CallReader(message.calls);
      const done = this.#runCalls(scope, calls, message.preparations);
      if (isPromiseLike(done)) {
        return done.then(() => this.#send()).then(() => this.#runInbox(scope));
      }
      // So that the host can send more while the next ones run.
      this.#send();
    }
  }

  #takeValues({ release = [], put = [] }: RunMessage): void {
    for (const node of release) this.#holdings.release(node);
    for (let k = 0; k < put.length; k += 2) this.#holdings.put(put[k] as number, put[k + 1]);
  }

  /** Synchronous as long as the nodes are: to await costs more than a small node. */
  #runCalls(
    scope: NodeScope,
    calls: CallReader,
    preparations: RunMessage["preparations"],
  ): void | Promise<void> {
    for (let call = calls.next(); call; call = calls.next()) {
      if (!this.#begin()) return this.#cut();
      const current = call;
      let outcome: unknown;
      try {
        outcome = this.#run(scope, current, preparations?.get(current.node));
      } catch (error) {
        return this.#fail(error);
      }
      if (isPromiseLike(outcome)) {
        return Promise.resolve(outcome).then((value) => {
          if (this.#keep(current, value)) return this.#runCalls(scope, calls, preparations);
        }, (error) => this.#fail(error));
      }
      if (!this.#keep(current, outcome)) return;
    }
  }

  /** Claims the next call, unless the host has taken back what was not begun. */
  #begin(): boolean {
    const begun = this.#begun;
    const control = this.#control;
    if (control && Atomics.compareExchange(control, CONTROL.BEGUN, begun, begun + 1) !== begun) {
      return false;
    }
    this.#begun++;
    return true;
  }

  #run(scope: NodeScope, call: Call, preparation: Preparation | undefined): unknown {
    const known = this.#lookup.known.get(call.id) as Definition | AnyFunction;
    const { values } = this.#holdings;
    scope.node = call.node;
    scope.context = new TryContext((controller) => this.#asked(controller));
    let args: unknown[];
    try {
      args = call.args(values);
    } catch (error) {
      throw new PhaseFailure("arguments", error);
    }
    const receiver = call.instance < 0 ? undefined : values.get(call.instance);
    const action = () =>
      typeof known === "function" ? known(...args) : invoke(known, undefined, receiver, args);
    if (!preparation) return action();
    const initializations = preparation.plugins.map(({ id, data }) => ({
      hooks: this.#lookup.known.get(id) as PluginHooks,
      data,
    }));
    return new Environment().run(preparation.node, initializations, action);
  }

  /** Keeps a value for its readers, and notes what the host is to know of it. */
  #keep({ node, id, instance, isWanted }: Call, value: unknown): boolean {
    const known = this.#lookup.known.get(id);
    const kind = known instanceof Definition ? known.kind : "function";
    try {
      if (isHandle(value)) throw nestedNode();
      const bytes = this.#holdings.keep(node, value, kind !== "function");
      // An instance may have kept what its calls were given.
      if (instance >= 0) this.#holdings.pinAll();
      const now = performance.now();
      this.#report.add(value, bytes, isWanted && kind !== "constructor", now - this.#clock);
      this.#clock = now;
      if (now - this.#sentAt > REPORT_EVERY_MS || !this.#control) this.#send();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    const { phase, error: thrown, members } = error instanceof PhaseFailure
      ? error
      : new PhaseFailure("run", error);
    this.#report.failure = { phase, thrown: describeThrown(thrown), members };
    this.#cut();
  }

  /** Drops everything that was not begun: the host sends again what is still to be run. */
  #cut(): void {
    for (const message of this.#inbox.splice(0)) this.#takeValues(message);
    this.#cuts++;
    this.#report.isCut = true;
    if (this.#control) Atomics.store(this.#control, CONTROL.BEGUN, this.#begun);
    this.#send();
  }

  #send(): void {
    if (this.#report.isEmpty) return;
    const report = this.#report;
    this.#report = new Report();
    this.#sentAt = performance.now();
    this.#runtime.post(report.message());
  }

  #give(node: number, isLast: boolean): void {
    const given = this.#holdings.give(node, isLast);
    if ("problem" in given) {
      this.#runtime.post({ type: "withheld", node, problem: given.problem });
    } else this.#runtime.post({ type: "gave", node, value: given.value }, given.handedOver);
  }

  /** A node wants its signal: the host waits for it when it stops it, and a loop that never waits can look at it too. */
  #asked(controller: AbortController): void {
    this.#runtime.post({ type: "asked" });
    const control = this.#control;
    if (!control) return;
    const { signal } = controller;
    let isTelling = false;
    const look = () => {
      if (isTelling || Atomics.load(control, CONTROL.ABORT) === 0 || isAborted.call(signal)) return;
      // Aborting looks at the signal itself.
      isTelling = true;
      controller.abort(this.#abortReason ?? new DOMException("The run is over.", "AbortError"));
      isTelling = false;
    };
    Object.defineProperties(signal, {
      aborted: { get: () => (look(), isAborted.call(signal)) },
      throwIfAborted: { value: () => (look(), AbortSignal.prototype.throwIfAborted.call(signal)) },
    });
  }
}

const isAborted = Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")!.get!;
