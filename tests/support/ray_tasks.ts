/** Tasks and actors as the host of a run sends them to `driver.py`, one by one, of the definitions of `ray_task_nodes.ts`. */

import { keepCarried, listCarried, referenceTo } from "../../core/carried.ts";
import type { LoadItem, ReportMessage } from "../../core/protocol.ts";
import type { ThrownRecord } from "../../core/thrown.ts";
import type { DriverLink } from "../../backends/ray/cluster/driver_link.ts";
import {
  type DriverFrame,
  encodeValue,
  type FailedFrame,
  type HostFrame,
  type RayOptions,
} from "../../backends/ray/cluster/wire.ts";

const REPOSITORY = new URL("../../", import.meta.url).href;
const [LITERAL, VALUE] = [0, 1];
const METHODS = ["keep", "handOver", "make", "sums", "end", "wait"];

/** Stands for a node's value among arguments. */
export class Read {
  constructor(readonly node: number) {}
}

/** What became of a task. */
export interface Ended {
  /** The node of its call. */
  readonly node: number;
  readonly done?: DriverFrame & { ev: "done" };
  readonly report?: ReportMessage;
  readonly failed?: FailedFrame;
  readonly thrown?: ThrownRecord;
}

/** How a task is to run. */
export interface TaskOptions extends RayOptions {
  readonly timeoutMs?: number;
  /** The actor that it is a call of, or that it makes. */
  readonly actor?: number;
}

/** The host's end. */
export class Tasks {
  readonly link: DriverLink;
  readonly started: (DriverFrame & { ev: "started" })[] = [];
  readonly printed: (DriverFrame & { ev: "log" })[] = [];
  readonly #waiting = new Map<number, (ended: Omit<Ended, "node">) => void>();
  readonly #ids = new Map<string, number>();
  #load = 0;

  constructor(link: DriverLink) {
    this.link = link;
    link.events = {
      done: (done, report) => this.#end(done.task, { done, report }),
      failed: (failed, thrown) => this.#end(failed.task, { failed, thrown }),
      started: (frame) => void this.started.push(frame),
      log: (frame) => void this.printed.push(frame),
      ended: (why) => {
        for (const task of [...this.#waiting.keys()]) {
          const rest = { ev: "failed", task, lines: [], lost: [] } as const;
          this.#end(task, { failed: { ...rest, kind: "died", text: why } });
        }
      },
    };
  }

  #end(task: number, ended: Omit<Ended, "node">): void {
    this.#waiting.get(task)?.(ended);
    this.#waiting.delete(task);
  }

  /** Tells what is to be looked up; `change` may change that. */
  async load(change = (items: LoadItem[]) => items): Promise<void> {
    keepCarried();
    await import("./ray_task_nodes.ts");
    const items: LoadItem[] = [];
    const add = (key: string, item: Omit<LoadItem, "id">) => {
      this.#ids.set(key, items.length);
      items.push({ id: items.length, ...item });
    };
    for (
      const origin of listCarried().filter(({ module }) => module?.endsWith("/ray_task_nodes.ts"))
    ) {
      const found = (await referenceTo(origin))!;
      const reference = {
        ...found,
        module: found.module.replace(REPOSITORY, "package:/functionfuse/"),
      };
      add(origin.name, { reference });
      if (origin.name !== "Keeper") continue;
      for (const method of METHODS) add(`Keeper.${method}`, { reference, method });
    }
    this.#load = this.link.nextNumber();
    this.link.send({ op: "load", load: this.#load }, encodeValue(change(items)));
  }

  /** Sends a call of a definition, and gives what becomes of it. */
  start(
    name: string,
    args: readonly unknown[] = [],
    { timeoutMs, actor = -1, ...options }: TaskOptions = {},
  ): { readonly node: number; readonly task: number; readonly ended: Promise<Ended> } {
    const node = this.link.nextNumber();
    const task = this.link.nextNumber();
    const isConstructor = name === "Keeper";
    const written = args.flatMap((arg) => arg instanceof Read ? [VALUE, arg.node] : [LITERAL, arg]);
    const isWanted = isConstructor ? 0 : 1;
    const calls = [node, this.#ids.get(name)!, actor, isWanted, args.length, ...written];
    const reads = args.flatMap((arg) => arg instanceof Read ? [arg.node] : []);
    const returns = isConstructor ? [] : [node];
    const parts = { task, name, reads: [...new Set(reads)], returns, timeoutMs };
    const load = this.#load;
    const frame: HostFrame = isConstructor
      ? { op: "actor", actor: node, load, options, ...parts }
      : actor >= 0
      ? { op: "call", actor, ...parts }
      : { op: "task", load, options, ...parts };
    const ended = new Promise<Ended>((done) => {
      this.#waiting.set(task, (ended) => done({ node, ...ended }));
    });
    this.link.send(frame, encodeValue({ calls }));
    return { node, task, ended };
  }

  /** Has a call run to its end. */
  async run(...args: Parameters<Tasks["start"]>): Promise<Ended> {
    return await this.start(...args).ended;
  }

  /** The value of a call whose report brings it. */
  async value(...args: Parameters<Tasks["start"]>): Promise<unknown> {
    const { report, failed, thrown } = await this.run(...args);
    if (!report || report.failure) {
      throw new Error(JSON.stringify(failed ?? report?.failure), { cause: thrown });
    }
    return report.values[0];
  }
}
