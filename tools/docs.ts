/**
 * Writes the reference of all public entries as pages: `deno task docs [FOLDER]`, by default to `dist/docs/`.
 *
 * `deno doc` makes them from what the code says of itself. It knows the entries by their files, so that here their names are
 * put in, the list of entries into the first page, and links to the sources of this very copy.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DEFAULT_FOLDER = join(ROOT, "dist", "docs");
const LIBRARY = "functionfuse";

/** An entry as `deno.json` exports it. */
interface Entry {
  /** What is imported. */
  readonly name: string;
  /** What `deno doc` calls it. */
  readonly path: string;
  readonly file: string;
}

function readEntries(): Entry[] {
  const { exports }: { exports: Record<string, string> } = JSON.parse(
    readFileSync(join(ROOT, "deno.json"), "utf8"),
  );
  return Object.entries(exports).map(([key, file]) => ({
    name: LIBRARY + key.slice(1),
    path: key === "." ? "." : key.slice(2),
    file,
  }));
}

/** Makes room, but removes nothing that was not made here. */
function clear(folder: string): void {
  if (existsSync(folder) && folder !== DEFAULT_FOLDER && readdirSync(folder).length > 0) {
    throw new Error(
      `Cannot write the reference to ${folder}, as that is not empty: name another folder.`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
}

function writePages(folder: string, entries: readonly Entry[]): void {
  if (!process.versions.deno) throw new Error("Only Deno can write the reference: deno task docs.");
  const files = entries.map(({ file }) => file);
  execFileSync(
    process.execPath,
    ["doc", "--html", "--name=Function Fuse", `--output=${folder}`, ...files],
    { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] },
  );
}

/** What a page should say. */
function correct(html: string, page: string, entries: readonly Entry[]): string {
  const named = html.replace(
    /(import [^\n]* from &quot;)([^&\n]+)(&quot;)/g,
    (whole, before, path, after) => {
      const name = entries.find((entry) => entry.path === path)?.name;
      return name === undefined ? whole : before + name + after;
    },
  );
  const root = pathToFileURL(ROOT).href.replaceAll("/", "&#x2F;");
  const up = relative(dirname(page), ROOT).split(sep).join("/");
  return named.replaceAll(`href="${root}`, `href="${up}/`);
}

/** The entries with the first sentence that each says of itself. */
function listOf(entries: readonly Entry[]): string {
  const rows = entries.map(({ name, path, file }) => {
    const [, summary = ""] = /^\/\*\*\s+\*?\s*([^]*?)(?:\n \*\n|\n \*\/|\s*\*\/)/.exec(
      readFileSync(join(ROOT, file), "utf8"),
    ) ?? [];
    const text = escape(summary.replace(/\n \* ?/g, " ").trim());
    const page = path === "." ? "all_symbols.html" : `${path}/index.html`;
    return `<li><a href="${page}"><code>${name}</code></a> ${text}</li>`;
  });
  return `<h2>Entries</h2><ul>${rows.join("\n")}</ul>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replace(/`([^`]*)`/g, "<code>$1</code>");
}

function main(): void {
  const folder = resolve(process.argv[2] ?? DEFAULT_FOLDER);
  const entries = readEntries();
  clear(folder);
  writePages(folder, entries);
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".html")) continue;
    const page = join(folder, name);
    let html = correct(readFileSync(page, "utf8"), page, entries);
    if (name === "index.html") {
      html = html.replace(
        /<\/div>\s*<\/div>\s*<\/div>\s*<\/section>\s*<\/main>/,
        (end) => listOf(entries) + end,
      );
    }
    writeFileSync(page, html);
  }
  console.log(`The reference is in ${relative(process.cwd(), join(folder, "index.html"))}.`);
}

try {
  main();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
