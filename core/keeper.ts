/** Between a run and its storage: reads and saves the values of nodes, and notes what became of them. */

import { isFuseError, type StorageError } from "./errors.ts";
import type { RunSetup } from "./run_setup.ts";
import type { Saved } from "./storage.ts";

/** Stands for a stored value that is damaged or gone. */
export const UNREADABLE: unique symbol = Symbol("unreadable");

/** Reads and saves for one run. */
export class Keeper {
  readonly #setup: Pick<RunSetup, "graph" | "storage" | "workflowName" | "watchers" | "reuse">;

  constructor(setup: RunSetup) {
    this.#setup = setup;
  }

  /** The stored value, or `UNREADABLE` with a warning. */
  async read(i: number): Promise<unknown> {
    const { graph, storage, workflowName, watchers, reuse } = this.#setup;
    try {
      return await storage!.readTask(workflowName, graph.nodes[i].name, reuse!.expected(i));
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      watchers.warn(`${error.message} It is computed again.`);
      return UNREADABLE;
    }
  }

  /** Saves a value with what it was made from, and gives what readers are to be given. */
  async save(
    i: number,
    value: unknown,
    durationMs: number,
  ): Promise<{ readonly value: unknown; readonly bytes: number | undefined }> {
    const { graph, storage, workflowName, watchers, reuse } = this.#setup;
    const { name, definition } = graph.nodes[i];
    const recipe = reuse!.recipe(i);
    let saved: Saved | void = undefined;
    try {
      const origin = { durationMs, definition: definition.name, ...(recipe && { recipe }) };
      saved = await storage!.save(workflowName, name, value, origin);
    } catch (error) {
      if (!isFuseError(error, "CodecError")) throw error;
      watchers.warn(`"${name}" will run again next time. ${error.message}`);
      reuse!.hasRun(i, false);
      return { value, bytes: undefined };
    }
    reuse!.hasRun(i, true, saved?.valueDigest);
    const isReadBack = storage!.alwaysRead || saved?.isSerialized;
    const kept = isReadBack ? await this.read(i) : value;
    // Somebody may have replaced it already: what was computed is as right.
    return { value: kept === UNREADABLE ? value : kept, bytes: saved?.bytes };
  }
}

function isUnreadable(error: unknown): error is StorageError {
  return isFuseError(error, "StorageError") &&
    (error.reason === "damaged" || error.reason === "missing");
}
