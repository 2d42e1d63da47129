/** What a tree shows beside its variables: calls, functions, what may change a value, and what can't be followed. */

import { isSyntax, START, type Syntax } from "./_syntax.ts";

/** A call, `new` or a tagged template. */
export interface Call {
  readonly node: Syntax;
  readonly callee: Syntax;
  readonly args: readonly Syntax[];
  /** Whether the runtime may have taken its function's frame off the stack, as Bun's does. */
  readonly isTail: boolean;
  /** Whether it happens while the module is evaluated, as far as the tree shows. */
  readonly isImmediate: boolean;
}

/** Something that may change what a variable stands for. */
export interface Mutation {
  /** The variable. */
  readonly root: Syntax;
  /** The names of the members in between; those that are computed as `undefined`. */
  readonly path: readonly (string | undefined)[];
  readonly how: "assigned" | "called" | "given" | "run";
  /** Of a call. */
  readonly call?: Call;
}

/** What a tree shows. */
export interface Notes {
  readonly calls: Call[];
  readonly classes: Syntax[];
  readonly mutations: Mutation[];
  /** By the position of a variable, the name of its member that is read. */
  readonly members: Map<number, string>;
  /** Modules imported by calls. */
  readonly dynamic: { readonly at: number; readonly specifier: string }[];
  /** By the names of variables, the calls of `createRequire` that they are made by. */
  readonly requires: Map<string, Syntax>;
  /** What can't be followed, and how it is called. */
  readonly hazards: { readonly at: number; readonly what: string }[];
  /** Uses of `this`, and the function or member that it belongs to. */
  readonly thisUses: { readonly at: number; readonly owner: Syntax | undefined }[];
}

interface Context {
  readonly isTail: boolean;
  /** Whether `return` leaves the frame: not in `try`, nor in functions that can be left and entered again. */
  readonly canReturn: boolean;
  readonly isImmediate: boolean;
  readonly owner: Syntax | undefined;
}

/** Reads a whole tree; `local` are the positions of names that are no globals. */
export function readNotes(program: Syntax, local: ReadonlySet<number>): Notes {
  const notes: Notes = {
    calls: [],
    classes: [],
    mutations: [],
    members: new Map(),
    dynamic: [],
    hazards: [],
    requires: new Map(),
    thisUses: [],
  };
  visit(program, { isTail: false, canReturn: false, isImmediate: true, owner: undefined }, notes);
  noteRequired(notes);
  const isGlobal = ({ at, what }: { at: number; what: string }) =>
    !RUNS_TEXT.has(what) || !local.has(at);
  return { ...notes, hazards: notes.hazards.filter(isGlobal) };
}

function visit(node: Syntax, context: Context, notes: Notes): void {
  VISITORS[node.type]?.(node, context, notes);
  const inner = contextWithin(node, context);
  for (const field of Object.keys(node)) {
    const value = node[field];
    if (isSyntax(value)) visit(value, contextOf(node, field, context, inner), notes);
    else if (Array.isArray(value)) {
      value.forEach((item, i) => {
        if (!isSyntax(item)) return;
        const isLast = /^(?:Sequence|VariableDeclaration)/.test(node.type) &&
          i === value.length - 1;
        const isTail = isLast && context.isTail ||
          isReturnedNext(item, value[i + 1]) && inner.canReturn;
        visit(item, { ...inner, isTail }, notes);
      });
    }
  }
}

/** `const made = make(); return made;`, which a runtime may shorten to `return make();`. */
function isReturnedNext(item: Syntax, next: unknown): boolean {
  if (item.type !== "VariableDeclaration" || !isSyntax(next)) return false;
  const id = (item.declarations as Syntax[]).at(-1)?.id as Syntax | undefined;
  const returned = next.type === "ReturnStatement"
    ? next.argument as Syntax | undefined
    : undefined;
  return returned?.type === "Identifier" && id?.type === "Identifier" && returned.name === id.name;
}

