/** The code of a function, class or plugin: what was written in the call, or after the decorator, that made it. */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Origin } from "../core/carried.ts";
import { isTopLevel, itemAt, type Module, type Use, usesWithin } from "./_module.ts";
import { isLibraryCall, memberOf } from "./_graph.ts";
import { type Call, chainOf } from "./_notes.ts";
import type { Project } from "./_project.ts";
import { isLibraryUrl } from "./_resolve.ts";
import { END, isWithin, START, type Syntax, syntaxAt } from "./_syntax.ts";

/** Where following begins. */
export interface Root {
  readonly module: Module;
  /** What was written. */
  readonly nodes: readonly Syntax[];
  /** The name of the variable that it is. */
  readonly binding?: string;
  /** Modules that are taken as a whole, and why. */
  readonly whole?: { readonly modules: readonly Module[]; readonly reason: string };
}

interface Frame {
  readonly module: Module;
  readonly at: number;
}

/** Finds what an origin was made of; `undefined` if its module can't be read. */
export function findRoot(project: Project, origin: Origin): Root | undefined {
  const frames = readFrames(project, origin);
  const [first] = frames;
  const module = first?.module ?? loadUrl(project, origin.module);
  if (!module) return undefined;
  const found = findClass(frames, origin) ?? findCall(project, frames, origin) ??
    findNamed(project, module, origin);
  if (found && !found.whole) return found;
  const { name } = origin.code;
  if (!found && name && module.bindings.has(name)) return { module, nodes: [], binding: name };
  const modules = [...new Set([module, ...frames.map((frame) => frame.module)])];
  const reason = "could not be found in its module";
  return found ?? { module, nodes: [], whole: { modules, reason } };
}

function loadUrl(project: Project, url: string | undefined): Module | undefined {
  if (!url?.startsWith("file:")) return undefined;
  return project.load(fileURLToPath(url));
}

/** The user's own frames, innermost first. */
function readFrames(project: Project, { site }: Origin): Frame[] {
  const frames: Frame[] = [];
  for (const { url, line, column } of site.places) {
    // Stock plugins are called by the user's code, which is what counts.
    if (isLibraryUrl(url) && url.includes("/plugins/")) continue;
    if (/^(?:ext|node):/.test(url) || isLibraryUrl(url)) break;
    const module = loadUrl(project, url);
    if (!module) continue;
    let at = 0;
    for (let i = 1; i < line && at >= 0; i++) at = module.text.indexOf("\n", at) + 1 || -1;
    if (at >= 0) frames.push({ module, at: at + column - 1 });
  }
  return frames;
}

/** A class with decorators that covers a place. */
function findClass(frames: readonly Frame[], { code }: Origin): Root | undefined {
  for (const { module, at } of frames) {
    for (const node of module.notes.classes) {
      const { decorators } = (node.superClass ?? {}) as { decorators?: unknown };
      const name = (node.id as Syntax | undefined)?.name;
      const isHere = at >= node[START] - "export default ".length &&
        at < (node.body as Syntax)[START];
      if (!decorators || !isHere || (name !== undefined && name !== code.name)) continue;
      const root = { module, nodes: [node] };
      const item = itemAt(module, node[START]);
      if (item?.node === node && name !== undefined) return { ...root, binding: `${name}` };
      return withCaptured(root);
    }
  }
  return undefined;
}

/** The call that made it: the innermost one that does not depend on who called the function that it is in. */
function findCall(
  project: Project,
  frames: readonly Frame[],
  origin: Origin,
): Root | undefined {
  let failed: Root | undefined;
  for (const { module, at } of frames) {
    const call = callAt(module, at);
    // One runtime shows the frames of calls that end a function, the other one does not.
    if (!call || call.isTail) continue;
    const root = withCaptured({ module, nodes: writtenIn(project, module, call, origin) });
    if (!root.whole) return root;
    failed ??= root;
  }
  const modules = [...new Set(frames.map(({ module }) => module))];
  return failed && { ...failed, whole: { modules, reason: failed.whole!.reason } };
}

/** The only call of this library that gives or takes the origin's name: frames may be missing. */
function findNamed(project: Project, module: Module, origin: Origin): Root | undefined {
  const [call, ...others] = module.notes.calls.filter(({ callee, args }) => {
    const [first] = args;
    const name = args.length > 1
      ? first.value
      : first?.name ?? (first?.id as Syntax | undefined)?.name;
    return name === origin.name && isLibraryCall(project, module, callee);
  });
  if (!call || others.length > 0) return undefined;
  return withCaptured({ module, nodes: writtenIn(project, module, call, origin) });
}

/** The methods of a query that are given functions. */
const TAKES_FUNCTION: ReadonlySet<unknown> = new Set([
  "replaceFunction",
  "insertBefore",
  "insertAfter",
]);

