import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const skip = process.versions.deno ? false : "the reference is written by Deno";
const folder = mkdtempSync(join(tmpdir(), "functionfuse-reference-"));
after(() => rmSync(folder, { recursive: true }));

/** What `deno doc --json` says of a module. */
interface DocumentedModule {
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly { readonly jsDoc?: { readonly tags?: { kind: string }[] } }[];
  }[];
}

const { exports }: { exports: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, "deno.json"), "utf8"),
);

function write(...args: string[]) {
  return spawnSync(process.execPath, ["run", "-A", "tools/docs.ts", ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
}

/** What a module exports, but for what is marked as none of anybody's business. */
function symbolsOf(file: string): string[] {
  const json = execFileSync(process.execPath, ["doc", "--json", file], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1e9,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const { nodes }: { nodes: Record<string, DocumentedModule> } = JSON.parse(json);
  const isInternal = ({ jsDoc }: { jsDoc?: { tags?: { kind: string }[] } }) =>
    jsDoc?.tags?.some(({ kind }) => kind === "internal" || kind === "ignore") ?? false;
  return Object.values(nodes).flatMap(({ symbols }) => symbols)
    .filter(({ declarations }) => !declarations.every(isInternal)).map(({ name }) => name);
}

describe("The reference", { skip }, () => {
  let pages: string[] = [];
  before(() => {
    if (skip) return;
    const { status, stderr } = write(folder);
    assert.equal(status, 0, stderr);
    pages = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".html"));
  });

  for (const [key, file] of Object.entries(exports)) {
    it(`has a page of functionfuse${key.slice(1)}, and of each symbol in it`, () => {
      const entry = join(folder, key);
      assert.ok(existsSync(join(entry, "index.html")));
      const symbols = symbolsOf(file);
      assert.ok(symbols.length > 0);
      assert.deepEqual(
        symbols.filter((name) => !existsSync(join(entry, "~", `${name}.html`))),
        [],
      );
    });
  }

  it("lists all entries on its first page, and says what to import", () => {
    const index = readFileSync(join(folder, "index.html"), "utf8");
    const names = Object.keys(exports).map((key) => `functionfuse${key.slice(1)}`);
    assert.deepEqual(names.filter((name) => !index.includes(`<code>${name}</code>`)), []);
    const known = new Set([...names, "node:assert/strict", "node:process", "apache-arrow"]);
    for (const page of pages) {
      const html = readFileSync(join(folder, page), "utf8");
      for (const [, name] of html.matchAll(/import [^\n]* from &quot;([^&]*)&quot;/g)) {
        assert.ok(known.has(name), `${page}: ${name}`);
      }
    }
  });

  it("links to pages and sources that are there, by no path of this machine", () => {
    const broken = new Set<string>();
    for (const page of pages) {
      const html = readFileSync(join(folder, page), "utf8").replaceAll("&#x2F;", "/");
      assert.doesNotMatch(html, /file:\/\//);
      for (const [, target] of html.matchAll(/\shref="([^"#]+)(?:#[^"]*)?"/g)) {
        if (/^https?:/.test(target)) continue;
        if (!existsSync(join(folder, dirname(page), target))) broken.add(`${page}: ${target}`);
      }
    }
    assert.deepEqual([...broken], []);
  });

  it("is not written over something else", () => {
    const { status, stderr } = write(join(ROOT, "docs"));
    assert.equal(status, 1);
    assert.match(stderr, /^error: Cannot write the reference to .*docs, as that is not empty/);
  });
});