/** The context of all that is in a node. */
function contextWithin(node: Syntax, context: Context): Context {
  const { type } = node;
  const isArrow = type === "ArrowFunctionExpression";
  if (isArrow || type === "FunctionExpression" || type === "FunctionDeclaration") {
    const canReturn = !node.async && !node.generator;
    const owner = isArrow ? context.owner : node;
    return { isTail: false, canReturn, isImmediate: false, owner };
  }
  if (type === "PropertyDefinition") {
    return { ...context, isTail: false, canReturn: false, owner: node };
  }
  if (type === "StaticBlock") return { ...context, isTail: false, canReturn: false, owner: node };
  return context.isTail ? { ...context, isTail: false } : context;
}

/** The context of one field; `outer` is the node's and `inner` that of the other fields. */
function contextOf(node: Syntax, field: string, outer: Context, inner: Context): Context {
  const { type } = node;
  if (
    (type === "VariableDeclarator" && field === "init") ||
    (type === "ConditionalExpression" && field !== "test") ||
    (type === "LogicalExpression" && field === "right")
  ) return { ...inner, isTail: outer.isTail };
  if (type === "ReturnStatement") return { ...inner, isTail: inner.canReturn };
  if (type === "ArrowFunctionExpression" && field === "body" && node.expression) {
    return { ...inner, isTail: inner.canReturn };
  }
  if (type === "TryStatement" && (field === "block" || node.finalizer)) {
    return { ...inner, canReturn: false };
  }
  return inner;
}

type Visitor = (node: Syntax, context: Context, notes: Notes) => void;

/** The variable that a chain of members begins with, and their names. */
export function chainOf(
  node: Syntax,
): { root: Syntax; path: (string | undefined)[] } | undefined {
  const path: (string | undefined)[] = [];
  for (let at = node;;) {
    if (at.type === "Identifier") return { root: at, path: path.reverse() };
    if (at.type === "ChainExpression") at = at.expression as Syntax;
    else if (at.type === "MemberExpression") {
      path.push(memberName(at));
      at = at.object as Syntax;
    } else return undefined;
  }
}

function memberName({ computed, property }: Syntax): string | undefined {
  const { name, value } = property as Syntax;
  if (computed) return typeof value === "string" ? value : undefined;
  return name as string;
}

function noteCall(how: "call" | "new" | "tag"): Visitor {
  return (node, { isTail, isImmediate }, notes) => {
    const callee = (how === "tag" ? node.tag : node.callee) as Syntax;
    const args = how === "tag"
      ? ((node.quasi as Syntax).expressions as Syntax[])
      : ((node.arguments ?? []) as Syntax[]);
    const call = { node, callee, args, isTail: isTail && how !== "new", isImmediate };
    notes.calls.push(call);
    const chain = chainOf(callee);
    if (chain) {
      if (how === "call" && chain.path.length > 0) {
        notes.mutations.push({ ...chain, how: "called", call });
      } else if (chain.path.length === 0) notes.mutations.push({ ...chain, how: "run", call });
      noteGlobalCall(chain.root.name as string, call, notes);
    }
    noteModuleUrl(call, notes);
    for (const arg of args) {
      if (arg.type === "Identifier") {
        notes.mutations.push({ root: arg, path: [], how: "given", call });
      }
    }
  };
}

const RUNS_TEXT = new Set(["eval()", "Function()"]);

/** Calls that run or load code given as text. */
function noteGlobalCall(name: string, { args, callee }: Call, notes: Notes): void {
  const at = callee[START];
  if (callee.type !== "Identifier") return;
  if (name === "eval") notes.hazards.push({ at, what: "eval()" });
  if (name === "Function") notes.hazards.push({ at, what: "Function()" });
  if (name === "require") noteImport(at, args[0], "require()", notes);
}

/** Calls of what `createRequire()` gave; where that is kept in another way, they can't be found. */
function noteRequired({ calls, requires, ...notes }: Notes): void {
  const made = calls.filter(({ callee }) => isCreateRequire(callee));
  if (made.length === 0) return;
  const found = new Set<Syntax>();
  for (const { callee, args } of calls) {
    const name = callee.type === "MemberExpression" && memberName(callee) === "resolve"
      ? callee.object as Syntax
      : callee;
    const source = requires.get(`${name.name}`) ?? name;
    if (!made.some(({ node }) => node === source)) continue;
    found.add(source);
    noteImport(callee[START], args[0], "require()", { calls, requires, ...notes });
  }
  for (const { node } of made) {
    if (!found.has(node)) notes.hazards.push({ at: node[START], what: "createRequire()" });
  }
}

