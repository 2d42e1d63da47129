/** The links of pages. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Page, proseOf, ROOT } from "./pages.ts";

/** What is wrong with a page's links inside the project. */
export function brokenLinks(page: Page): string[] {
  const prose = proseOf(page.text).replace(
    /`[^`\n]*`/g,
    (code) => code.replaceAll(/[[\]()]/g, " "),
  );
  const inline = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);
  const defined = [...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map(([, target]) => target);
  return [...inline, ...defined].filter((target) => !/^[a-z]+:/.test(target))
    .flatMap((target) => whatIsWrong(page, target));
}

function whatIsWrong(page: Page, target: string): string[] {
  const [file, anchor] = target.split("#");
  const path = file === "" ? page.path : relative(ROOT, join(ROOT, dirname(page.path), file));
  if (path.startsWith("..") || !existsSync(join(ROOT, path))) return [`${target}: no such file`];
  if (anchor === undefined) return [];
  const anchors = path.endsWith(".md") ? anchorsOf(readFileSync(join(ROOT, path), "utf8")) : [];
  return anchors.includes(anchor) ? [] : [`${target}: no such heading`];
}

/** Headings as GitHub names them. */
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>();
  return [...proseOf(text).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => {
    const anchor = heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(" ", "-");
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}
