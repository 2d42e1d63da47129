/** `fuse compile`: a workflow file with its configuration as one executable. */

import { Command } from "commander";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { isStandalone } from "../backends/parallel/bundle.ts";
import { readImports } from "../code/mod.ts";
import { addConfigOptions, type ConfigFlags, loadConfig } from "./_config.ts";
import {
  CommandError,
  EXIT_STORAGE,
  EXIT_USAGE,
  shortenPaths,
  WorkflowFileError,
} from "./_errors.ts";
import { isUrl, loadModule } from "./_load.ts";
import { checkTarget, say } from "./_output.ts";
import { readManifest } from "./_manifest.ts";
import { appendPayload, pack, type Payload } from "./_payload.ts";
import { count, quoted, showBytes } from "./_text.ts";
import { findBun } from "./find_bun.ts";

interface CompileFlags extends ConfigFlags {
  readonly output?: string;
  readonly include: readonly string[];
  readonly force?: boolean;
  readonly check: boolean;
}

/** The command. */
export function compileCommand(): Command {
  const command = new Command("compile")
    .argument("<workflow>", "file that fuse run would be given")
    .option("-o, --output <file>", "the executable (default: named after the workflow)")
    .option(
      "--include <path>",
      "a file or folder that goes along, beside what is imported; may be given again",
      (path: string, paths: readonly string[]) => [...paths, path],
      [],
    )
    .option("--force", "replace a file that is no such executable");
  return addConfigOptions(command)
    .option("--no-check", "do not check types first")
    .addHelpText(
      "after",
      `
Examples:
  fuse compile workflow.ts                     makes the executable ./workflow, which runs it
  fuse compile workflow.ts -o bin/classifier   under another name
  fuse compile workflow.ts --include data/     with files that it reads by their places beside it
  ./workflow --param seed=7 --json             it takes the flags of fuse run
  ./workflow --help

All that the file imports goes along, also its packages from node_modules, and the nearest fuse.config.ts. The executable
needs no Deno, Bun, Node.js or fuse where it runs; on its first start it unpacks these files into the user's caches.
It is for this machine's system and architecture.

Exit codes: 0 done, 2 the workflow, its imports or the configuration are wrong, 3 the file can't be written, 4 no Bun to make it with, 64 usage.`,
    )
    .action(compile);
}

