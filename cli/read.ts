/** `fuse read`: a stored value, shown or written to a file. */

import { Command, Option } from "commander";
import process from "node:process";
import type { Storage } from "../core/storage.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { exportValue, type Format, formatOf, FORMATS, TEXT_FORMATS } from "./_export.ts";
import { readWhole } from "./_lazy.ts";
import { checkTarget, say, writeOut, writeWhole } from "./_output.ts";
import { formatValue } from "./_print.ts";
import { addPlaceOptions, checkName, checkTask, openStored, type PlaceFlags } from "./_stored.ts";
import { quoted, showBytes, showDuration, showTime } from "./_text.ts";

interface ReadFlags extends PlaceFlags {
  readonly out?: string;
  readonly as?: Format;
  readonly force?: boolean;
  readonly all?: boolean;
  readonly json?: boolean;
}

/** The command. */
export function readCommand(): Command {
  return addPlaceOptions(new Command("read"))
    .argument("<workflow>", "name of a stored workflow", checkName)
    .argument("<task>", "name of one of its tasks", checkName)
    .option("-o, --out <file>", "write the value to a file, in the format of its suffix", checkName)
    .addOption(
      new Option("--as <format>", "the format, for a file or for standard output").choices(FORMATS),
    )
    .option("--force", "replace the file if there is one")
    .option(
      "--all",
      "show all of the value, however long it is (of a table of over 1,000 rows, a line for each)",
    )
    .addOption(new Option("--json", "print one JSON document, as --as json does").conflicts("as"))
    .addHelpText(
      "after",
      `
Formats:
  json   anything; what JSON has not becomes what comes nearest
  cbor   anything without cycles; typed arrays, maps, dates and big integers are kept
  csv    lists of records, records of columns, lists of lists, arrays of one or two dimensions
  npy    typed arrays, { data, shape }, lists of numbers: for numpy.load

Examples:
  fuse read mnist compare                       show it; of a large value, the beginning
  fuse read mnist compare -o accuracy.csv       a table for spreadsheets
  fuse read mnist project_test -o x.npy         an array for NumPy
  fuse read mnist compare --json | jq '.[0]'    for scripts

Exit codes: 0 done, 2 the value does not fit the format, 3 the storage or the file, 64 usage.`,
    )
    .action(read);
}

async function read(workflow: string, task: string, flags: ReadFlags): Promise<void> {
  const format = chooseFormat(flags);
  const storage = await openStored(flags);
  await checkTask(storage, workflow, task);
  const value = await storage.readTask(workflow, task);
  if (format === undefined) {
    say(await describe(storage, workflow, task));
    const text = await formatValue(value, { all: flags.all, isEscaped: process.stdout.isTTY });
    return await writeOut(`${text}\n`);
  }
  const data = await exportValue(await readWhole(value), format, task);
  if (flags.out === undefined) return await writeOut(data);
  writeWhole(flags.out, data);
  const bytes = typeof data === "string" ? new TextEncoder().encode(data).length : data.length;
  say(`Wrote ${quoted(task)} to ${flags.out} (${format.toUpperCase()}, ${showBytes(bytes)}).`);
}

/** What to write the value as; `undefined` to show it. All that is wrong with the flags is found before reading. */
function chooseFormat({ as, json, out, force, all }: ReadFlags): Format | undefined {
  const named = json ? "json" : as;
  const format = named ?? (out === undefined ? undefined : formatOf(out));
  if (out !== undefined) checkTarget(out, force ?? false);
  else if (force) throw new CommandError("--force is for -o, which is not given.", EXIT_USAGE);
  if (all && format !== undefined) {
    throw new CommandError(
      "--all is for showing a value; a file or another format always has all of it.",
      EXIT_USAGE,
    );
  }
  if (format && out === undefined && !TEXT_FORMATS.includes(format) && process.stdout.isTTY) {
    throw new CommandError(
      `${format.toUpperCase()} is not for a terminal: give a file (-o).`,
      EXIT_USAGE,
    );
  }
  return format;
}

async function describe(storage: Storage, workflow: string, task: string): Promise<string> {
  const { bytes, savedAt, definition, durationMs } = await storage.taskInfo(workflow, task);
  const by = definition === undefined ? "" : `made by ${quoted(definition)} `;
  const took = durationMs === undefined ? "" : `in ${showDuration(durationMs)}, `;
  return `${quoted(task)}: ${by}${took}${showBytes(bytes)}, saved ${showTime(savedAt)}`;
}
