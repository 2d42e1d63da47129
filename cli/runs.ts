/** `fuse runs`: the journals of past runs. */

import { Command } from "commander";
import type { Storage } from "../core/storage.ts";
import { CommandError, EXIT_STORAGE } from "./_errors.ts";
import { say, writeOut } from "./_output.ts";
import { toJson } from "./_print.ts";
import {
  addPlaceOptions,
  checkName,
  checkWorkflow,
  listWorkflows,
  openStored,
  type PlaceFlags,
} from "./_stored.ts";
import { formatTable, type Row } from "./_table.ts";
import { count, quoted, showBytes, showDuration, showTime } from "./_text.ts";

interface RunsFlags extends PlaceFlags {
  readonly workflow?: string;
  readonly json?: boolean;
}

/** The command. */
export function runsCommand(): Command {
  return addPlaceOptions(new Command("runs"))
    .argument("[id]", "id of a run, or how it begins, or latest", checkName)
    .option("--workflow <name>", "only the runs of this workflow", checkName)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse runs                                all runs of all workflows
  fuse runs latest                         the latest one: each node, why it ran, where, how long
  fuse runs 2026-01-31T12-30               the run whose id begins so
  fuse runs --workflow mnist --json

A journal holds no values and no messages of errors: those are on the screen of the run.

Exit codes: 0 done, 3 storage (no such run there), 64 usage.`,
    )
    .action(runs);
}

/** A run as its journal's lines. */
interface Journal {
  readonly run: string;
  readonly workflow: string;
  readonly lines: readonly Row[];
}

async function runs(id: string | undefined, flags: RunsFlags): Promise<void> {
  const storage = await openStored(flags);
  if (flags.workflow !== undefined) await checkWorkflow(storage, flags.workflow);
  const workflows = flags.workflow === undefined ? await listWorkflows(storage) : [flags.workflow];
  const known: { run: string; workflow: string }[] = [];
  for (const workflow of workflows) {
    for (const run of await storage.listRuns?.(workflow) ?? []) known.push({ run, workflow });
  }
  known.sort((a, b) => a.run < b.run ? -1 : 1);
  if (id !== undefined) return await showRun(storage, findRun(known, id), flags);
  const journals = await Promise.all(known.map((found) => readJournal(storage, found)));
  const rows = journals.map(summaryOf);
  if (flags.json) return await writeOut(`${toJson(rows)}\n`);
  if (rows.length === 0) return say(`No run has left a journal in ${storage.location}.`);
  const shown = rows.map(({ at, durationMs, ...row }) => ({
    ...row,
    started: at === undefined ? "" : showTime(new Date(at)),
    took: durationMs === undefined ? "" : showDuration(durationMs),
  }));
  await writeOut(`${await formatTable(shown, { right: ["took"] })}\n`);
}

function findRun(
  known: readonly { run: string; workflow: string }[],
  id: string,
): { run: string; workflow: string } {
  const found = id === "latest" ? known.slice(-1) : known.filter(({ run }) => run.startsWith(id));
  if (found.length === 1) return found[0];
  const MOST_SHOWN = 5;
  const shown = (found.length > 0 ? found : known).slice(-MOST_SHOWN).map(({ run }) => run);
  throw new CommandError(
    found.length > 1
      ? `Several runs begin with ${quoted(id)}: ${shown.join(", ")}.`
      : `There is no run ${quoted(id)}.` +
        (shown.length > 0 ? ` The latest ones are ${shown.join(", ")}.` : " There is none at all."),
    EXIT_STORAGE,
  );
}

async function readJournal(
  storage: Storage,
  { run, workflow }: { run: string; workflow: string },
): Promise<Journal> {
  const text = await storage.readJournal?.(workflow, run) ?? "";
  const lines = text.split("\n").flatMap((line) => {
    try {
      return line === "" ? [] : [JSON.parse(line) as Row];
    } catch {
      // The last line of a run that was killed may be cut.
      return [];
    }
  });
  return { run, workflow, lines };
}

interface Summary {
  readonly run: string;
  readonly workflow: string;
  readonly ended: string;
  readonly ran: number;
  readonly reused: number;
  readonly at: string | undefined;
  readonly durationMs: number | undefined;
}

function summaryOf({ run, workflow, lines }: Journal): Summary {
  const start = lines.find(({ event }) => event === "start");
  const end = lines.find(({ event }) => event === "end");
  const ran = lines.filter(({ reuse, error }) => reuse === "ran" && error === undefined).length;
  return {
    run,
    workflow,
    ended: !end ? "killed, or still running" : end.error ? `failed (${end.error})` : "well",
    ran: Number(end?.ran ?? ran),
    reused: Number(end?.reused ?? 0),
    at: start?.at as string | undefined,
    durationMs: end?.durationMs as number | undefined,
  };
}

/** The time from one moment to another, which are known to the millisecond. */
function showBetween(start: string, end: string): string {
  const ms = Date.parse(end) - Date.parse(start);
  return ms < 10 ? `${ms} ms` : showDuration(ms);
}

async function showRun(
  storage: Storage,
  found: { run: string; workflow: string },
  { json }: RunsFlags,
): Promise<void> {
  const journal = await readJournal(storage, found);
  if (json) return await writeOut(`${toJson(journal)}\n`);
  const nodes = journal.lines.filter(({ event }) => event === "node").map((line) => ({
    node: line.node,
    "": line.error ? "failed" : line.reuse === "ran" ? "ran" : "read",
    took: showBetween(String(line.start), String(line.end)),
    worker: line.worker,
    size: line.bytes === undefined ? "" : showBytes(Number(line.bytes)),
    why: line.error ?? line.reason,
  }));
  if (nodes.length > 0) {
    await writeOut(`${await formatTable(nodes, { right: ["took", "size"] })}\n`);
  }
  const { ended, ran, reused, workflow } = summaryOf(journal);
  say(
    `Run ${found.run} of ${quoted(workflow)} ended: ${ended}; ` +
      `${count(ran, "node")} ran, ${count(reused, "result")} ${
        reused === 1 ? "was" : "were"
      } used again.`,
  );
}
