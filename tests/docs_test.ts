/**
 * The documentation, followed as readers do: each page in a folder of its own, from its first block to its last.
 *
 * | block | what happens to it |
 * |---|---|
 * | any with a file's name, in its first line as a comment or after the language | the file is saved |
 * | `diff` with a file's name | the file is changed |
 * | `ts` | it runs as a script of its own |
 * | `sh` | its commands run, and must succeed |
 * | `console` | what stands after each `$` runs; what comes is compared with what is shown below it |
 * | `text` after one of these | is compared with what that printed |
 * | `json`, `jsonc` | it is read |
 * | `python` | it runs in the peers' Python |
 * | `mermaid` | is a picture |
 * | any marked as in "```sh no-run: needs an account" | is not run, and counted |
 *
 * Everything else is refused.
 */

import { parse, type ParseError } from "jsonc-parser";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { brokenLinks } from "./support/docs/links.ts";
import { assertShown } from "./support/docs/output.ts";
import { type Block, type Page, readPages, ROOT } from "./support/docs/pages.ts";
import { Reader, temporaryFolder } from "./support/docs/reader.ts";
import { PYTHON, skipWithout } from "./support/peers.ts";

const isDeno = process.versions.deno !== undefined;
const pages = readPages();

/** Follows a block; gives what it printed. */
type Follow = (
  reader: Reader,
  block: Block,
  printed: string,
) => Promise<string | void> | string | void;

const LANGUAGES: Record<string, Follow> = {
  ts: runScript,
  js: runScript,
  sh: runCommands,
  bash: runCommands,
  console: async (reader, { text }) => await reader.follow(text),
  text: (_, { text }, printed) => assertShown(text, printed),
  json: checkJson,
  jsonc: checkJson,
  python: runPython,
  mermaid: (_, { text }) => assert.match(text, /^(flowchart|graph|sequenceDiagram|stateDiagram)/),
};
const SHELLS = ["sh", "bash", "console"];

async function runScript(reader: Reader, { text }: Block): Promise<string> {
  const { code, all, stdout } = await reader.runScript(text);
  assert.equal(code, 0, all);
  assert.doesNotMatch(all, /run on the host/);
  return stdout;
}

async function runCommands(reader: Reader, { text }: Block): Promise<string> {
  const { code, all } = await reader.type(`set -e\n${text}`);
  assert.equal(code, 0, all);
  return all;
}

async function runPython(reader: Reader, { text }: Block): Promise<string> {
  reader.save("example.py", text);
  const { code, all } = await reader.type(`"${PYTHON}" example.py`);
  assert.equal(code, 0, all);
  return all;
}

function checkJson(_: Reader, { text }: Block): void {
  const errors: ParseError[] = [];
  parse(text, errors, { allowTrailingComma: true });
  assert.deepEqual(errors, []);
}

/** Saves a block or runs it; gives what was printed last. */
async function follow(reader: Reader, block: Block, printed: string): Promise<string> {
  const { language, file, text } = block;
  if (file !== undefined) {
    if (language === "diff") reader.change(file, text);
    else reader.save(file, text);
    return printed;
  }
  assert.ok(
    Object.hasOwn(LANGUAGES, language),
    `A block of ${language || "no language"} is neither run, saved nor marked by "no-run: REASON".`,
  );
  return await LANGUAGES[language](reader, block, printed) ?? printed;
}

// What one runtime does for the other is run, and what only one of them can do.
const OWN = /^(?:\$ )?(?!(?:deno|bun) (?:run|test|-A|\S+\.ts))(?<program>deno|bun) /m;

