/** What accompanies a run from its start to its end: its observers, and its journal. */

import type { Graph } from "./graph.ts";
import { Journal } from "./journal.ts";
import type { Plugin } from "./plugin.ts";
import type { Storage } from "./storage.ts";
import { Watchers } from "./watchers.ts";

/** A run that has been begun. */
export interface RunInHand {
  /** How many nodes were not run as their stored values are right. */
  readonly reused: number;
  /** Gives the values of the targets' nodes. */
  run(): Promise<unknown[]>;
}

/** What is told of a run, and to whom. */
export interface WatchSetup {
  readonly graph: Graph;
  readonly workflowName: string;
  /** Where its journal is kept, if that can keep journals. */
  readonly journalIn: Storage | undefined;
  readonly warn: (message: string) => void;
  /** Makes what tells of all that happens; it is to tell `more` too. Default: to the graph's observers. */
  makeWatchers?(more: readonly Plugin[]): Watchers;
}

/** Carries out a run, and gives what `finish` makes of the targets' nodes' values. */
export async function watchRun<R>(
  {
    graph,
    workflowName,
    journalIn,
    warn,
    makeWatchers = (more) => new Watchers(graph, warn, more),
  }: WatchSetup,
  begin: (watchers: Watchers) => RunInHand,
  finish: (values: readonly unknown[]) => R,
): Promise<R> {
  const started = performance.now();
  const journal = journalIn?.addToJournal
    ? new Journal(journalIn, workflowName, (message) => watchers.warn(message))
    : undefined;
  const watchers: Watchers = makeWatchers(journal ? [journal.plugin] : []);
  const inHand = begin(watchers);
  let error: unknown;
  try {
    return finish(await inHand.run());
  } catch (caught) {
    error = caught;
    throw caught;
  } finally {
    const durationMs = performance.now() - started;
    watchers.runEnd({ durationMs, reused: inHand.reused, error });
    if (journal) await journal.close();
  }
}
