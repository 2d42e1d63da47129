/** `fuse tasks`: what is stored, of which workflows. */

import { Command } from "commander";
import process from "node:process";
import { isFuseError } from "../core/errors.ts";
import type { Storage, TaskInfo } from "../core/storage.ts";
import { explainError } from "./_errors.ts";
import { say, writeOut } from "./_output.ts";
import { toJson } from "./_print.ts";
import {
  addPlaceOptions,
  checkName,
  findTasks,
  listWorkflows,
  openStored,
  type PlaceFlags,
} from "./_stored.ts";
import { formatTable, MOST_TABLE_ROWS } from "./_table.ts";
import { count, quoted, showBytes, showDuration, showTime } from "./_text.ts";

interface TasksFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** The command. */
export function tasksCommand(): Command {
  return addPlaceOptions(new Command("tasks"))
    .argument("[workflow]", "name of a stored workflow", checkName)
    .argument("[glob]", "which tasks: a name with wildcards, as in 'train_*'", checkName)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse tasks                                 the workflows of which something is stored
  fuse tasks mnist                           the tasks of one: what made them, size, when, how long it took
  fuse tasks mnist '*_evaluate'              those whose names match
  fuse tasks mnist --json | jq '.[].task'    for scripts; names are as they are, sizes in bytes, times in ms

Exit codes: 0 done, 3 storage (nothing there by that name, or a value is damaged), 64 usage.`,
    )
    .action(tasks);
}

async function tasks(
  workflow: string | undefined,
  glob: string | undefined,
  flags: TasksFlags,
): Promise<void> {
  const storage = await openStored(flags);
  if (workflow === undefined) await showWorkflows(storage, flags);
  else await showTasks(storage, workflow, glob, flags);
}

async function showWorkflows(storage: Storage, { json }: TasksFlags): Promise<void> {
  const workflows = [];
  for (const workflow of await listWorkflows(storage)) {
    const { infos } = await readInfos(storage, workflow, await storage.listTasks(workflow));
    const bytes = infos.reduce((sum, info) => sum + info.bytes, 0);
    workflows.push({ workflow, tasks: infos.length, bytes });
  }
  if (json) return await writeOut(`${toJson(workflows)}\n`);
  if (workflows.length === 0) return say(`Nothing is stored in ${storage.location}.`);
  const rows = workflows.map((row) => ({ ...row, bytes: showBytes(row.bytes) }));
  await writeOut(`${await formatTable(rows, { right: ["bytes"] })}\n`);
}

async function showTasks(
  storage: Storage,
  workflow: string,
  glob: string | undefined,
  { json }: TasksFlags,
): Promise<void> {
  const names = await findTasks(storage, workflow, glob);
  const { infos, damaged } = await readInfos(storage, workflow, names);
  for (const error of damaged) say(explainError(error));
  if (damaged.length > 0) process.exitCode = 3;
  if (json) return await writeOut(`${toJson(infos.map(jsonOf))}\n`);
  if (infos.length === 0) {
    if (damaged.length === 0) say(`No task of ${quoted(workflow)} matches ${quoted(glob ?? "*")}.`);
    return;
  }
  const rows = infos.map((info) => ({
    task: info.task,
    definition: info.definition,
    size: showBytes(info.bytes),
    "saved at": showTime(info.savedAt),
    took: info.durationMs === undefined ? "" : showDuration(info.durationMs),
  }));
  await writeOut(`${await formatTable(rows, { right: ["size", "took"] })}\n`);
  const bytes = infos.reduce((sum, info) => sum + info.bytes, 0);
  const hint = infos.length > MOST_TABLE_ROWS ? " All of them are listed with --json." : "";
  say(`${count(infos.length, "task")}, ${showBytes(bytes)} in ${storage.location}.${hint}`);
}

function jsonOf({ task, definition, bytes, savedAt, durationMs, version }: TaskInfo) {
  return { task, definition, bytes, savedAt, durationMs, version };
}

// Enough for a server to be busy, few enough for the files that a process may open.
const READS_AT_ONCE = 16;

/** What is told of tasks; a damaged one is set aside by the storage, and its error is given. */
async function readInfos(
  storage: Storage,
  workflow: string,
  names: readonly string[],
): Promise<{ infos: TaskInfo[]; damaged: Error[] }> {
  const infos: TaskInfo[] = [];
  const damaged: Error[] = [];
  for (let at = 0; at < names.length; at += READS_AT_ONCE) {
    const reads = names.slice(at, at + READS_AT_ONCE)
      .map((name) => storage.taskInfo(workflow, name));
    for (const read of await Promise.allSettled(reads)) {
      if (read.status === "fulfilled") infos.push(read.value);
      else if (!isFuseError(read.reason, "StorageError")) throw read.reason;
      // Removed since it was listed.
      else if (read.reason.reason === "missing") continue;
      else if (!["damaged", "unsupported"].includes(read.reason.reason)) throw read.reason;
      else damaged.push(read.reason);
    }
  }
  return { infos, damaged };
}