/** What of a call says what was made. */
function writtenIn(
  project: Project,
  module: Module,
  { node, callee, args }: Call,
  { kind, path }: Origin,
): readonly Syntax[] {
  if (path) {
    const part = partAt(args[0], path);
    return part ? [part] : args;
  }
  const method = chainOf(callee)?.path.at(-1);
  const isReplacement = kind === "replacement" &&
    TAKES_FUNCTION.has(method ?? ((callee.property as Syntax | undefined)?.name));
  if (isReplacement) return args;
  if (!isLibraryCall(project, module, callee)) return [node];
  // The name is told by itself.
  return kind !== "pluginUse" && args.length > 1 ? args.slice(1) : args;
}

/** A part of an object or a list as it is written; `undefined` where only running it tells. */
function partAt(value: Syntax | undefined, path: readonly (string | number)[]): Syntax | undefined {
  return path.reduce<Syntax | undefined>((at, key) => {
    const members = (at?.elements ?? at?.properties ?? []) as (Syntax | null)[];
    if (!at || members.some((member) => member?.type === "SpreadElement")) return undefined;
    return typeof key === "string" ? memberOf(at, key) : members[key] ?? undefined;
  }, value);
}

/** The call at a place: the best match, and of equal ones the innermost. */
function callAt(module: Module, at: number): Call | undefined {
  let best: Call | undefined;
  let bestRank = 4;
  for (const call of module.notes.calls) {
    if (!isWithin(at, call.node)) continue;
    const rank = rankOf(module, call, at);
    const isInner = rank === bestRank && (!best || isAround(best.node, call.node));
    if (rank < bestRank || isInner) [best, bestRank] = [call, rank];
  }
  return best;
}

/** Runtimes show where a call's function's name begins; if it has none, its parenthesis, its beginning or near it. */
function rankOf({ text }: Module, { node, callee }: Call, at: number): number {
  if (callee.type === "Identifier" && at === callee[START]) return 0;
  if (callee.type === "MemberExpression" && at === (callee.property as Syntax)[START]) return 0;
  const opening = text.indexOf("(", callee[END]);
  if (at === opening || (at === node[START] && node.type === "NewExpression")) return 1;
  if (at === node[START]) return 2;
  return at < opening ? 3 : 5;
}

/** Adds what the nodes capture of the functions around them, or says why all of the module has to be taken. */
function withCaptured(root: Root): Root {
  const { module } = root;
  const nodes = [...root.nodes];
  const fail = (what: string, at: number): Root => ({
    ...root,
    whole: { modules: [module], reason: `uses ${what} at ${placeOf(module, at)}` },
  });
  for (const node of nodes) {
    for (const use of usesWithin(module, node)) {
      if (!use.variable || isTopLevel(use) || isMadeWithin(use, nodes)) continue;
      const captured = capture(module, use, nodes);
      if (!captured) return fail(`"${use.name}" of the function around it`, use.at);
      nodes.push(captured);
    }
    for (const { at, owner } of module.notes.thisUses) {
      if (!owner || !isWithin(at, node) || nodes.some((outer) => isAround(outer, owner))) continue;
      return fail(`"this" of the function around it`, at);
    }
  }
  return { ...root, nodes };
}

function isAround(outer: Syntax, inner: Syntax): boolean {
  return outer[START] <= inner[START] && inner[END] <= outer[END];
}

function isMadeWithin({ variable }: Use, nodes: readonly Syntax[]): boolean {
  const block = variable!.scope.block as unknown as Syntax;
  return nodes.some((node) => isAround(node, block)) ||
    variable!.defs.length > 0 &&
      variable!.defs.every((def) =>
        nodes.some((node) => isWithin((def.name as unknown as Syntax)[START], node))
      );
}

/** What a variable of a function or block around a call is made of; `undefined` if calls decide that. */
function capture(
  module: Module,
  { variable, at }: Use,
  nodes: readonly Syntax[],
): Syntax | undefined {
  const { scope, defs, references } = variable!;
  const item = itemAt(module, at);
  // A block at the top level runs once, with all that is in it.
  if (scope.variableScope.type === "module") return item?.node;
  if (defs.length !== 1) return undefined;
  const [{ type, node, parent }] = defs as unknown as [
    { type: string; node: Syntax; parent: Syntax | null },
  ];
  const positions = new Set(
    references.map(({ identifier }) => (identifier as unknown as Syntax)[START]),
  );
  const isOutside = (at: number) => !nodes.some((node) => isWithin(at, node));
  const isChanged = references.some((use) => use.isWrite() && !use.init) ||
    module.notes.mutations.some(({ root, how }) =>
      how !== "run" && positions.has(root[START]) && isOutside(root[START]) &&
      (how !== "given" && type === "Variable" || how === "assigned")
    );
  if (isChanged) return undefined;
  if (type === "FunctionName" || type === "ClassName") return node;
  if (type !== "Variable" || parent?.kind !== "const" || !node.init) return undefined;
  return syntaxAt(node, "Declarator", { kind: "const", id: node.id, init: node.init });
}

/** `path:line`. */
export function placeOf({ path, text }: Module, at: number): string {
  return `${path}:${text.slice(0, at).split("\n").length}`;
}

/** The folder that a root's names begin at. */
export function folderOf({ module }: Root): string {
  return dirname(module.path);
}
