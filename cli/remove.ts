/** `fuse remove`: removes stored results. */

import { Command } from "commander";
import process from "node:process";
import type { Storage } from "../core/storage.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { say, writeOut } from "./_output.ts";
import { toJson } from "./_print.ts";
import {
  addPlaceOptions,
  checkName,
  checkTask,
  checkWorkflow,
  findTasks,
  openStored,
  type PlaceFlags,
} from "./_stored.ts";
import { count, escapeControls, quoted } from "./_text.ts";

interface RemoveFlags extends PlaceFlags {
  readonly task?: string;
  readonly all?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** The command. */
export function removeCommand(): Command {
  return addPlaceOptions(new Command("remove"))
    .argument("<workflow>", "name of a stored workflow", checkName)
    .argument("[glob]", "which tasks: a name with wildcards, as in 'train_*'", checkName)
    .option("--task <name>", "the one task of this very name", checkName)
    .option("--all", "the whole workflow, with all that is kept of its runs")
    .option("--dry-run", "print the names of the tasks that would go, and remove nothing")
    .option("--yes", "do not ask")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse remove mnist 'forest_*' --dry-run    which tasks would go
  fuse remove mnist 'forest_*'              the next run makes them again; asks first
  fuse remove mnist --task 'a*b'            a task whose name holds a wildcard
  fuse remove mnist --all --yes             the whole workflow, without a question

Exit codes: 0 done, 3 storage (nothing there by that name), 64 usage (also where --yes is missing and nobody can be
asked).`,
    )
    .action(remove);
}

async function remove(
  workflow: string,
  glob: string | undefined,
  flags: RemoveFlags,
): Promise<void> {
  checkChoice(glob, flags);
  const storage = await openStored(flags);
  const names = await selectTasks(storage, workflow, glob, flags);
  if (names.length === 0 && !flags.all) {
    say(`No task of ${quoted(workflow)} matches ${quoted(glob!)}: nothing to remove.`);
  } else if (!flags.dryRun) {
    await confirm(describe(storage, workflow, names, flags), names, flags);
    if (flags.all) await storage.removeWorkflow(workflow);
    else for (const taskName of names) await storage.removeTask(workflow, { taskName });
    say(`Removed ${describe(storage, workflow, names, flags)}.`);
  }
  if (flags.json) {
    const isDryRun = flags.dryRun ?? false;
    await writeOut(`${toJson({ workflow, tasks: names, isRemoved: !isDryRun })}\n`);
  } else if (flags.dryRun) {
    await writeOut(names.map((name) => `${escapeControls(name)}\n`).join(""));
  }
}

/** Everything is never removed by leaving something out. */
function checkChoice(glob: string | undefined, { task, all }: RemoveFlags): void {
  const choices = [glob, task, all].filter((choice) => choice !== undefined).length;
  if (choices === 1) return;
  throw new CommandError(
    choices === 0
      ? "Cannot remove without being told what: give a glob, as in 'train_*', or --task NAME, or --all for the whole workflow."
      : "Cannot remove as more than one of a glob, --task and --all is given: give one.",
    EXIT_USAGE,
  );
}

async function selectTasks(
  storage: Storage,
  workflow: string,
  glob: string | undefined,
  { task }: RemoveFlags,
): Promise<string[]> {
  if (task !== undefined) {
    await checkTask(storage, workflow, task);
    return [task];
  }
  if (glob === undefined) await checkWorkflow(storage, workflow);
  return await findTasks(storage, workflow, glob);
}

function describe(
  storage: Storage,
  workflow: string,
  names: readonly string[],
  { all }: RemoveFlags,
): string {
  const tasks = count(names.length, "task");
  const what = all ? `the workflow ${quoted(workflow)} with its ${tasks}` : `${tasks} of`;
  return `${all ? what : `${what} ${quoted(workflow)}`} from ${storage.location}`;
}

const MOST_SHOWN = 20;

async function confirm(what: string, names: readonly string[], flags: RemoveFlags): Promise<void> {
  if (flags.yes) return;
  say(`About to remove ${what}:`);
  for (const name of names.slice(0, MOST_SHOWN)) say(`  ${escapeControls(name)}`);
  if (names.length > MOST_SHOWN) say(`  … and ${count(names.length - MOST_SHOWN, "more task")}`);
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CommandError(
      "Nothing was removed, as there is nobody to ask: add --yes to remove without a question.",
      EXIT_USAGE,
    );
  }
  const { createInterface } = await import("node:readline/promises");
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  // Ctrl-C and Ctrl-D end the line without an answer.
  const closed = new Promise<string>((done) => questions.once("close", () => done("\n")));
  const answer = await Promise.race([questions.question("Remove them? [y/N] "), closed]);
  questions.close();
  if (answer === "\n") say("");
  if (/^y(es)?$/i.test(answer.trim())) return;
  throw new CommandError("Nothing was removed.", EXIT_NOT_CONFIRMED);
}

// As after Ctrl-C.
const EXIT_NOT_CONFIRMED = 130;
