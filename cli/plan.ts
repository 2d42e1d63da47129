/** `fuse plan`: what a run would do with each node, without running anything. */

import { Command } from "commander";
import type { NodePlan } from "../core/find_reuse.ts";
import { addBackendOptions, type BackendFlags, chooseStorage, createBackend } from "./_backend.ts";
import { say, writeOut } from "./_output.ts";
import { toJson } from "./_print.ts";
import { redirectConsole } from "./_progress.ts";
import { count, escapeControls } from "./_text.ts";
import { addWorkflowOptions, chooseWorkflow, type WorkflowFlags } from "./_workflow.ts";

/** The command. */
export function planCommand(): Command {
  const command = addWorkflowOptions(new Command("plan"))
    .description("tell what a run would do with each node, and why, without running anything");
  return addBackendOptions(command)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse plan workflow.ts                          each node: stored, will run and why, or not needed
  fuse plan workflow.ts --param seed=7           as a run with this parameter
  fuse plan workflow.ts --rerun 'train_.*'       what else would run
  fuse plan workflow.ts --json | jq -r '.[] | select(.action == "run") | .name'

A node that will run only if a value that it reads changes says so: if what it reads comes out as before, it is not run.

Exit codes: 0 done, 2 the workflow or its configuration is wrong, 3 storage, 64 usage.`,
    )
    .action(plan);
}

async function plan(file: string, flags: WorkflowFlags & BackendFlags): Promise<void> {
  // What files print as they are loaded is no plan.
  redirectConsole(say);
  const workflow = await chooseWorkflow(file, flags);
  const { options } = workflow;
  const onWarning = (message: string) => say(`warning: ${message}`);
  // That of the run, which refuses what it can't run.
  const storage = chooseStorage(workflow, flags, onWarning);
  const created = await createBackend(workflow, flags, { ...options, storage, onWarning });
  const backend = await workflow.configure(created);
  const nodes = await backend.plan();
  if (flags.json) return await writeOut(`${toJson(nodes)}\n`);
  await writeOut(formatPlan(nodes));
  say(summarize(nodes, storage?.location));
}

const WORDS = { stored: "stored", run: "will run", "not needed": "not needed" } as const;
const LONGEST_NAME = 40;

function formatPlan(nodes: readonly NodePlan[]): string {
  const names = nodes.map(({ name }) => escapeControls(name));
  const width = Math.min(LONGEST_NAME, Math.max(...names.map((name) => name.length)));
  return nodes.map(({ action, reason }, at) => {
    const why = reason ?? "";
    return `${WORDS[action].padEnd(10)}  ${names[at].padEnd(width)}  ${escapeControls(why)}`
      .trimEnd() + "\n";
  }).join("");
}

function summarize(nodes: readonly NodePlan[], location: string | undefined): string {
  const toRun = nodes.filter(({ action }) => action === "run");
  const maybe = toRun.filter(({ isCertain }) => !isCertain).length;
  const stored = nodes.filter(({ action }) => action === "stored").length;
  const unless = maybe > 0 ? ` (${maybe.toLocaleString("en")} only if a value changes)` : "";
  const willRun = `${count(toRun.length, "node")} will run${unless}`;
  if (location === undefined) return `${willRun}; nothing is stored.`;
  return `${willRun}, ` +
    `${count(stored, "result")} in storage (${location}) will be used.`;
}