async function compile(file: string, flags: CompileFlags): Promise<void> {
  if (isUrl(file)) throw new WorkflowFileError(`${file} is no file: get it, and compile that.`);
  const output = resolve(flags.output ?? basename(file, extname(file)) + EXE);
  const isOurs = isFile(output) && readManifest(output) !== undefined;
  checkTarget(flags.output ?? basename(output), isOurs || (flags.force ?? false));
  checkFolder(dirname(output));
  await checkLoads(file, flags.check);
  const config = await loadConfig(flags, { folder: dirname(file), check: flags.check });
  const payload = await packWorkflow(file, config?.file, { ...flags, output });
  const temporary = `${output}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeProgram(temporary);
    appendPayload(temporary, payload);
    fs.chmodSync(temporary, 0o755);
    fs.renameSync(temporary, output);
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  const shown = shortenPaths(output);
  const { size } = fs.statSync(output);
  say(`Made ${shown}: ${showBytes(size)}. Run it: ${shown === output ? "" : "./"}${shown} --help`);
}

const EXE = process.platform === "win32" ? ".exe" : "";

const isFile = (path: string) => fs.statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;

/** Before any work is done for it. */
function checkFolder(folder: string): void {
  if (!fs.existsSync(folder)) {
    throw new CommandError(
      `There is no folder ${shortenPaths(folder)}: make it first.`,
      EXIT_STORAGE,
    );
  }
  try {
    fs.accessSync(folder, fs.constants.W_OK);
  } catch {
    throw new CommandError(
      `Cannot make an executable in ${folder}: this user may not write to it. Name another folder (-o).`,
      EXIT_STORAGE,
    );
  }
}

/** Asking for its targets may take parameters, which are known only when it runs. */
async function checkLoads(file: string, check: boolean): Promise<void> {
  say(`Checking ${file} …`);
  const module = await loadModule(file, check);
  if ("default" in module) return;
  throw new WorkflowFileError(
    `${file} has no targets: it has no default export. ` +
      `Write "export default …" with what a workflow function returned when it was called.`,
  );
}

async function packWorkflow(
  file: string,
  config: string | undefined,
  { include, output }: Pick<CompileFlags, "include"> & { readonly output: string },
): Promise<Payload> {
  const entries = [file, ...(config === undefined ? [] : [config])].map((path) =>
    fs.realpathSync(path)
  );
  const { files, packages, missing } = await readImports(entries);
  if (missing.length > 0) throw new WorkflowFileError(explainMissing(missing));
  const all = new Set(files);
  const links = new Map<string, string>();
  for (const path of include) for (const found of filesIn(checkIncluded(path))) all.add(found);
  for (const folder of packages) {
    const real = fs.realpathSync(folder);
    if (real !== folder && fs.lstatSync(folder).isSymbolicLink()) links.set(folder, real);
    for (const found of filesIn(real)) all.add(found);
  }
  if (all.has(output)) {
    throw new CommandError(
      `Cannot write to ${shortenPaths(output)}: it is a part of the workflow.`,
      EXIT_USAGE,
    );
  }
  const root = commonFolder([...all, ...links.keys()]);
  const [workflow, configuration] = entries;
  const payload = pack({ root, workflow, config: configuration, files: [...all], links });
  const what = [
    count(all.size, "file"),
    ...packages.size > 0 ? [count(packages.size, "package")] : [],
  ];
  say(`Packing ${what.join(" with ")}: ${showBytes(payload.body.length)} …`);
  return payload;
}

function checkIncluded(path: string): string {
  if (fs.existsSync(path)) return fs.realpathSync(path);
  throw new CommandError(`There is no file or folder ${quoted(path)} to include.`, EXIT_USAGE);
}

/** A file itself, or all in a folder but packages and what is hidden. */
function filesIn(path: string): string[] {
  if (fs.statSync(path).isFile()) return [path];
  return fs.readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => name !== "node_modules" && !name.startsWith("."))
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .flatMap(({ name }) => filesIn(join(path, name)));
}

function commonFolder(paths: readonly string[]): string {
  let folder = dirname(paths[0]);
  while (!paths.every((path) => path.startsWith(join(folder, "/")))) folder = dirname(folder);
  return folder;
}

function explainMissing(
  missing: readonly { readonly specifier: string; readonly from: string }[],
): string {
  const lines = missing.map(({ specifier, from }) =>
    `  ${shortenPaths(from)}: ${JSON.stringify(specifier)}${adviceFor(specifier)}`
  );
  return `These imports can't go along in an executable:\n${[...new Set(lines)].join("\n")}`;
}

function adviceFor(specifier: string): string {
  if (
    /(?:^|\/)(?:mod|backends\/\w+|config|testing)\.ts$|\/(?:plugins|storage)\/mod\.ts$/.test(
      specifier,
    )
  ) {
    return `: import this library by its name, "functionfuse"`;
  }
  if (/^https?:/.test(specifier)) return ": get the module into a file or a package";
  return /^[./]/.test(specifier)
    ? ": there is no such file"
    : ": it is in no folder node_modules (import maps of Deno are not known there)";
}

/** The executable of fuse itself: a copy of this one, or else Bun makes one. */
async function writeProgram(path: string): Promise<void> {
  if (isStandalone && process.versions.bun) {
    fs.copyFileSync(process.execPath, path);
    return;
  }
  if (isStandalone) {
    throw new CommandError(
      "This executable was made by Deno and can't make others: use one that Bun made (deno task compile:bun), " +
        "or fuse from its source.",
      4,
    );
  }
  const script = fileURLToPath(new URL("../tools/compile_bun.ts", import.meta.url));
  if (!fs.existsSync(script)) {
    throw new CommandError(
      "The npm package has not what executables are made of: use the executable fuse that Bun made, or fuse from its source.",
      4,
    );
  }
  const bun = await findBun();
  if (!bun) {
    throw new CommandError(
      "Cannot make an executable, as there is no Bun 1.4 or newer here: install it (https://bun.sh, or npm install -g bun), " +
        "or use the executable fuse that Bun made, which needs nothing.",
      4,
    );
  }
  say("Making the program …");
  const [program, ...args] = bun;
  try {
    execFileSync(program, [...args, script, path], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const { stderr } = error as { stderr?: Uint8Array };
    throw new CommandError(`Bun could not make the program: ${String(stderr ?? error).trim()}`, 4);
  }
}
