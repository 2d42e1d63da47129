/** One module of the user's: its variables, what they refer to, and what it imports and exports. */

import type { Scope, ScopeManager, Variable } from "npm:eslint-scope@9.1.2";
import { loadScopes } from "./_libraries.ts";
import { type Notes, readNotes } from "./_notes.ts";
import { loadParse } from "./_parse.ts";
import { END, isWithin, keyName, START, Syntax, syntaxAt } from "./_syntax.ts";

/** A statement at the top level, or one declarator of it. */
export interface Item {
  readonly node: Syntax;
  /** The variables that it declares. */
  readonly names: string[];
  /** What its variable is, if it declares one. */
  readonly value: Syntax | undefined;
}

/** A name where it is used. */
export interface Use {
  readonly at: number;
  readonly name: string;
  /** `undefined` for globals. */
  readonly variable: Variable | undefined;
  /** Whether it changes the variable after it was made. */
  readonly isWrite: boolean;
}

/** What a module takes from another one: `*` for all of it. */
export interface Import {
  readonly specifier: string;
  readonly name: string;
}

/** A module that was read and parsed, without what depends on other files. */
export interface Module {
  readonly path: string;
  readonly text: string;
  /** Why it could not be parsed. */
  readonly failure?: string;
  readonly program: Syntax;
  readonly notes: Notes;
  readonly items: readonly Item[];
  /** By the names of variables at the top level. */
  readonly bindings: ReadonlyMap<string, readonly Item[]>;
  readonly imports: ReadonlyMap<string, Import>;
  /** By exported names: a variable here, or what is passed on. */
  readonly exports: ReadonlyMap<string, string | Import>;
  /** What `export *` passes on. */
  readonly stars: readonly string[];
  /** Modules that are only run. */
  readonly effects: readonly string[];
  /** Specifiers of what is imported as a file, not as a module. */
  readonly files: ReadonlySet<string>;
  /** All specifiers of modules that it loads. */
  readonly specifiers: ReadonlySet<string>;
  /** In the order in which they are written. */
  readonly uses: readonly Use[];
  /** Whether it exports by assigning to `module.exports`. */
  readonly isCommonJs: boolean;
}

/** What reads modules: its libraries are loaded when first asked for. */
export async function loadReader(): Promise<(path: string, text: string) => Module> {
  const [parse, { analyze }] = await Promise.all([loadParse(), loadScopes()]);
  return (path, text) => {
    const readProgram = (program: Syntax) =>
      readModule(
        program,
        analyze(program as never, {
          ecmaVersion: 2022,
          sourceType: "module",
          jsx: true,
          fallback: "iteration",
          // Otherwise no name around it would be known.
          ignoreEval: true,
        }),
      );
    try {
      return { ...readProgram(parse(text, path)), path, text };
    } catch (error) {
      const nothing = Object.assign(new Syntax("Program", 0, text.length), { body: [] });
      return { ...readProgram(nothing), path, text, failure: (error as Error).message };
    }
  };
}

function readModule(program: Syntax, scopes: ScopeManager) {
  const tables = new Tables();
  for (const statement of program.body as Syntax[]) tables.read(statement);
  const scope = scopes.globalScope!.childScopes[0];
  const uses = readUses(scopes);
  const bindings = new Map<string, Item[]>();
  for (const { name, defs } of scope.variables) {
    if (tables.imports.has(name)) continue;
    const places = defs.map((def) => (def.name as unknown as Syntax)[START]);
    const items = tables.items.filter(({ node }) => places.some((at) => isWithin(at, node)));
    for (const item of items) if (!item.names.includes(name)) item.names.push(name);
    bindings.set(name, items);
  }
  const anonymous = tables.items.filter(({ names }) => names.includes("default"));
  if (anonymous.length > 0) bindings.set("default", anonymous);
  const notes = readNotes(program, new Set(uses.filter(isResolved).map(({ at }) => at)));
  for (const { specifier } of notes.dynamic) tables.specifiers.add(specifier);
  return { ...tables, program, notes, bindings, uses, isCommonJs: isCommonJs(program, uses) };
}

const isResolved = ({ variable }: Use) => variable !== undefined;

function isCommonJs(program: Syntax, uses: readonly Use[]): boolean {
  return !(program.body as Syntax[]).some(({ type }) => /^(?:Import|Export)/.test(type)) &&
    uses.some(({ name, variable }) => !variable && (name === "module" || name === "exports"));
}

function readUses(scopes: ScopeManager): Use[] {
  const uses = scopes.scopes.flatMap((scope: Scope) =>
    scope.references.map((reference) => ({
      at: (reference.identifier as unknown as Syntax)[START],
      name: reference.identifier.name as string,
      variable: outerOf(reference.resolved ?? undefined),
      isWrite: reference.isWrite() && !reference.init,
    }))
  );
  return uses.sort((a, b) => a.at - b.at);
}

/** In its own body, a class has a variable of its own, which is the one outside. */
function outerOf(variable: Variable | undefined): Variable | undefined {
  const [def] = variable?.defs ?? [];
  return variable?.scope.type === "class" && def?.type === "ClassName" &&
      (def.node as unknown as Syntax).type === "ClassDeclaration"
    ? variable.scope.upper?.set.get(variable.name) ?? variable
    : variable;
}