/** Why a block can't be followed here. */
function skipReason({ blocks }: Pick<Page, "blocks">, at: number): string | false {
  const { language, file, notRun, text } = blocks[at];
  if (notRun !== undefined) return notRun;
  if (file !== undefined) return false;
  // Output of what was not run is not there either.
  if (language === "text" && at > 0) return skipReason({ blocks }, at - 1);
  if (language === "python") return skipWithout(PYTHON);
  if (!SHELLS.includes(language)) return false;
  const own = OWN.exec(text)?.groups?.program;
  if (own !== undefined && (own === "deno") !== isDeno) return `has a command of ${own} alone`;
  const missing = ["jq", "dot", "node"].filter((name) => new RegExp(`\\b${name} `).test(text))
    .find((name) => spawnSync(name, ["--version"]).error !== undefined);
  return missing !== undefined && `${missing} is not there`;
}

/** What becomes of each block of a page. */
type Outcomes = readonly Promise<string>[];

const started = new Map<Page, Outcomes>();
const readers: Promise<void>[] = [];
after(() => Promise.all(readers));

/** Follows a page, and the next one beside it, as most of the time programs start and types are checked. */
function outcomesOf(page: Page): Outcomes {
  for (const due of pages.slice(pages.indexOf(page)).slice(0, 2)) {
    if (!started.has(due)) started.set(due, start(due));
  }
  return started.get(page)!;
}

function start(page: Page): Outcomes {
  const reader = new Reader();
  let printed = Promise.resolve("");
  const outcomes = page.blocks.map((block, at) => {
    const outcome = printed.then((last) =>
      skipReason(page, at) === false ? follow(reader, block, last) : last
    );
    printed = outcome.catch(() => "");
    return outcome;
  });
  readers.push(printed.then(() => reader.remove()));
  return outcomes;
}

for (const page of pages) {
  describe(page.path, () => {
    page.blocks.forEach(({ line, language, file }, at) => {
      const skip = skipReason(page, at);
      const what = [language, file].filter(Boolean).join(" ");
      const why = skip ? ` (not run: ${skip})` : "";
      it(`holds in line ${line}: ${what}${why}`, { skip, timeout: 300_000 }, async () => {
        await outcomesOf(page)[at];
      });
    });

    it("links to what is there", () => assert.deepEqual(brokenLinks(page), []));
  });
}

describe("The documentation", () => {
  it("can be reached from its index, page by page", () => {
    const index = pages.find(({ path }) => path === "docs/README.md")!.text;
    const names = pages.map(({ path }) => /^docs\/(?!README)(.+)/.exec(path)?.[1]);
    const missing = names.filter((name) => name !== undefined && !index.includes(`](${name}`));
    assert.deepEqual(missing, []);
  });

  it("keeps readers' files out of the project, and of one another's way", () => {
    const folders = ["README.md", "docs/tutorial.md"].map((path) => {
      const { text } = pages.find((page) => page.path === path)!;
      const [, folder] = /^mkdir -p (\S+) && cd \1$/m.exec(text) ?? [];
      assert.ok(folder, `${path} makes no folder`);
      return folder;
    });
    // A configuration is looked for upward.
    for (const folder of folders) {
      const others = folders.filter((other) => other !== folder);
      assert.ok(!others.some((other) => `${other}/`.startsWith(`${folder}/`)), folder);
      const { status } = spawnSync("git", ["check-ignore", "-q", folder], { cwd: ROOT });
      assert.equal(status, 0, `${folder} is not ignored by git`);
    }
  });

  it("passes the type check", {
    skip: isDeno ? false : "Deno has the compiler",
    timeout: 300_000,
  }, () => {
    const folder = temporaryFolder();
    try {
      const files = pages.flatMap((page) => saveScripts(folder, page));
      const { status, stderr } = spawnSync(process.execPath, ["check", "--quiet", ...files], {
        cwd: ROOT,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1" },
      });
      assert.equal(status, 0, stderr);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Saves a page's scripts and files of code; of a file that it shows twice, the last. */
function saveScripts(folder: string, { path, blocks }: Page): string[] {
  const scripts = blocks.filter(({ language, notRun }) => language === "ts" && !notRun);
  const paths = scripts.map(({ file, line, text }) => {
    const to = join(folder, path, file ?? `line_${line}.ts`);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, text);
    return to;
  });
  return [...new Set(paths)];
}
