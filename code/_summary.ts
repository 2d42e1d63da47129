/** What is noted of a piece of code, and small questions about its syntax. */

import type { Variable } from "npm:eslint-scope@9.1.2";
import { isFunctionSyntax, type Module, type Use } from "./_module.ts";
import type { Call } from "./_notes.ts";
import { isSyntax, type Syntax } from "./_syntax.ts";

/** What every function may use: nobody sees which. */
export const GLOBALS = "(globals)";

/** A function that may be called. */
export interface Called {
  readonly module: Module;
  readonly node: Syntax;
  /** Whether it may be given what others have, too: `MAYBE` and `GIVEN`. */
  readonly given: number;
  /** Whether it may be called now, and not only later. */
  readonly isLive: boolean;
}

/** What a piece of code may do. */
export interface Summary {
  /** The keys of the variables that it names and that may be changed. */
  readonly keys: Set<string>;
  /** Of these, what it changes itself. */
  readonly changed: Set<string>;
  readonly calls: Called[];
  /** Whether it may change what it names, or what it is given. */
  changes: boolean;
  changesGiven: boolean;
}

/** Global objects that hold what programs put there. */
export const SHARED = /^(?:globalThis|self|window|global|process)$/;
/** What no other function reads, and what a module of CommonJS gives. */
export const UNSHARED = /^(?:(?:process|Deno)\.exitCode$|module\b|exports\b)/;
/** Nothing is changed by their methods that a function's result could show. */
export const OUTSIDE =
  /^(?:console|performance|Object|Reflect|Deno\.(?:test|bench|serve|exit)|process\.exit|\w+\.std\w+)\b/;

/** How a part of the code is reached. */
export interface Mode {
  /** Whether it is evaluated, or only kept for later. */
  readonly isLive: boolean;
  /** Whether functions in it may be called. */
  readonly isRun: boolean;
}

/** The call that a node is. */
export function callOf(node: Syntax): Call {
  const isTag = node.type === "TaggedTemplateExpression";
  const callee = (isTag ? node.tag : node.callee) as Syntax;
  const args = (isTag ? (node.quasi as Syntax).expressions : node.arguments ?? []) as Syntax[];
  return { node, callee, args, isTail: false, isImmediate: false };
}

/** The syntax just below a node. */
export function childrenOf(node: Syntax): Syntax[] {
  return Object.values(node).flatMap((value) => Array.isArray(value) ? value : [value])
    .filter(isSyntax);
}

/** Whether a name is of a module of the runtime that changes nothing. */
export function isHarmlessImport({ imports }: Module, { name }: Use): boolean {
  return /^(?:node:)?(?:assert|path|url|console)\b/.test(imports.get(name)?.specifier ?? "");
}

/** Whether a variable is a function or a class. */
export function isLocalFunction({ defs }: Variable): boolean {
  const [def] = defs as unknown as [{ type: string; node: Syntax }?];
  return def?.type === "FunctionName" || def?.type === "ClassName" ||
    def?.type === "Variable" && isFunctionSyntax(def.node.init as Syntax | undefined);
}
