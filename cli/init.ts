/** `fuse init`: a new project that runs. */

import { Command, InvalidArgumentError } from "commander";
import * as fs from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isStandalone } from "../backends/parallel/bundle.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { LIBRARY_URLS } from "./_library.ts";
import { writeOut, writeWhole } from "./_output.ts";
import { type LibraryPlace, NPM_INSTALL, PACKAGE_FILE, projectFiles } from "./_project.ts";
import { escapeControls, quoted } from "./_text.ts";

/** The command. */
export function initCommand(): Command {
  return new Command("init")
    .description("make a new project that runs: a workflow, its configuration, a test")
    .argument("[folder]", "where to make it; made if it is not there", checkFolder, ".")
    .addHelpText(
      "after",
      `
Examples:
  fuse init                    in this folder
  fuse init digits             in the folder digits
  cd digits && fuse run workflow.ts

No file is ever replaced: if one of the new ones is there already, nothing is written.

Exit codes: 0 done, 3 it can't be written, 64 usage, or there are such files already.`,
    )
    .action(init);
}

function checkFolder(folder: string): string {
  if (folder !== "") return folder;
  throw new InvalidArgumentError("It must not be empty.");
}

async function init(folder: string): Promise<void> {
  const library = findLibrary();
  const files = projectFiles(basename(resolve(folder)), library);
  checkFree(folder, files.map(({ name }) => name));
  makeFolder(folder);
  for (const { name, text } of files) writeWhole(join(folder, name), text);
  const here = relative(process.cwd(), resolve(folder));
  const steps = [...(here === "" ? [] : [`cd ${shellWord(here)}`]), "fuse run workflow.ts"];
  const width = Math.max(...files.map(({ name }) => name.length));
  const listed = files.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}\n`);
  await writeOut(
    `Made ${here === "" ? "a project in this folder" : escapeControls(here)}:\n${
      listed.join("")
    }\n` +
      `Next:\n${[...steps, ...stepsToTest(library)].map((step) => `  ${step}\n`).join("")}` +
      (library.kind === "none"
        ? `\nIts test and editors need the library as a package, ${PACKAGE_FILE}: README.md says how to get it.\n`
        : ""),
  );
}

/** The library that this very command is part of. */
function findLibrary(): LibraryPlace {
  if (isStandalone) return { kind: "none" };
  if (import.meta.url.endsWith(".ts")) return { kind: "source", urls: LIBRARY_URLS };
  return { kind: "package", folder: fileURLToPath(new URL("..", import.meta.url)) };
}

/** What comes after the first run: its test. */
function stepsToTest({ kind }: LibraryPlace): string[] {
  const { deno, bun } = process.versions;
  const test = deno ? "deno test -A" : bun ? "bun test" : "node --test";
  if (kind === "none") return [];
  return kind === "source" ? [test] : [bun ? "bun install" : NPM_INSTALL, test];
}

/** Everything that is in the way is told at once. */
function checkFree(folder: string, names: readonly string[]): void {
  if (fs.existsSync(folder) && !fs.statSync(folder).isDirectory()) {
    throw new CommandError(
      `Cannot make a project in ${quoted(folder)}, as that is a file: name a folder.`,
      EXIT_USAGE,
    );
  }
  // Links that lead nowhere are in the way, too.
  const present = new Set(fs.existsSync(folder) ? fs.readdirSync(folder) : []);
  const taken = names.filter((name) => present.has(name));
  if (taken.length === 0) return;
  const what = taken.length === 1 ? "there is" : "there are";
  throw new CommandError(
    `Cannot make a project in ${quoted(folder)}, as ${what} ${
      taken.join(", ")
    } already. Nothing was written: ` +
      "name another folder, or move them away.",
    EXIT_USAGE,
  );
}

function makeFolder(folder: string): void {
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new CommandError(
      `Cannot make the folder ${quoted(folder)}: ${(error as Error).message}. Name another one.`,
    );
  }
}

/** A word that a shell reads as it is. */
function shellWord(text: string): string {
  const word = text.startsWith("-") ? `./${text}` : text;
  return /^[\w@%+=:,./-]+$/.test(word)
    ? word
    : `'${escapeControls(word).replaceAll("'", `'\\''`)}'`;
}
