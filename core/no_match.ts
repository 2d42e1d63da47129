/** What is said of a pattern that matches no node. */

import type { Pattern } from "./names.ts";

const MOST_SHOWN = 20;
// Comparing takes time for each name.
const MOST_COMPARED = 10_000;
const LONGEST_COMPARED = 100;

/** `no node's whole name matches "trian". Did you mean "train"?`; without a likely name, those that there are. */
export function explainNoMatch(pattern: Pattern | undefined, names: readonly string[]): string {
  const source = pattern instanceof RegExp ? pattern.source : pattern ?? "";
  const near = nearest(source, names);
  const shown = names.slice(0, MOST_SHOWN).concat(names.length > MOST_SHOWN ? ["…"] : []);
  const hint = near === undefined
    ? names.length === 1 ? `There is ${shown[0]}.` : `There are ${shown.join(", ")}.`
    : `Did you mean ${JSON.stringify(near)}?`;
  return `no node's whole name matches ${JSON.stringify(source)}. ${hint}`;
}

/** The name that is most like a pattern's letters, if one is like them. */
function nearest(source: string, names: readonly string[]): string | undefined {
  const letters = source.replace(/\\[a-zA-Z]|[\\^$.*+?()[\]{}|]/g, "").slice(0, LONGEST_COMPARED);
  let best: string | undefined;
  let least = Math.max(2, letters.length / 3);
  for (const name of names.slice(0, MOST_COMPARED)) {
    const count = countEdits(letters, name.slice(0, LONGEST_COMPARED));
    if (count > least || count >= letters.length || (count === least && best !== undefined)) {
      continue;
    }
    [best, least] = [name, count];
  }
  return best;
}

/** How many letters have to be put in, left out or replaced to make one text of another. */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}