const FUNCTIONS = /^(?:Arrow)?Function|^Class/;

/** Whether something is a function or a class as it is written. */
export function isFunctionSyntax(node: Syntax | undefined): boolean {
  return node !== undefined && FUNCTIONS.test(node.type);
}

/** What the statements at the top level declare. */
class Tables {
  readonly items: Item[] = [];
  readonly imports: Map<string, Import> = new Map();
  readonly exports: Map<string, string | Import> = new Map();
  readonly stars: string[] = [];
  readonly effects: string[] = [];
  readonly files: Set<string> = new Set();
  readonly specifiers: Set<string> = new Set();

  read(statement: Syntax): void {
    const source = (statement.source as Syntax | undefined)?.value as string | undefined;
    if (source !== undefined) this.specifiers.add(source);
    if (source !== undefined && hasFileType(statement)) this.files.add(source);
    switch (statement.type) {
      case "ImportDeclaration":
        return this.#import(statement, source!);
      case "ExportAllDeclaration":
        if (!statement.exported) this.stars.push(source!);
        else {
          const name = keyName(statement.exported as Syntax);
          this.exports.set(name, { specifier: source!, name: "*" });
        }
        return;
      case "ExportNamedDeclaration":
        return this.#export(statement, source);
      case "ExportDefaultDeclaration":
        return this.#exportDefault(statement);
      default:
        this.#declare(statement);
    }
  }

  #import(statement: Syntax, specifier: string): void {
    const specifiers = statement.specifiers as Syntax[];
    if (specifiers.length === 0) this.effects.push(specifier);
    for (const { type, local, imported } of specifiers) {
      const name = type === "ImportNamespaceSpecifier"
        ? "*"
        : type === "ImportDefaultSpecifier"
        ? "default"
        : keyName(imported as Syntax);
      this.imports.set((local as Syntax).name as string, { specifier, name });
    }
  }

  #export(statement: Syntax, source: string | undefined): void {
    const declaration = statement.declaration as Syntax | undefined;
    if (declaration) {
      for (const name of this.#declare(declaration)) this.exports.set(name, name);
    }
    for (const { local, exported } of statement.specifiers as Syntax[]) {
      const name = keyName(local as Syntax);
      const what = source === undefined ? name : { specifier: source, name };
      this.exports.set(keyName(exported as Syntax), what);
    }
  }

  #exportDefault(statement: Syntax): void {
    const declaration = statement.declaration as Syntax;
    const id = declaration.id as Syntax | undefined;
    if (/Declaration$/.test(declaration.type) && id) {
      this.#declare(declaration);
      this.exports.set("default", id.name as string);
      return;
    }
    this.items.push({ node: declaration, names: ["default"], value: declaration });
    this.exports.set("default", "default");
  }

  /** Gives the names that a declaration declares. */
  #declare(statement: Syntax): string[] {
    if (statement.type !== "VariableDeclaration") {
      const value = isFunctionSyntax(statement) ? statement : undefined;
      this.items.push({ node: statement, names: [], value });
      return value ? [(statement.id as Syntax).name as string] : [];
    }
    const declarations = statement.declarations as Syntax[];
    for (const declarator of declarations) {
      const { id, init } = declarator as { id?: Syntax; init?: Syntax };
      const node = syntaxAt(declarator, "Declarator", { kind: statement.kind, id, init });
      this.items.push({ node, names: [], value: id?.type === "Identifier" ? init : undefined });
    }
    return declarations.flatMap(({ id }) => namesIn(id as Syntax));
  }
}

/** Whether it is imported `with { type: "json" }`, `"text"` or `"bytes"`. */
function hasFileType({ attributes }: Syntax): boolean {
  return ((attributes ?? []) as Syntax[]).some(({ key, value }) =>
    keyName(key as Syntax) === "type" &&
    /^(?:json|text|bytes|file)$/.test(`${(value as Syntax).value}`)
  );
}

/** The variables of a pattern. */
function namesIn(pattern: Syntax | null | undefined): string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name as string];
    case "ArrayPattern":
      return (pattern.elements as Syntax[]).flatMap(namesIn);
    case "ObjectPattern":
      return (pattern.properties as Syntax[]).flatMap(namesIn);
    case "Property":
      return namesIn(pattern.value as Syntax);
    case "AssignmentPattern":
      return namesIn(pattern.left as Syntax);
    case "RestElement":
      return namesIn(pattern.argument as Syntax);
    default:
      return [];
  }
}

/** The uses of names within a piece of syntax. */
export function usesWithin({ uses }: Module, { [START]: start, [END]: end }: Syntax): Use[] {
  let low = 0;
  for (let high = uses.length; low < high;) {
    const middle = (low + high) >> 1;
    if (uses[middle].at < start) low = middle + 1;
    else high = middle;
  }
  const found: Use[] = [];
  for (; low < uses.length && uses[low].at < end; low++) found.push(uses[low]);
  return found;
}

/** The item at a position. */
export function itemAt({ items }: Module, at: number): Item | undefined {
  return items.find(({ node }) => isWithin(at, node));
}

/** Whether a use is of a variable at the top level of its module. */
export function isTopLevel({ variable }: Use): boolean {
  return variable?.scope.type === "module";
}
