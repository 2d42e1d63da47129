/** A driver without Ray: does what the host says in this process, fails as it is told to, and notes what was asked of it. */

import type { BackendOptions, Target } from "functionfuse";
import { DriverLink } from "../../backends/ray/cluster/driver_link.ts";
import { createRayExecutor } from "../../backends/ray/cluster/executor.ts";
import {
  decodeFrames,
  decodeValue,
  encodeFrame,
  encodeValue,
  type FailedFrame,
  type HostFrame,
  type RunPayload,
} from "../../backends/ray/cluster/wire.ts";
import { Backend } from "../../core/backend.ts";
import { CallReader } from "../../core/calls.ts";
import type { Executor } from "../../core/executor.ts";
import type { ExecutorSetup } from "../../core/passes.ts";
import type { LoadItem, ReportMessage } from "../../core/protocol.ts";
import { describeThrown } from "../../core/thrown.ts";
import { combine } from "./nodes.ts";

type TaskFrame = HostFrame & { op: "task" | "actor" | "call" };
type Action = (...args: unknown[]) => unknown;

/** What the definitions of `nodes.ts` do, as far as they are known here. */
const ACTIONS: Readonly<Record<string, Action>> = {
  give: (value) => value,
  direct: combined,
  later: combined,
  nested: (index, inner) => combined(index, ...(inner as { deep: number[][] }).deep[0]),
  sum: (...values) => (values as number[]).reduce((sum, value) => sum + value, 0),
  array: (length, fill) => new Float64Array(length as number).fill(fill as number),
  total: (...arrays) =>
    (arrays as Float64Array[]).flatMap((array) => [...array])
      .reduce((sum, value) => sum + value, 0),
  Tape: () => undefined,
  throwValue: (value) => {
    throw value;
  },
  spin: (ms) => {
    const end = performance.now() + (ms as number);
    while (performance.now() < end);
  },
};
function combined(index: unknown, ...values: unknown[]): number {
  return combine(index as number, values as number[]);
}

const WHERE = { node: "0123456789abcdef", ip: "10.0.0.1", pid: 7 };

/** One of them. */
export class FakeRay {
  readonly link: DriverLink;
  /** What was sent to be run, in order. */
  readonly tasks: TaskFrame[] = [];
  /** What else the host said. */
  readonly said: HostFrame[] = [];
  /** The values of its object store. */
  readonly store = new Map<number, unknown>();
  /** What the machines have. */
  machines: readonly Readonly<Record<string, number>>[] = [{ CPU: 2 }];
  /** Whether a value stays in the object store. */
  isLarge: (value: unknown) => boolean = (value) => value instanceof Float64Array;
  /** Tells how a task fails, if it is to. */
  fail: (frame: TaskFrame) => Partial<FailedFrame> | undefined = () => undefined;
  #names = new Map<number, string>();

  constructor() {
    const decode = decodeFrames<HostFrame>(({ head, parts }) => this.#take(head, parts));
    this.link = new DriverLink((pieces) => pieces.forEach(decode));
  }

  /** A backend that runs on it. */
  workflow(targets: Target | readonly Target[], options: Partial<BackendOptions> = {}) {
    return new FakeRayWorkflow(targets, this, { workflowName: "test", ...options });
  }

  /** The names of all tasks. */
  get names(): string[] {
    return this.tasks.map(({ name }) => name);
  }

  #take(head: HostFrame, parts: Uint8Array[]): void {
    switch (head.op) {
      case "hello":
        return this.#tell({
          ev: "cluster",
          ray: "2.60.0",
          nodes: this.machines.map((resources, i) => ({
            ...{ id: `machine ${i}`, address: `10.0.0.${i + 1}`, alive: true, labels: {} },
            resources,
          })),
          free: {},
        });
      case "load":
        this.#names = new Map(
          (decodeValue(parts) as LoadItem[]).map(({ id, reference }) => [id, reference.name]),
        );
        return;
      case "put":
        this.said.push(head);
        this.store.set(head.node, decodeValue(parts));
        return;
      case "get":
        this.said.push(head);
        if (this.store.has(head.node)) {
          this.#tell({ ev: "value", node: head.node }, encodeValue(this.store.get(head.node)));
        } else this.#tell({ ev: "lost", nodes: [head.node], text: "" });
        return;
      case "drop":
        for (const node of head.nodes) this.store.delete(node);
        return;
      case "task":
      case "actor":
      case "call":
        this.tasks.push(head);
        return this.#run(head, decodeValue(parts) as RunPayload);
      default:
        this.said.push(head);
    }
  }

  #run(frame: TaskFrame, payload: RunPayload): void {
    const { task } = frame;
    const failed = this.fail(frame);
    const lost = frame.reads.filter((node) => !this.store.has(node));
    if (failed || lost.length > 0) {
      return this.#tell({
        ...{ ev: "failed", kind: "lost", text: "It is gone.", lines: [], lost, where: WHERE },
        ...failed,
        task,
      });
    }
    const held: [number, number][] = [];
    const report = this.#report(frame, payload, held);
    this.#tell({ ev: "done", task, at: 0, where: WHERE, held }, encodeValue(report));
  }

  #report(frame: TaskFrame, { calls }: RunPayload, held: [number, number][]): ReportMessage {
    const values: unknown[] = [];
    const durations: number[] = [];
    const here = new Map(frame.reads.map((node) => [node, this.store.get(node)]));
    const reader = new CallReader(calls);
    for (let call = reader.next(); call; call = reader.next()) {
      const begun = performance.now();
      let value: unknown;
      try {
        value = ACTIONS[this.#names.get(call.id)!](...call.args(here));
      } catch (error) {
        const failure = { phase: "run" as const, thrown: describeThrown(error), members: [] };
        return { type: "report", values, durations, failure, isCut: true };
      }
      durations.push(performance.now() - begun);
      here.set(call.node, value);
      const isReturned = frame.returns.includes(call.node);
      if (isReturned) this.store.set(call.node, value);
      const isHeld = isReturned && this.isLarge(value);
      if (isHeld) held.push([call.node, 1_000_000]);
      values.push(isReturned && !isHeld ? value : undefined);
    }
    return { type: "report", values, durations };
  }

  /** Not at once, as no driver answers while it is spoken to. */
  #tell(head: object, parts: Uint8Array[] = []): void {
    setTimeout(() => {
      for (const piece of encodeFrame(head, parts)) this.link.receive(piece);
    }, 0);
  }
}

class FakeRayWorkflow extends Backend<Target | readonly Target[], unknown> {
  readonly #ray: FakeRay;

  constructor(targets: Target | readonly Target[], ray: FakeRay, options: BackendOptions) {
    super(targets, options, console.warn);
    this.#ray = ray;
  }

  protected override createExecutor(setup: ExecutorSetup): Promise<Executor> {
    return createRayExecutor(setup, this.#ray.link, {
      moduleInPackage: (url) => url,
      onLog() {},
    });
  }
}
