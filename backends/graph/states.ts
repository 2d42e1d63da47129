/** What a storage tells of the nodes of a workflow: what is stored, what would run, what failed, how long and how much. */

import type { NodePlan } from "../../core/find_reuse.ts";
import type { Storage, TaskInfo } from "../../core/storage.ts";
import { isFuseError } from "../../core/errors.ts";
import type { NodeStanding, NodeState } from "./drawing.ts";

/** What a journal says of a node's last try. */
interface Note {
  readonly durationMs: number;
  readonly error: string | undefined;
}

/** Asks the storage for all nodes of a plan, in its order. */
export async function readStandings(
  plan: readonly NodePlan[],
  storage: Storage,
  workflowName: string,
): Promise<NodeStanding[]> {
  const notes = await readNotes(storage, workflowName);
  const standings = new Array<NodeStanding>(plan.length);
  await forEachAtOnce(plan.keys(), async (i) => {
    const { name, action, reason, isCertain } = plan[i];
    const note = notes.get(name);
    if (action === "stored") {
      const info = await infoOf(storage, workflowName, name);
      standings[i] = {
        state: "stored",
        durationMs: info?.durationMs ?? note?.durationMs,
        bytes: info?.bytes,
        savedAt: info?.savedAt,
      };
    } else {
      const hasFailed = action === "run" && note?.error !== undefined;
      standings[i] = {
        state: hasFailed ? "failed" : stateOf(action, isCertain ?? true),
        reason: hasFailed ? note.error : reason,
        durationMs: hasFailed ? undefined : note?.durationMs,
      };
    }
  });
  return standings;
}

function stateOf(action: "run" | "not needed", isCertain: boolean): NodeState {
  return action === "not needed" ? action : isCertain ? "run" : "maybe";
}

/** Somebody may have removed it meanwhile, or it is damaged: that is for a run to say. */
async function infoOf(
  storage: Storage,
  workflowName: string,
  name: string,
): Promise<TaskInfo | undefined> {
  try {
    return await storage.taskInfo(workflowName, name);
  } catch (error) {
    if (isFuseError(error, "StorageError") && error.reason !== "unavailable") return undefined;
    throw error;
  }
}

// A run tells of those nodes that it ran, so that older ones count too, but not all there ever were.
const MOST_RUNS = 20;

/** What the latest journals say of each node: the latest that says something of it counts. */
async function readNotes(
  storage: Storage,
  workflowName: string,
): Promise<ReadonlyMap<string, Note>> {
  const notes = new Map<string, Note>();
  const runs = await storage.listRuns?.(workflowName) ?? [];
  for (const run of runs.slice(-MOST_RUNS)) {
    const text = await storage.readJournal?.(workflowName, run) ?? "";
    for (const line of text.split("\n")) {
      const entry = parseLine(line);
      if (entry?.event !== "node" || typeof entry.node !== "string") continue;
      const durationMs = Date.parse(String(entry.end)) - Date.parse(String(entry.start));
      const error = typeof entry.error === "string" ? entry.error : undefined;
      // What was only read took no time of its own, and a try that was followed by another is not the last word.
      if (entry.reuse === "stored" || entry.willRetry === true || !(durationMs >= 0)) continue;
      notes.set(entry.node, { durationMs, error });
    }
  }
  return notes;
}

function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return line === "" ? undefined : JSON.parse(line);
  } catch {
    // The last line of a run that was killed may be cut.
    return undefined;
  }
}

const MOST_AT_ONCE = 16;

async function forEachAtOnce<T>(
  items: Iterable<T>,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const left = items[Symbol.iterator]();
  const worker = async () => {
    for (let next = left.next(); !next.done; next = left.next()) await action(next.value);
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, worker));
}
