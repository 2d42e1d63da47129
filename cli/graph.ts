/** `fuse graph`: draws a workflow file's graph. */

import { Command, Option } from "commander";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, extname, join, resolve } from "node:path";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type GraphFormat, type GraphOptions, GraphWorkflow } from "../backends/graph.ts";
import { chooseFormat } from "../backends/graph/output.ts";
import type { Storage } from "../core/storage.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { say, writeOut } from "./_output.ts";
import { redirectConsole } from "./_progress.ts";
import { count } from "./_text.ts";
import { addWorkflowOptions, chooseWorkflow, type WorkflowFlags } from "./_workflow.ts";

interface GraphFlags extends WorkflowFlags {
  readonly output?: string;
  readonly format?: GraphFormat;
  readonly fold?: GraphOptions["fold"];
  readonly direction?: GraphOptions["direction"];
  readonly open?: boolean;
  readonly force?: boolean;
}

const EXTENSIONS: Readonly<Record<GraphFormat, string>> = {
  svg: ".svg",
  dot: ".dot",
  mermaid: ".mmd",
  html: ".html",
};

/** The command. */
export function graphCommand(): Command {
  return addWorkflowOptions(new Command("graph"))
    .description("draw the graph: as a picture, a page to explore, DOT or Mermaid")
    .option("--no-storage", "leave out what is stored")
    .option(
      "-o, --output <file>",
      "file to write: .svg, .html, .dot or .mmd; - for stdout " +
        "(default: the workflow's name with .svg; stdout in a pipe)",
    )
    .addOption(
      new Option("--format <format>", "what to write, where the file's name does not say it")
        .choices(Object.keys(EXTENSIONS)),
    )
    .addOption(
      new Option("--fold <when>", "whether nodes that are alike are one box (default: auto)")
        .choices(["auto", "always", "never"]),
    )
    .addOption(
      new Option("--direction <direction>", "where the arrows lead (default: down)")
        .choices(["down", "right"]),
    )
    .option("--open", "open it in the browser; without -o, as a page")
    .option("--force", "replace a file that is no picture of this command")
    .addHelpText(
      "after",
      `
Examples:
  fuse graph workflow.ts                         workflow.svg, with what is stored of it
  fuse graph workflow.ts --open                  as a page in the browser: pan, zoom, search, ask
  fuse graph workflow.ts -o graph.html           the same page as a file that needs nothing else
  fuse graph workflow.ts -o graph.mmd            Mermaid, for Markdown
  fuse graph workflow.ts --format dot | dot -Tpdf > graph.pdf
  fuse graph workflow.ts --select 'train_.*'     only these nodes and what they need
  fuse graph workflow.ts --fold never            each node for itself, however many there are

Where something of the workflow is stored, each node has its state, time and size. Rules and edits of fuse.config.ts
are drawn as they are set.

Exit codes: 0 done, 2 the workflow or its configuration is wrong, 3 the storage or the file, 64 usage.`,
    )
    .action(graph);
}

async function graph(file: string, flags: GraphFlags): Promise<void> {
  // What files print as they are loaded is no drawing.
  redirectConsole(say);
  const path = choosePath(file, flags);
  // Before the workflow is loaded, which may take long.
  if (path !== undefined && !flags.force) checkOwn(path);
  const { targets, options, configure } = await chooseWorkflow(file, flags);
  const storage = flags.storage === undefined && !await hasAnything(options)
    ? undefined
    : options.storage;
  const { fold, direction } = flags;
  const format = flags.format ?? (path === undefined ? "svg" : undefined);
  const onWarning = (message: string) => say(`warning: ${message}`);
  const given = { ...options, storage, path, format, fold, direction, onWarning };
  const backend = await configure(new GraphWorkflow(targets, given));
  const text = await backend.run();
  if (path === undefined) return await writeOut(text);
  say(`Wrote ${path} (${count(backend.findNodes().length, "node")}).`);
  if (flags.open) await open(path);
}

/** Where to; `undefined` for standard output. */
function choosePath(file: string, { output, format, open }: GraphFlags): string | undefined {
  if (output === "-") {
    if (!open) return undefined;
    throw new CommandError("What goes to stdout can't be opened: name a file (-o).", EXIT_USAGE);
  }
  if (output !== undefined) return checkOutput(output, format);
  const name = basename(file, extname(file)) || "graph";
  if (open) {
    return join(mkdtempSync(join(tmpdir(), "fuse-graph-")), name + EXTENSIONS[format ?? "html"]);
  }
  return process.stdout.isTTY ? name + EXTENSIONS[format ?? "svg"] : undefined;
}

function checkOutput(output: string, format: GraphFormat | undefined): string {
  if (output === "") throw new CommandError("The file to write has no name (-o).", EXIT_USAGE);
  try {
    chooseFormat(format, output);
    return output;
  } catch (error) {
    throw new CommandError((error as Error).message, EXIT_USAGE);
  }
}

/** A file is replaced if it is a picture of ours: another one with that name was written by somebody. */
function checkOwn(path: string): void {
  if (!existsSync(path) || !statSync(path).isFile() || isOwn(path)) return;
  throw new CommandError(
    `There is a file ${path} already that is no picture of this command: --force replaces it.`,
    EXIT_USAGE,
  );
}

// What all formats have in one of their first lines.
const MARK = "Drawn by Function Fuse";
const MOST_BEFORE = 2_000;

function isOwn(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(MOST_BEFORE);
    const length = readSync(file, bytes, 0, MOST_BEFORE, 0);
    return length === 0 || new TextDecoder().decode(bytes.subarray(0, length)).includes(MARK);
  } finally {
    closeSync(file);
  }
}

/** Whether there is anything to tell of: else all nodes would just be said to run. */
async function hasAnything(
  { storage, workflowName }: { storage: Storage | undefined; workflowName: string },
): Promise<boolean> {
  if (!storage) return false;
  return (await storage.listTasks(workflowName)).length > 0 ||
    (await storage.listRuns?.(workflowName) ?? []).length > 0;
}

// How long a program may take to say that there is no browser.
const OPENING_MS = 2_000;

async function open(path: string): Promise<void> {
  const { href } = pathToFileURL(resolve(path));
  const [program, ...args] = process.platform === "darwin"
    ? ["open", href]
    : process.platform === "win32"
    ? ["cmd", "/c", "start", "", href]
    : ["xdg-open", href];
  const child = spawn(program, args, { detached: true, stdio: "ignore" });
  // Some end at once, well or not; others only when the browser is closed.
  const patience = new AbortController();
  const opened = await Promise.race([
    once(child, "exit").then(([code]) => code === 0, () => false),
    setTimeout(OPENING_MS, true, { signal: patience.signal }),
  ]);
  patience.abort();
  if (opened) child.unref();
  else say(`It could not be opened from here (by ${program}): open ${href} in a browser.`);
}
