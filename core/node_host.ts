/** Runs one node where its code is: prepares its environment, calls its function, puts the environment back. */

import type { AnyClass, AnyFunction, Definition } from "./definition.ts";
import type { NodePhase } from "./errors.ts";
import type { NodeInfo, PluginHooks, Undo } from "./plugin.ts";

/** A plugin's hook with the data that the host prepared for the node. */
export interface Initialization {
  readonly hooks: PluginHooks;
  readonly data: unknown;
}

/** What failed, if it was not the node's own function. */
export class PhaseFailure {
  constructor(readonly phase: NodePhase, readonly error: unknown) {}
}

/** Calls a definition; `receiver` is the instance that a method is called on. */
export function invoke(
  definition: Definition,
  replacement: AnyFunction | undefined,
  receiver: unknown,
  args: readonly unknown[],
): unknown {
  if (replacement) return replacement(...args);
  const { target, kind } = definition;
  if (kind === "function") return (target as AnyFunction)(...args);
  if (kind === "constructor") return new (target as AnyClass)(...args);
  return (receiver as Record<string, AnyFunction>)[definition.method!](...args);
}

/** Whether a value has to be awaited. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as PromiseLike<unknown>).then === "function";
}

/**
 * Calls `run` between the plugins' initialisation and its undoing.
 *
 * Nothing is awaited that is no promise, so that a synchronous node with synchronous plugins stays so.
 */
export function runInitialized(
  node: NodeInfo,
  initializations: readonly Initialization[],
  run: () => unknown,
): unknown {
  const undos: Undo[] = [];
  const prepare = (at: number): unknown => {
    for (; at < initializations.length; at++) {
      const { hooks, data } = initializations[at];
      const undo = phase(() => hooks.remoteInitialize?.(data, node));
      if (isPromiseLike(undo)) {
        const next = at + 1;
        return undo.then(
          (undo) => (keep(undo), prepare(next)),
          (error) => Promise.reject(new PhaseFailure("initialize", error)),
        );
      }
      keep(undo);
    }
    return run();
  };
  const keep = (undo: unknown) => {
    if (typeof undo === "function") undos.push(undo as Undo);
  };

  let outcome: unknown;
  try {
    outcome = prepare(0);
  } catch (error) {
    return after(undoAll(undos), () => {
      throw error;
    });
  }
  if (!isPromiseLike(outcome)) return after(undoAll(undos), () => outcome);
  return outcome.then(
    (value) => after(undoAll(undos), () => value),
    (error) => after(undoAll(undos), () => Promise.reject(error)),
  );
}

function undoAll(undos: Undo[]): unknown {
  for (let undo = undos.pop(); undo; undo = undos.pop()) {
    const current = undo;
    const done = phase(() => current());
    if (isPromiseLike(done)) {
      return done.then(
        () => undoAll(undos),
        (error) => Promise.reject(new PhaseFailure("initialize", error)),
      );
    }
  }
}

function phase<T>(hook: () => T): T {
  try {
    return hook();
  } catch (error) {
    throw new PhaseFailure("initialize", error);
  }
}

function after(first: unknown, then: () => unknown): unknown {
  return isPromiseLike(first) ? first.then(then) : then();
}
