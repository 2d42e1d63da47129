/**
 * Makes the executable `fuse` with Bun, of which it needs nothing but this: `bun tools/compile_bun.ts [FILE]`.
 *
 * Each of our modules believes to be where it is in this folder, only that the folder is the one that Bun embeds files
 * in: so whatever tells our own modules from the user's by their URLs does so in the executable too.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import "./_keep_carried.ts";
import "../plugins/mod.ts";
import { listCarried } from "../core/carried.ts";
import type { CodePrint } from "../core/storage.ts";
import { readCode } from "../code/mod.ts";
import { readSources } from "../ray/library_sources.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const EMBEDDED = process.platform === "win32" ? "file:///B:/~BUN/root/" : "file:///$bunfs/root/";

// What is started or imported by its URL, beside the program itself.
const ENTRIES = ["cli.ts", "backends/parallel/thread.ts", "cli/_worker.ts", "plugins/mod.ts"];

/** What is used of Bun's own API. */
interface BunGlobal {
  build(options: object): Promise<{ success: boolean; logs: readonly unknown[] }>;
}

interface Build {
  onLoad(
    options: { filter: RegExp },
    load: (file: { path: string }) => { contents: string; loader: "ts" } | undefined,
  ): void;
}

/** What the stock plugins use, as it is told from their source, which an executable has not. */
async function readStockPrints(): Promise<Record<string, CodePrint>> {
  const origins = listCarried().filter(({ kind }) => kind === "plugin");
  const prints = await readCode(origins);
  return Object.fromEntries(origins.map(({ name }, at) => [name, prints[at]]));
}

const placeOf = (path: string) => relative(ROOT, path).replaceAll("\\", "/");

/** What machines of a Ray cluster are sent, and where in it they find the stock plugins. */
function writeEmbedded(): string {
  const decoder = new TextDecoder();
  const sources = [...readSources()].map(([path, bytes]) => [path, decoder.decode(bytes)]);
  const plugins = listCarried().filter(({ kind }) => kind === "plugin")
    .map(({ name, module, ordinal }) => [name, { path: placeOf(fileURLToPath(module!)), ordinal }]);
  return `export const EMBEDDED_SOURCES = ${JSON.stringify(Object.fromEntries(sources))};
export const PLUGIN_PLACES = ${JSON.stringify(Object.fromEntries(plugins))};`;
}

/** Our modules with their places and, as Bun numbers classes of one name, with the names of classes written out. */
async function keepOurs(build: Build): Promise<void> {
  // What is read from files elsewhere.
  const given = new Map([
    ["code/_stock.ts", `export const STOCK_PRINTS = ${JSON.stringify(await readStockPrints())};`],
    ["ray/_embedded.ts", writeEmbedded()],
  ]);
  build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
    const place = placeOf(path);
    if (place.startsWith("..") || place.includes("node_modules/")) return undefined;
    const instead = given.get(place);
    if (instead !== undefined) return { contents: instead, loader: "ts" };
    const text = readFileSync(path, "utf8");
    const names = [...text.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm)].map(([, name]) =>
      `Object.defineProperty(${name}, "name", { value: "${name}", configurable: true });`
    );
    const url = JSON.stringify(EMBEDDED + place);
    const contents = [text.replaceAll("import.meta.url", url), ...names].join("\n");
    return { contents, loader: "ts" };
  });
}

async function compile(outfile: string): Promise<void> {
  const { Bun: bun } = globalThis as { Bun?: BunGlobal };
  if (!bun) throw new Error("Run this with Bun: bun tools/compile_bun.ts");
  const { success, logs } = await bun.build({
    entrypoints: ENTRIES.map((path) => join(ROOT, path)),
    root: ROOT,
    target: "bun",
    format: "esm",
    // What a command does not need is not even parsed when it starts.
    splitting: true,
    bytecode: true,
    // Names stay, as they are shown in messages.
    minify: { whitespace: true, syntax: true, identifiers: false },
    // Deno's way to the packages, which is not taken here.
    external: ["npm:*"],
    naming: {
      entry: "[dir]/[name].ts",
      // In a folder of ours, so that it is taken for our own code.
      chunk: "core/chunks/[name]-[hash].js",
      asset: "core/assets/[name]-[hash].[ext]",
    },
    compile: {
      outfile,
      // As where `bun cli.ts` runs, but for settings and secrets that nobody asked for.
      autoloadTsconfig: true,
      autoloadPackageJson: true,
      autoloadBunfig: false,
      autoloadDotenv: false,
    },
    plugins: [{ name: "ours", setup: keepOurs }],
    throw: false,
  });
  if (!success) throw new Error(`Bun could not make ${outfile}:\n${logs.join("\n")}`);
}

const [file = join(ROOT, "fuse")] = process.argv.slice(2);
const outfile = resolve(file);
if (file.startsWith("-")) {
  throw new Error("Say where to, if at all: bun tools/compile_bun.ts [FILE]");
}
if (existsSync(join(ROOT, "node_modules"))) await compile(outfile);
else {
  const run = (args: string[]) =>
    execFileSync(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  run(["install", "--frozen-lockfile", "--silent"]);
  // In another process, as Bun remembers that they were not there.
  run([fileURLToPath(import.meta.url), outfile]);
}
