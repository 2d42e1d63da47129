/** What the driver tells of tasks, and what that means for their nodes. */

import { EngineError } from "../../../core/errors.ts";
import { Broken, HELD, type Pass } from "../../../core/executor.ts";
import type { Loading } from "../../../core/loading.ts";
import { PhaseFailure } from "../../../core/node_host.ts";
import type { ExecutorSetup } from "../../../core/passes.ts";
import type { ReportMessage } from "../../../core/protocol.ts";
import { forEachReported, type ReportEntry } from "../../../core/report.ts";
import { rebuildThrown, type ThrownRecord } from "../../../core/thrown.ts";
import type { Costs } from "../../shared/costs.ts";
import type { Hands, Outcome } from "../../shared/hands.ts";
import type { Cluster, DriverEvents, DriverLink } from "./driver_link.ts";
import type { Failures } from "./failures.ts";
import type { Grouping } from "./grouping.ts";
import type { Homes } from "./homes.ts";
import type { TaskWriter } from "./task_writer.ts";
import type { RayTask, Tasks } from "./tasks.ts";
import type { DriverFrame, Where } from "./wire.ts";

/** What a listener hands on what it hears to. */
export interface ListenerParts {
  readonly hands: Hands;
  readonly costs: Costs;
  readonly homes: Homes;
  readonly writer: TaskWriter;
  readonly tasks: Tasks;
  readonly failures: Failures;
  readonly grouping: Grouping;
  readonly loading: Loading;
  readonly driver: DriverLink;
  readonly cluster: Cluster;
  readonly onLog: (node: number | undefined, text: string, worker: string) => void;
  /** Takes what came of a node. */
  settle(i: number, outcome: Outcome, durationMs?: number): void;
  /** A node has not run after all. */
  again(i: number): void;
  /** There may be room for more. */
  schedule(): void;
  /** Nothing can be run any more. */
  breakDown(broken: Broken): void;
}

// What a node takes at least of which it is told that it runs.
const RUNNING_MS = 1_000;
// How much of what a worker said last is shown if it dies.
const MOST_LINES = 20;
// How much of Ray's ids tells its nodes apart.
const SHORT_ID = 8;

/** The listener of one run. */
export class Listener implements DriverEvents {
  pass!: Pass;
  readonly #setup: ExecutorSetup;
  readonly #parts: ListenerParts;
  /** Of each node that ran in the cluster, where. */
  readonly #workers = new Map<number, string>();
  /** What workers have said since they began what they do. */
  readonly #lastLines = new Map<string, string[]>();
  readonly #isIpUnique: boolean;

  constructor(setup: ExecutorSetup, parts: ListenerParts) {
    this.#setup = setup;
    this.#parts = parts;
    const addresses = parts.cluster.nodes.filter(({ alive }) => alive).map((node) => node.address);
    this.#isIpUnique = new Set(addresses).size === addresses.length;
  }

  workerOf(i: number): string | undefined {
    return this.#workers.get(i);
  }

  /** A node has run here, wherever it ran before. */
  ranHere(i: number): void {
    this.#workers.delete(i);
  }

