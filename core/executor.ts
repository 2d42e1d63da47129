/** What a backend brings to a run: something that carries out ready nodes. */

/** Stands for a value that is not on the host but where it was made. */
export const HELD: unique symbol = Symbol("held");

/** What a try rejects with that did not take place: that is no failure. */
export class NotRun {
  /** `lost` are the nodes whose values are gone, and without which it can't take place. */
  constructor(readonly lost: readonly number[] = []) {}
}

/** What a try rejects with when nothing more can be carried out: no node failed, but the run ends with `error`. */
export class Broken {
  constructor(readonly error: Error) {}
}

/** Carries out ready nodes. */
export interface Executor {
  /** How many nodes may be in hand at once. */
  readonly slots: number;
  /**
   * Gives the node's value, `HELD` or a promise of either; throws or rejects with what the node threw, or with `NotRun` or `Broken`.
   *
   * `values` are those of all nodes on the host; the executor may put others, that it has fetched, in `HELD`'s places.
   */
  execute(node: number, values: unknown[]): unknown;
  /** The node's promise is not waited for any more. */
  abandon(node: number, reason: unknown): void;
  /** No promise is waited for any more: the run has been cancelled. */
  cancel(reason: unknown): void;
  /** A pass begins. An executor that has this tells the pass when a node really starts. */
  begin?(pass: Pass): void;
  /** The name of the worker that ran the node; `undefined` for the host. */
  workerOf?(node: number): string | undefined;
  /** Nobody reads the node's value any more. */
  release?(node: number): void;
  /** Nothing more is to be started in this pass: what waits rejects with `NotRun`. */
  stop?(): void;
  /** The run is over. Resolves once nothing runs any more. */
  close?(): Promise<void>;
}

/** What an executor may ask and tell while it carries out a pass. */
export interface Pass {
  /** What is done with each node: of the plan. */
  readonly actions: Uint8Array;
  /** The values on the host. */
  readonly values: unknown[];
  /** How many readers of a node's value have not run yet. */
  readersLeft(node: number): number;
  /** Whether the host itself needs the node's value. */
  isWanted(node: number): boolean;
  /** Whether the node is a target. */
  isTarget(node: number): boolean;
  /** The node has started. */
  started(node: number): void;
  /** The node took so long; told just before its promise is fulfilled. */
  took(node: number, durationMs: number): void;
}
