/** What commands that load a workflow file have in common: which one, with which parameters, and what of it. */

import { type Command, InvalidArgumentError, Option } from "commander";
import { LocalWorkflow } from "../backends/local.ts";
import { compilePattern } from "../core/names.ts";
import type { ReuseRule } from "../core/reuse.ts";
import { WorkflowFileError } from "./_errors.ts";
import { type LoadedWorkflow, loadWorkflow } from "./_load.ts";
import { DEFAULT_STORAGE } from "./_stored.ts";

/** The flags of such commands. */
export interface WorkflowFlags {
  readonly storage: string | boolean;
  readonly name?: string;
  readonly param?: Record<string, unknown>;
  readonly select?: string;
  readonly reuse: ReuseRule;
  readonly rerun?: string;
  readonly json?: boolean;
  readonly check: boolean;
}

/** A workflow as its flags make it. */
export interface ChosenWorkflow extends LoadedWorkflow {
  /** The name under which results are stored. */
  readonly workflowName: string;
  /** What the backends are given of the flags. */
  readonly options: {
    readonly workflowName: string;
    readonly reuse: ReuseRule;
    readonly rerun: string | undefined;
    readonly scope: "reachable" | "needed";
  };
}

/** Adds the argument and the flags. */
export function addWorkflowOptions(command: Command): Command {
  return command
    .argument(
      "<workflow>",
      "file whose default export is a node, a list or record of nodes, or a function that returns one",
    )
    .option(
      "--storage <place>",
      "folder or URL where results are kept and read from",
      DEFAULT_STORAGE,
    )
    .option(
      "--name <name>",
      "name under which results are stored, with the parameters (default: what the file says, or its name)",
      checkText,
    )
    .option(
      "--param <key=value>",
      "parameter of a workflow that is a function; may be given again",
      addParam,
      {},
    )
    .option(
      "--select <pattern>",
      "only the nodes whose whole names match, and what they need",
      checkPattern,
    )
    .addOption(
      new Option(
        "--reuse <rule>",
        "when a stored result is used: if running would give the same, or by name alone",
      )
        .choices(["exact", "name"]).default("exact"),
    )
    .option(
      "--rerun <pattern>",
      "run the nodes whose whole names match, whatever is stored",
      checkPattern,
    )
    .option("--no-check", "do not check types first");
}

/** Loads the workflow, and takes of it what was selected. */
export async function chooseWorkflow(file: string, flags: WorkflowFlags): Promise<ChosenWorkflow> {
  const params = flags.param ?? {};
  const loaded = await loadWorkflow(file, { params, check: flags.check });
  const workflow = flags.select === undefined ? loaded : select(loaded, flags.select);
  const workflowName = nameWithParams(flags.name ?? workflow.name, params);
  const { reuse, rerun } = flags;
  const scope = flags.select === undefined ? "reachable" : "needed";
  if (rerun !== undefined) select(workflow, rerun);
  return { ...workflow, workflowName, options: { workflowName, reuse, rerun, scope } };
}

/** Results of different parameters are kept apart, as a stored result is found by names alone. */
function nameWithParams(name: string, params: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(params).sort(([a], [b]) => a < b ? -1 : 1)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return [name, ...shown].join(" ");
}

/** The nodes found by a pattern, as targets in the place of the workflow's own. */
function select(workflow: LoadedWorkflow, pattern: string): LoadedWorkflow {
  const all = new LocalWorkflow(workflow.targets, { workflowName: workflow.name });
  const targets = all.query(pattern).nodes;
  if (targets.length > 0) {
    return { ...workflow, shape: "record", labels: targets.map(() => undefined), targets };
  }
  const MOST_SHOWN = 20;
  const names = all.findNodes();
  throw new WorkflowFileError(
    `No node's whole name matches ${JSON.stringify(pattern)}. There are ${
      names.slice(0, MOST_SHOWN).join(", ")
    }${names.length > MOST_SHOWN ? `, and ${names.length - MOST_SHOWN} more` : ""}.`,
  );
}

function addParam(
  text: string,
  params: Record<string, unknown> = {},
): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) {
    throw new InvalidArgumentError("It must be a key and a value, as in seed=7.");
  }
  return { ...params, [text.slice(0, at)]: parseValue(text.slice(at + 1)) };
}

/** JSON where it is JSON, such as `7`, `true` or `[1,2]`; else the text itself. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (!/^\s*[[{"]/.test(text)) return text;
    throw new InvalidArgumentError(`The value ${text} begins like JSON but is none.`);
  }
}

function checkText(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It must not be empty.");
}

function checkPattern(pattern: string): string {
  try {
    compilePattern(pattern);
    return pattern;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
