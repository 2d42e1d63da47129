/** Runs one node where its code is: prepares its environment, calls its function, puts the environment back. */

import type { AnyClass, AnyFunction } from "./callable.ts";
import type { Definition } from "./definition.ts";
import type { NodePhase } from "./errors.ts";
import type { Group } from "./node.ts";
import type { NodeInfo, PluginHooks, Undo } from "./plugin.ts";

/** A plugin's hook with the data that the host prepared for the node. */
export interface Initialization {
  readonly hooks: PluginHooks;
  readonly data: unknown;
}

/** What failed, if it was not the node's own function. */
export class PhaseFailure {
  constructor(
    readonly phase: NodePhase,
    readonly error: unknown,
    /** Of a group: the position of the member that failed; if that is a group, of its member, and so on. */
    readonly members: readonly number[] = [],
  ) {}
}

/** Calls a definition, or what is in its place; `receiver` is the instance that a method is called on. */
export function invoke(
  definition: Definition | Group,
  replacement: AnyFunction | undefined,
  receiver: unknown,
  args: readonly unknown[],
): unknown {
  if (replacement) return replacement(...args);
  // A group is run by what is in its place.
  const { target, kind, method } = definition as Definition;
  if (kind === "function") return (target as AnyFunction)(...args);
  if (kind === "constructor") return new (target as AnyClass)(...args);
  return (receiver as Record<string, AnyFunction>)[method!](...args);
}

/** What is wrong with a node's value that is a node itself. */
export function nestedNode(): TypeError {
  return new TypeError(
    "It returned a node instead of a value: inside a node, call the plain function, not the workflow function.",
  );
}

/** Whether a value has to be awaited. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function";
}

/**
 * The environment of one try of a node: what plugins set up before it, to be undone after it exactly once.
 *
 * Nothing is awaited that is no promise, so that a synchronous node with synchronous plugins stays so.
 */
export class Environment {
  readonly #undos: Undo[] = [];
  #isLeft = false;

  /** Sets up, calls `action`, and undoes; what the node threw comes before what an undo threw. */
  run(
    node: NodeInfo,
    initializations: readonly Initialization[],
    action: () => unknown,
  ): unknown {
    let outcome: unknown;
    try {
      outcome = this.#prepare(node, initializations, 0, action);
    } catch (error) {
      return this.#leaveAfter(error);
    }
    if (!isPromiseLike(outcome)) return chain(this.leave(), () => outcome);
    return Promise.resolve(outcome).then(
      (value) => chain(this.leave(), () => value),
      (error) => this.#leaveAfter(error),
    );
  }

  /** Undoes what was set up and is not undone yet; also for a try that nobody waits for any more. */
  leave(): unknown {
    this.#isLeft = true;
    return undoAll(this.#undos);
  }

  #prepare(
    node: NodeInfo,
    initializations: readonly Initialization[],
    from: number,
    action: () => unknown,
  ): unknown {
    for (let at = from; at < initializations.length; at++) {
      const { hooks, data } = initializations[at];
      const undo = asInitialization(() => hooks.remoteInitialize?.(data, node));
      if (isPromiseLike(undo)) {
        return Promise.resolve(undo).then(
          (undo) => {
            this.#keep(undo);
            return this.#isLeft ? undefined : this.#prepare(node, initializations, at + 1, action);
          },
          (error) => Promise.reject(new PhaseFailure("initialize", error)),
        );
      }
      this.#keep(undo);
    }
    return action();
  }

  #keep(undo: unknown): void {
    if (typeof undo !== "function") return;
    this.#undos.push(undo as Undo);
    if (this.#isLeft) undoAll(this.#undos);
  }

  #leaveAfter(error: unknown): unknown {
    const fail = () => {
      throw error;
    };
    try {
      const left = this.leave();
      return isPromiseLike(left) ? Promise.resolve(left).then(fail, fail) : fail();
    } catch {
      return fail();
    }
  }
}

/** Undoes everything, the latest first, and only then throws what the first undo that failed threw. */
function undoAll(undos: Undo[], failure?: PhaseFailure): unknown {
  for (let undo = undos.pop(); undo; undo = undos.pop()) {
    const current = undo;
    try {
      const done: unknown = asInitialization(() => current());
      if (isPromiseLike(done)) {
        return Promise.resolve(done).then(
          () => undoAll(undos, failure),
          (error) => undoAll(undos, failure ?? new PhaseFailure("initialize", error)),
        );
      }
    } catch (error) {
      failure ??= error as PhaseFailure;
    }
  }
  if (failure) throw failure;
}

function asInitialization<T>(hook: () => T): T {
  try {
    return hook();
  } catch (error) {
    throw new PhaseFailure("initialize", error);
  }
}

function chain(first: unknown, then: () => unknown): unknown {
  return isPromiseLike(first) ? Promise.resolve(first).then(then) : then();
}