function isCreateRequire(callee: Syntax): boolean {
  return chainOf(callee) !== undefined &&
    (callee.name ?? memberName(callee)) === "createRequire";
}

function noteImport(at: number, source: unknown, what: string, notes: Notes): void {
  const specifier = isSyntax(source) ? literalText(source) : undefined;
  if (specifier === undefined) notes.hazards.push({ at, what });
  else notes.dynamic.push({ at, specifier });
}

/** `new URL("./worker.ts", import.meta.url)` and `import.meta.resolve("./worker.ts")`: code that is about to be loaded. */
function noteModuleUrl({ node, callee, args }: Call, notes: Notes): void {
  const isUrl = callee.name === "URL" && isMeta(args[1], "url");
  const specifier = (isUrl || isMeta(callee, "resolve")) && args[0] && literalText(args[0]);
  if (specifier && /^\.{1,2}\/.*\.[cm]?[jt]sx?$/.test(specifier)) {
    notes.dynamic.push({ at: node[START], specifier });
  }
}

function isMeta(node: Syntax | undefined, name: string): boolean {
  return node?.type === "MemberExpression" && memberName(node) === name &&
    (node.object as Syntax).type === "MetaProperty";
}

/** The text that an expression always is. */
function literalText({ type, value, expressions, quasis }: Syntax): string | undefined {
  if (type === "Literal" && typeof value === "string") return value;
  if (type !== "TemplateLiteral" || (expressions as Syntax[]).length > 0) return undefined;
  return ((quasis as Syntax[])[0].value as { cooked: string }).cooked;
}

function noteTarget(target: unknown, notes: Notes): void {
  if (!isSyntax(target)) return;
  if (target.type === "MemberExpression") {
    const chain = chainOf(target);
    if (chain) notes.mutations.push({ ...chain, how: "assigned" });
  } else if (target.type === "ArrayPattern") {
    for (const element of target.elements as unknown[]) noteTarget(element, notes);
  } else if (target.type === "ObjectPattern") {
    for (const property of target.properties as Syntax[]) {
      noteTarget(property.type === "Property" ? property.value : property, notes);
    }
  } else if (target.type === "AssignmentPattern") noteTarget(target.left, notes);
  else if (target.type === "RestElement") noteTarget(target.argument, notes);
}

const noteLeft: Visitor = (node, _, notes) => noteTarget(node.left, notes);
const noteClass: Visitor = (node, _, notes) => void notes.classes.push(node);
const noteThis: Visitor = (node, { owner }, notes) =>
  void notes.thisUses.push({ at: node[START], owner });

const VISITORS: Record<string, Visitor> = {
  AssignmentExpression: noteLeft,
  CallExpression: noteCall("call"),
  ClassDeclaration: noteClass,
  ClassExpression: noteClass,
  ForInStatement: noteLeft,
  ForOfStatement: noteLeft,
  ImportExpression: (node, _, notes) => noteImport(node[START], node.source, "import()", notes),
  MemberExpression: (node, _, notes) => {
    const object = node.object as Syntax;
    const name = memberName(node);
    if (object.type === "Identifier" && name !== undefined) notes.members.set(object[START], name);
  },
  NewExpression: noteCall("new"),
  Super: noteThis,
  TaggedTemplateExpression: noteCall("tag"),
  ThisExpression: noteThis,
  UnaryExpression: (node, _, notes) => {
    if (node.operator === "delete") noteTarget(node.argument, notes);
  },
  UpdateExpression: (node, _, notes) => noteTarget(node.argument, notes),
  VariableDeclarator: ({ id, init }, _, { requires }) => {
    const callee = isSyntax(init) && init.callee;
    if (isSyntax(callee) && isCreateRequire(callee)) {
      requires.set((id as Syntax).name as string, init as Syntax);
    }
  },
  WithStatement: (node, _, notes) => void notes.hazards.push({ at: node[START], what: "with" }),
};
