/** The pages of the documentation, and the blocks of code in them. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../../..", import.meta.url));

/** A fenced block. */
export interface Block {
  /** The line of the page where its text begins. */
  readonly line: number;
  /** What it is written in; empty if the page does not say. */
  readonly language: string;
  /** The file that the reader saves it as. */
  readonly file: string | undefined;
  /** Why nobody runs it, where the page says so: "```sh no-run: needs an account". */
  readonly notRun: string | undefined;
  readonly text: string;
}

/** A page. */
export interface Page {
  /** Its path in the project. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** `README.md` and all pages of `docs/`. */
export function readPages(): Page[] {
  const docs = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md")).sort();
  return ["README.md", ...docs.map((name) => `docs/${name}`)].map((path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    return { path, text, blocks: blocksOf(text) };
  });
}

const FENCE =
  /^(?<indent> *)(?<fence>`{3,}|~{3,})(?<info>[^\n]*)\n(?<text>[^]*?)^ *\k<fence>[`~]*$/gm;

/** All blocks of a page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(FENCE)].map(({ index, groups }) => {
    const { indent, info, text: indented } = groups as Record<string, string>;
    const text = indented.replaceAll(new RegExp(`^ {0,${indent.length}}`, "gm"), "");
    const [, language, rest] = /^\s*(\S*)\s*(.*?)\s*$/.exec(info)!;
    const [, named, notRun] = /^(?!no-run)(\S*)?\s*(?:no-run:\s*(.+))?$/.exec(rest) ??
      /^()no-run:\s*(.+)$/.exec(rest) ?? [];
    const line = page.slice(0, index).split("\n").length + 1;
    return { line, language, file: named || fileOf(text), notRun, text };
  });
}

/** The name in a first line that is a comment with nothing else. */
function fileOf(text: string): string | undefined {
  return /^(?:\/\/|#|--|<!--) ((?:[\w.-]+\/)*[\w-]*\.[\w.]+|Dockerfile)(?: -->)?\n/.exec(text)?.[1];
}

/** A page without its blocks and inline code, in which nothing is a link or a heading. */
export function proseOf(page: string): string {
  return page.replace(FENCE, "");
}
