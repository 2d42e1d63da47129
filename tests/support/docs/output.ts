/** What a page shows as output, and what came. */

import assert from "node:assert/strict";

/** What differs from run to run: times, dates and sizes, each shown as its kind. */
const MEASURES: [RegExp, string][] = [
  [/\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+Z?)?/g, "<date>"],
  [/\b\d[\d.,]* (?:ms|s|min|h)\b/g, "<time>"],
  [/\b\d[\d.,]* (?:B|kB|MB|GB)(?!\w)/g, "<size>"],
];

// How wide a table's columns are depends on the figures.
function simplify(text: string): string[] {
  let simple = text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  for (const [pattern, kind] of MEASURES) simple = simple.replace(pattern, kind);
  return simple.replace(/─+/g, "─").replace(/[ \t]+/g, " ").trimEnd().split("\n")
    .map((line) => line.trim());
}

/** A line that `fuse` writes for each node where there is no terminal, which shows a bar instead. */
const NODE_LINE = /^\[\d+\/\d+\] /;

/**
 * Compares output with what a page shows: "…" stands for any text, and in a line of its own for any lines. Times, dates
 * and sizes may be others, and lines of single nodes are only expected where the page shows some.
 */
export function assertShown(shown: string, output: string): void {
  const expected = simplify(shown);
  let actual = simplify(output);
  if (!expected.some((line) => NODE_LINE.test(line))) {
    actual = actual.filter((line) => !NODE_LINE.test(line));
  }
  const pattern = expected.map((line, at) => {
    const isLast = at === expected.length - 1;
    if (line === "…") return isLast ? "[^]*" : "(?:[^\\n]*\\n)*?";
    return line.split("…").map(escape).join("[^\\n]*") + (isLast ? "" : "\\n");
  }).join("");
  if (new RegExp(`^${pattern}\\n?$`).test(actual.join("\n"))) return;
  assert.equal(actual.join("\n"), expected.join("\n"), "The page shows another output.");
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