  /** A task is over; gives which it was, unless nobody knows it any more. */
  #take(number: number): RayTask | undefined {
    const task = this.#parts.tasks.find(number);
    if (!task) return undefined;
    this.#parts.tasks.ended(task);
    this.#parts.grouping.ended(task);
    this.#parts.schedule();
    return task;
  }

  started({ task: number, where }: DriverFrame & { ev: "started" }): void {
    const task = this.#parts.tasks.find(number);
    if (!task) return;
    task.isStarted = true;
    task.machine = where.node;
    const [first] = task.nodes;
    this.#workers.set(first, this.#nameOf(where));
    if (this.#parts.tasks.of(first) === task) this.#parts.hands.start(first, this.pass);
    const id = this.#parts.loading.idOf(first);
    if (id === undefined || task.nodes.length > 1 || this.#parts.costs.msOf(id) !== undefined) {
      return;
    }
    this.#parts.costs.took(id, RUNNING_MS);
    this.#parts.schedule();
  }

  done({ task: number, where, held }: DriverFrame & { ev: "done" }, report: ReportMessage): void {
    const task = this.#take(number);
    if (!task) return;
    const worker = this.#nameOf(where);
    this.#lastLines.delete(worker);
    const sizes = new Map(held);
    const { length } = report.values;
    forEachReported(report, (entry) => {
      const i = task.nodes[entry.position];
      const id = this.#parts.loading.idOf(i);
      if (id !== undefined) this.#parts.costs.took(id, entry.durationMs);
      // Of a try that is not waited for any more, nothing is kept but what a later one has put in its place.
      if (this.#parts.tasks.of(i) !== task) return;
      this.#workers.set(i, worker);
      if (task.returns.has(i)) this.#parts.homes.refs.add(i, sizes.get(i) ?? 0);
      if (sizes.has(i) && this.pass.isWanted(i)) return this.#fetch(i, task, entry.durationMs);
      this.#parts.tasks.leave(i, task);
      const outcome = this.#outcomeOf(i, task, entry, sizes.has(i));
      this.#parts.settle(i, outcome, entry.durationMs);
    });
    const { failure } = report;
    if (failure) {
      const i = task.nodes[length];
      if (this.#parts.tasks.leave(i, task)) {
        this.#workers.set(i, worker);
        const { phase, thrown, members } = failure;
        this.#parts.settle(i, { error: new PhaseFailure(phase, rebuildThrown(thrown), members) });
      }
    }
    this.#again(task, task.nodes.slice(length + (failure ? 1 : 0)));
  }

  /** What a node gave, if that need not be fetched. */
  #outcomeOf(i: number, task: RayTask, { value, problem }: ReportEntry, isHeld: boolean): Outcome {
    if (this.#setup.graph.nodes[i].definition.kind === "constructor") return { value: HELD };
    if (problem !== undefined) {
      this.#parts.homes.refs.drop(i);
      return this.#withhold(i, task, problem);
    }
    if (isHeld) return { value: HELD };
    // It is here, and nowhere else.
    this.#parts.homes.refs.drop(i);
    return { value: task.returns.has(i) || value !== undefined ? value : HELD };
  }

  /** A value that was asked for can't leave its worker: it is made anew here, unless it was only to be stored. */
  #withhold(i: number, task: RayTask, problem: string): Outcome {
    const isSaved = this.pass.isWanted(i) && !this.pass.isTarget(i);
    const readers = this.#parts.writer.readersAmong(i, new Set(task.nodes));
    if (this.pass.readersLeft(i) > readers) {
      // The storage says itself that it can't keep it.
      return { error: this.#parts.homes.bringHome(i, problem, isSaved) };
    }
    this.#setup.warn(
      `"${
        this.#setup.graph.nodes[i].name
      }" will run again next time, as its value can't be stored: ${problem}.`,
    );
    return { value: HELD };
  }

  /** Gets a large value that the host itself needs. */
  async #fetch(i: number, task: RayTask, durationMs: number): Promise<void> {
    let outcome: Outcome;
    try {
      const got = await this.#parts.driver.get(i);
      outcome = "value" in got
        ? got
        : { error: this.#parts.failures.lose([i], "Ray has not kept it.") };
    } catch (error) {
      outcome = { error: new Broken(engineError(error)) };
    }
    // Readers are to be given what the host reads back.
    if (this.#setup.readsBack) this.#parts.homes.refs.drop(i);
    if (this.#parts.tasks.leave(i, task)) this.#parts.settle(i, outcome, durationMs);
  }

  failed(frame: DriverFrame & { ev: "failed" }, thrown: ThrownRecord | undefined): void {
    const task = this.#take(frame.task);
    if (!task) return;
    const verdict = this.#parts.failures.judge(task, this.#withLines(frame), thrown);
    // Of what ran ahead, what was lost must not count.
    this.#parts.hands.forget((i, value) => value === HELD && frame.lost.includes(i));
    if (!("error" in verdict)) return this.#again(task, task.nodes);
    for (const i of task.nodes) {
      if (frame.where) this.#workers.set(i, this.#nameOf(frame.where));
      if (this.#parts.tasks.leave(i, task)) this.#parts.settle(i, { error: verdict.error });
    }
  }

  /** With a worker's last lines, which it can't tell itself any more if all of it is gone. */
  #withLines<F extends DriverFrame & { ev: "failed" }>(frame: F): F {
    if (!frame.where) return frame;
    const worker = this.#nameOf(frame.where);
    const lines = this.#lastLines.get(worker);
    this.#lastLines.delete(worker);
    return lines && frame.lines.length === 0 ? { ...frame, lines } : frame;
  }

  #remember(worker: string, text: string): void {
    const lines = [...this.#lastLines.get(worker) ?? [], ...text.replace(/\n$/, "").split("\n")];
    this.#lastLines.set(worker, lines.slice(-MOST_LINES));
  }

  /** Nodes that have not run wait again. */
  #again(task: RayTask, nodes: readonly number[]): void {
    for (const i of nodes) if (this.#parts.tasks.leave(i, task)) this.#parts.again(i);
  }

  log({ node, text, where }: DriverFrame & { ev: "log" }): void {
    const worker = this.#nameOf(where);
    this.#remember(worker, text);
    this.#parts.onLog(node < 0 ? undefined : node, text, worker);
  }

  ended(why: string): void {
    this.#parts.breakDown(new Broken(engineError(why)));
    for (const task of this.#parts.tasks.all()) {
      this.#parts.tasks.ended(task);
      for (const i of task.nodes) if (this.#parts.tasks.leave(i, task)) this.#parts.again(i);
    }
  }

  #nameOf({ node, ip, pid }: Where): string {
    return `${this.#isIpUnique || node === "" ? ip : node.slice(0, SHORT_ID)}/${pid}`;
  }
}

function engineError(why: unknown): EngineError {
  const text = why instanceof Error ? why.message : String(why);
  return new EngineError(
    `The run's driver on the Ray cluster has come to an end: ${text} Start the run again.`,
  );
}
