/** Names of nodes: patterns that find them, and the check that no two of a graph are alike. */

import { GraphError } from "./errors.ts";
import type { NodeRecord } from "./node.ts";
import { CallSite, showPlace } from "./place.ts";

/** What finds nodes by name: a regular expression or its source, which must match the whole name. */
export type Pattern = RegExp | string;

/** A test for whole names. */
export function compilePattern(pattern: Pattern | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  const isExpression = pattern instanceof RegExp;
  const source = isExpression ? pattern.source : pattern;
  // Only flags that change what matches; the ends are marked so that the flag `m` does not move them.
  const flags = isExpression ? pattern.flags.replace(/[dgy]/g, "") : "u";
  const wrap = (flags: string) => {
    // Alone first: the wrapping could make a wrong pattern a right one.
    new RegExp(source, flags);
    return new RegExp(`(?<![^])(?:${source})(?![^])`, flags);
  };
  try {
    const whole = tryFlags(wrap, flags);
    return (name) => whole.test(name);
  } catch (error) {
    throw new TypeError(
      `Cannot find nodes by the pattern ${JSON.stringify(source)}: ${(error as Error).message}`,
    );
  }
}

/** Unicode mode, and where a pattern is legal only without it (`\-` outside a class, say), plain mode. */
function tryFlags(wrap: (flags: string) => RegExp, flags: string): RegExp {
  if (flags !== "u") return wrap(flags);
  try {
    return wrap("u");
  } catch {
    return wrap("");
  }
}

// Noting a place costs a few microseconds, so graphs with more names than anybody reads go without.
const MOST_NOTED = 30_000;
let noted = 0;

/** Where a name is given: of each graph's first names, until the graph is checked. */
export function noteName(callee: (...args: never[]) => unknown): CallSite | undefined {
  return noted++ < MOST_NOTED ? CallSite.of(callee) : undefined;
}

/**
 * Refuses nodes of one name.
 *
 * Default names of one definition differ by their ordinals, so only names that were given, and those of definitions that
 * share a name, are looked at one by one: a graph of a million unnamed nodes is checked without making their names.
 *
 * @throws {GraphError} If two nodes have the same name, showing both places.
 */
export function checkNames(nodes: readonly NodeRecord[]): void {
  noted = 0;
  const seen = new Map<string, NodeRecord>();
  const see = (node: NodeRecord, name: string) => {
    const other = seen.get(name);
    if (other) throw duplicateName(name, other, node);
    seen.set(name, node);
  };

  const definitions = new Map<string, Set<NodeRecord["definition"]>>();
  let latest: NodeRecord["definition"] | undefined;
  for (const node of nodes) {
    if (node.definition !== latest) {
      latest = node.definition;
      const same = definitions.get(latest.name);
      if (same) same.add(latest);
      else definitions.set(latest.name, new Set([latest]));
    }
    if (node.givenName !== undefined) see(node, node.givenName);
  }
  if (seen.size === nodes.length) return;
  const isLikeDefault = (name: string) => {
    const at = name.lastIndexOf("_");
    return at > 0 && definitions.has(name.slice(0, at));
  };
  const mayMeet = seen.keys().some(isLikeDefault);
  for (const node of nodes) {
    if (node.givenName !== undefined) continue;
    if (mayMeet || definitions.get(node.definition.name)!.size > 1) see(node, node.name);
  }
}

function duplicateName(name: string, first: NodeRecord, second: NodeRecord): GraphError {
  const describe = (node: NodeRecord) => {
    if (node.definition.kind === "group") {
      return `a ${node.definition.name} (made at ${showPlace(node.definition.site)})`;
    }
    const named = node.namedAt && `named at ${showPlace(node.namedAt)}, `;
    return `a call of ${node.definition.name} (${named ?? ""}defined at ${
      showPlace(node.definition.site)
    })`;
  };
  return new GraphError(
    `Two nodes are named ${JSON.stringify(name)}:\n  - ${describe(first)}\n  - ${
      describe(second)
    }\nGive one of them another name with setName.`,
    { reason: "duplicate-name", nodes: [name] },
  );
}
