/** Rules: what an engineer sets for the nodes that patterns find, as data. */

import type { AnyFunction } from "./callable.ts";
import type { Backend } from "./backend.ts";
import { ConfigError } from "./errors.ts";
import { compilePattern, type Pattern } from "./names.ts";
import type { Plugin } from "./plugin.ts";
import type { RemoteArgs } from "./policy.ts";
import type { Query } from "./query.ts";
import type { Targets } from "./types.ts";

/**
 * What is set for the nodes that a pattern finds, in the words of `Query`.
 *
 * Within a rule, functions are replaced first; then nodes are inserted before and after; then the nodes are made one; and
 * what else is set is set for what is there then.
 */
export interface Rule {
  /** Which nodes: a regular expression or its source, which must match the whole name. Default: all. */
  query?: Pattern;
  /** Only for the workflows whose whole names this matches. Default: for all. */
  workflow?: Pattern;
  /** Whether it is fine if there is no such node. Default: `false`, so that a misspelled pattern is found. */
  optional?: boolean;
  /** Resources, retries and time limits. */
  remoteArgs?: RemoteArgs;
  /** Plugins, after those that were set before. */
  plugins?: readonly Plugin[];
  /** Whether values are read from and written to the storage. */
  stored?: boolean;
  /** Whether small nodes may be sent together with others, where a backend does that. */
  grouped?: boolean;
  /** Another function, for the same arguments. */
  replaceFunction?: AnyFunction;
  /** A function that each incoming value goes through. */
  insertBefore?: AnyFunction;
  /** A function that the outgoing value goes through. */
  insertAfter?: AnyFunction;
  /** The name of the one node that these nodes become. */
  collapse?: string;
  /** `true` removes the nodes, which nobody else may read. */
  remove?: boolean;
}

/** The keys of a rule that hold functions, in the order in which they are set. */
export const FUNCTION_KEYS = ["replaceFunction", "insertBefore", "insertAfter"] as const;

/** How rules are applied. */
export interface ApplyOptions {
  /** The name that a rule's `workflow` is compared with. Default: the backend's. */
  readonly workflow?: string;
}

/**
 * Applies rules to a backend, one after the other: each sees the nodes as those before it have left them.
 *
 * @throws {ConfigError} If a pattern finds nothing, or what a rule says can't be done.
 */
export function applyRules(
  backend: Backend<Targets, unknown>,
  rules: readonly Rule[],
  { workflow = backend.workflowName }: ApplyOptions = {},
): void {
  for (const [at, rule] of rules.entries()) {
    if (!compilePattern(rule.workflow)(workflow)) continue;
    const query = backend.query(rule.query);
    if (query.names.length > 0) apply(query, { rule, path: `rules[${at}]` });
    else if (!rule.optional) throw nothingFound(backend, rule, `rules[${at}]`);
  }
}

/** Sets what a rule says. */
function apply(
  query: Query,
  { rule, path }: { rule: Rule; path: string },
): void {
  const set = (key: keyof Rule, action: () => unknown) => {
    if (rule[key] !== undefined) attempt(`${path}.${key}`, action);
  };
  for (const key of FUNCTION_KEYS) set(key, () => query[key](rule[key]!));
  set("collapse", () => query.collapse(rule.collapse!));
  // From here on, the query holds the one node.
  set("remoteArgs", () => query.setRemoteArgs(rule.remoteArgs!));
  set("plugins", () => rule.plugins!.forEach((plugin) => query.setPlugin(plugin)));
  set("stored", () => query.setStored(rule.stored!));
  set("grouped", () => query.setGroup(rule.grouped!));
  if (rule.remove) set("remove", () => query.remove());
}

function attempt(path: string, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`Cannot do what '${path}' of the configuration says. ${message}`, {
      path,
      cause: error,
    });
  }
}

const MOST_SHOWN = 8;

function nothingFound(
  backend: Backend<Targets, unknown>,
  { query }: Rule,
  path: string,
): ConfigError {
  const names = backend.findNodes();
  const shown = names.slice(0, MOST_SHOWN).map((name) => JSON.stringify(name)).join(", ");
  const rest = names.length > MOST_SHOWN ? ` and ${names.length - MOST_SHOWN} more` : "";
  const pattern = query instanceof RegExp ? String(query) : JSON.stringify(query);
  return new ConfigError(
    `Cannot use the configuration as '${path}.query' finds no node of the workflow ` +
      `${
        JSON.stringify(backend.workflowName)
      }: ${pattern} matches no whole name. There are ${shown}${rest}. ` +
      `If there need not be such a node, say 'optional: true'.`,
    {
      path: `${path}.query`,
      unknown: query instanceof RegExp ? query.source : query,
      known: names,
    },
  );
}
