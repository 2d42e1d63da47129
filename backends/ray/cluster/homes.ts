/** Where nodes can run: in the cluster, with the instance that they are a call of, or only here, in the host's process. */

import type { ExecutorSetup } from "../../../core/passes.ts";
import { HELD, NotRun } from "../../../core/executor.ts";
import type { Graph } from "../../../core/graph.ts";
import { isSmall } from "../../../core/holdings.ts";
import type { Loading } from "../../../core/loading.ts";
import { findUnmovable } from "../../../core/movable.ts";
import type { DriverLink } from "./driver_link.ts";
import { Refs } from "./refs.ts";

/** The places of one run. */
export class Homes {
  readonly refs: Refs;
  readonly #graph: Graph;
  readonly #loading: Loading;
  readonly #driver: DriverLink;
  /** Instances, by their constructors' nodes, that live in actors. */
  readonly #actors = new Set<number>();
  /** Of each value on the host that was looked at, whether it can't be sent. */
  readonly #isStuck = new Map<number, boolean>();

  constructor({ graph }: ExecutorSetup, loading: Loading, driver: DriverLink) {
    this.#graph = graph;
    this.#loading = loading;
    this.#driver = driver;
    this.refs = new Refs(driver);
  }

  /** Whether a node runs in the host's process. */
  isHosted(i: number): boolean {
    return this.#loading.idOf(i) === undefined || this.#loading.keepsArguments(i);
  }

  /** Why a node can't run now, wherever it has to: what it needs is gone, or lies where it can't be reached. */
  obstacle(i: number, values: readonly unknown[]): NotRun | undefined {
    if (this.#loading.idOf(i) !== undefined && this.#readsStuck(i, values)) this.#loading.follow(i);
    const { instances, inputs, inputOffsets } = this.#graph;
    const own = instances[i];
    if (own >= 0) {
      const isHosted = this.isHosted(i);
      if (isHosted ? values[own] === HELD : !this.#actors.has(own)) {
        // One that was made before anybody knew is made anew on the host.
        if (isHosted) this.dropActor(own);
        return new NotRun([own]);
      }
    }
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      if (values[inputs[at]] === HELD && !this.refs.has(inputs[at])) {
        return new NotRun([inputs[at]]);
      }
    }
    return undefined;
  }

  /** Whether a value on the host that can't be sent is among what a node reads. */
  #readsStuck(i: number, values: readonly unknown[]): boolean {
    const { inputs, inputOffsets } = this.#graph;
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      const input = inputs[at];
      const value = values[input];
      if (value === HELD || isSmall(value) || this.refs.has(input)) continue;
      let isStuck = this.#isStuck.get(input);
      if (isStuck === undefined) {
        this.#isStuck.set(input, isStuck = findUnmovable(value) !== undefined);
      }
      if (isStuck) return true;
    }
    return false;
  }

  /**
   * A value that can't leave its worker is needed elsewhere: the host, which sends nothing, makes it anew. Says so, unless
   * `isSilent`.
   */
  bringHome(i: number, problem: string, isSilent: boolean): NotRun {
    if (isSilent) this.#loading.follow(i);
    else this.#loading.keepOnHost(i, `its value can't be sent: ${problem}`);
    const instance = this.#graph.instances[i];
    if (instance < 0) return new NotRun([i]);
    this.dropActor(instance);
    return new NotRun([i, instance]);
  }

  /** An actor is being made for an instance. */
  addActor(instance: number): void {
    this.#actors.add(instance);
  }

  /** An actor is not needed any more, or no good. */
  dropActor(instance: number): void {
    if (this.#actors.delete(instance)) this.#driver.send({ op: "dropActor", actor: instance });
  }

  /** Nobody needs the node's value any more. */
  release(i: number): void {
    this.refs.drop(i);
    if (this.#actors.size > 0) this.dropActor(i);
    if (this.#isStuck.size > 0) this.#isStuck.delete(i);
  }

  /** The run is over. */
  close(): void {
    for (const instance of [...this.#actors]) this.dropActor(instance);
    this.refs.close();
  }
}
