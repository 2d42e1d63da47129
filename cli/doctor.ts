/** `fuse doctor`: what is there and works, and what is missing, with what to do. */

import { Command } from "commander";
import process from "node:process";
import { storageFactory } from "../storage/mod.ts";
import {
  type Check,
  checkGraphviz,
  checkMachine,
  checkPrograms,
  checkRay,
  checkStorage,
  checkTypeChecker,
  checkWorkers,
} from "./_checks.ts";
import { CONFIG_NAMES, loadConfig, type LoadedConfig } from "./_config.ts";
import { explainError } from "./_errors.ts";
import { say, writeOut } from "./_output.ts";
import { toJson } from "./_print.ts";
import { redirectConsole } from "./_progress.ts";
import { addPlaceOptions, type PlaceFlags } from "./_stored.ts";
import { count, escapeAllButLines } from "./_text.ts";
import { describeProgram, programLine } from "./version.ts";

interface DoctorFlags extends PlaceFlags {
  readonly json?: boolean;
}

/** The command. */
export function doctorCommand(): Command {
  return addPlaceOptions(new Command("doctor"))
    .description("check the installation, workers, storage and configuration, with what to do")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse doctor                               all that a run in this folder would need
  fuse doctor --storage s3://bucket/prefix  whether a place can be written to
  fuse doctor --json | jq -r '.checks[] | select(.status == "fail") | .name'

A value is saved, read and removed again where results are kept; nothing stays behind.

Exit codes: 0 all that is needed works, 2 the configuration is wrong, 3 storage, 4 workers or the Ray cluster, 64 usage.`,
    )
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  // What the configuration prints is no finding.
  redirectConsole(say);
  const [config, loaded] = await checkConfiguration(flags);
  const programs = checkPrograms();
  const checks = [
    checkMachine(),
    checkTypeChecker(),
    config,
    await checkStorage(flags.storage, loaded, storageFactory),
    await checkWorkers("thread"),
    await checkWorkers("process"),
    await checkGraphviz(),
    await checkRay(loaded),
    ...await programs,
  ];
  const failed = checks.find(({ status }) => status === "fail");
  if (failed) process.exitCode = failed.exitCode ?? 2;
  if (flags.json) {
    const shown = checks.map(({ exitCode: _, ...check }) => check);
    const document = { ...describeProgram(), isUsable: !failed, checks: shown };
    return await writeOut(`${toJson(document)}\n`);
  }
  await writeOut(`${programLine()}\n\n${checks.map(format).join("")}\n${summarize(checks)}\n`);
}

async function checkConfiguration(
  flags: DoctorFlags,
): Promise<[Check, LoadedConfig | undefined]> {
  const name = "configuration";
  try {
    const loaded = await loadConfig(flags, { folder: ".", check: true, isSilent: true });
    if (!loaded) {
      return [{ name, status: "ok", found: "none, so defaults are in force" }, undefined];
    }
    const rules = count(loaded.config.rules?.length ?? 0, "rule");
    return [{ name, status: "ok", found: `${loaded.file}, ${rules}` }, loaded];
  } catch (error) {
    const found = explainError(error).replace(/^error: /, "");
    const todo = `Repair it, or leave it out (--no-config). It is looked for as ${
      CONFIG_NAMES[0]
    }.`;
    return [{ name, status: "fail", found, todo, exitCode: 2 }, undefined];
  }
}

const MARKS = {
  ok: { sign: "✓", word: "ok", color: 32 },
  warn: { sign: "!", word: "warn", color: 33 },
  fail: { sign: "✗", word: "fail", color: 31 },
  none: { sign: "–", word: "-", color: 2 },
} as const;

const NAME_WIDTH = 16;

function format({ name, status, found, todo }: Check): string {
  const { sign, word, color } = MARKS[status];
  const mark = isColored() ? paint(sign, color) : word.padEnd(4);
  const indent = " ".repeat(isColored() ? 2 : 6);
  const lines = escapeAllButLines(found).split("\n");
  const about = todo === undefined || status === "ok" ? [] : [`→ ${todo}`];
  const [first, ...rest] = [...lines, ...about].map((line, at) =>
    status === "none" || at >= lines.length ? paint(line, 2) : line
  );
  const below = rest.map((line) => `${indent}${" ".repeat(NAME_WIDTH)}${line}\n`);
  return `${mark}${isColored() ? " " : "  "}${name.padEnd(NAME_WIDTH)}${first}\n${below.join("")}`;
}

function summarize(checks: readonly Check[]): string {
  const failed = checks.filter(({ status }) => status === "fail");
  if (failed.length === 0) return paint("Workflows can be run.", 32);
  return paint(`${count(failed.length, "check")} failed.`, 31);
}

function isColored(): boolean {
  return process.stdout.isTTY && !process.env.NO_COLOR;
}

/** In a colour of the terminal. */
function paint(text: string, color: number): string {
  return isColored() ? `\x1b[${color}m${text}\x1b[0m` : text;
}
