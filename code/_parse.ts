/** Source code as a tree without what does not matter when it runs: types, positions, comments, ways of writing. */

import { loadParser } from "./_libraries.ts";
import { END, isSyntax, keyName, START, Syntax, syntaxAt } from "./_syntax.ts";

type Parse = (typeof import("npm:@babel/parser@8.1.2"))["parse"];
type Options = NonNullable<Parameters<Parse>[1]>;

const PLUGINS = [
  "estree",
  "typescript",
  "decorators",
  "decoratorAutoAccessors",
  "sourcePhaseImports",
  "deferredImportEvaluation",
];

/** What parses: loaded when first asked for. */
export async function loadParse(): Promise<(text: string, path: string) => Syntax> {
  const { parse } = await loadParser();
  return (text, path) => {
    // In `.ts`, `<T>x` is a type assertion.
    const plugins = /\.[cm]?ts$/.test(path) ? PLUGINS : [...PLUGINS, "jsx"];
    const options = {
      sourceType: "module",
      // What is no module, such as a file of CommonJS, is read as far as possible.
      errorRecovery: true,
      allowReturnOutsideFunction: true,
      attachComment: false,
      plugins,
    } as unknown as Options;
    return simplify(parse(text, options).program) as Syntax;
  };
}

type Raw = Record<string, unknown> & { type: string; start: number; end: number };

const placeOf = (raw: Raw) => ({ [START]: raw.start, [END]: raw.end });

const IGNORED = new Set(
  ("type start end loc range extra raw errors comments interpreter tail shorthand decorators optional " +
    "implements accessibility override " +
    "readonly definite abstract declare importKind exportKind").split(" "),
);

/** A node without what does not matter; `undefined` if nothing is left of it. */
function simplify(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(simplify).filter((item) => item !== undefined);
  }
  if (!isSyntax(value)) return value;
  const raw = value as unknown as Raw;
  if (raw.declare === true || raw.importKind === "type" || raw.exportKind === "type") {
    return undefined;
  }
  const special = SPECIAL[raw.type];
  if (special) return special(raw);
  return raw.type.startsWith("TS") ? undefined : copy(raw);
}

// The fields of each type in alphabetical order, as the parser's order depends on how it came to a node.
const fieldsOf = new Map<string, string[]>();

function sortedFields(raw: Raw): string[] {
  const known = fieldsOf.get(raw.type) ?? [];
  const others = Object.keys(raw).filter((key) => !IGNORED.has(key) && !known.includes(key));
  if (others.length > 0) known.push(...others);
  if (others.length > 0 || known.length === 0) fieldsOf.set(raw.type, known.sort());
  return known;
}

function copy(raw: Raw): Syntax {
  const node = new Syntax(raw.type, raw.start, raw.end);
  for (const field of sortedFields(raw)) {
    const value = simplify(raw[field]);
    // Absent, null and false are the same everywhere.
    if (value !== undefined && value !== null && value !== false) node[field] = value;
  }
  return node;
}

const decorators = (raw: Raw) =>
  ((raw.decorators ?? []) as Raw[]).map((decorator) => simplify(decorator.expression));

/** Decorators where scope analysis looks: it knows none. */
function decorated(raw: Raw, base: unknown): Syntax {
  const place = placeOf(raw);
  return syntaxAt(place, "Decorated", {
    decorators: decorators(raw),
    ...(isSyntax(base) ? { base } : {}),
  });
}

const unwrap = (raw: Raw) => simplify(raw.expression);

function simplifyClass(raw: Raw): Syntax {
  const node = copy(raw);
  if (decorators(raw).length > 0) node.superClass = decorated(raw, node.superClass);
  return node;
}

/** A member of a class or an object: `a`, `"a"` and `["a"]` as keys of values are the same. */
function simplifyMember(raw: Raw): Syntax | undefined {
  if ((raw.value as Raw | null)?.type === "TSEmptyBodyFunctionExpression") return undefined;
  if (raw.type === "AccessorProperty") {
    return simplifyMember({ ...raw, type: "PropertyDefinition", accessor: true });
  }
  const node = copy(raw);
  const key = node.key as Syntax;
  if (!raw.computed && key.type !== "PrivateIdentifier") {
    node.key = syntaxAt(key, "Key", { name: keyName(key) });
  }
  if (decorators(raw).length > 0) {
    node.key = decorated(raw, node.key);
    node.computed = true;
  }
  return node;
}

function simplifyLiteral(raw: Raw): Syntax {
  const place = placeOf(raw);
  const { value, regex, bigint } = raw;
  if (regex) return syntaxAt(place, "Literal", { regex });
  if (bigint !== undefined) {
    return syntaxAt(place, "Literal", { bigint: String(BigInt(`${bigint}`)) });
  }
  if (typeof value === "number") return syntaxAt(place, "Literal", { number: String(value) });
  return syntaxAt(place, "Literal", { value });
}

function simplifyName(raw: Raw): Syntax {
  const place = placeOf(raw);
  const node = syntaxAt(place, raw.type, { name: raw.name });
  return decorators(raw).length === 0
    ? node
    : syntaxAt(place, "AssignmentPattern", { left: node, right: decorated(raw, undefined) });
}

function simplifyFunction(raw: Raw): Syntax {
  const node = copy(raw);
  const [first] = node.params as Syntax[];
  // The type of `this` is written like a parameter.
  if (first?.name === "this") node.params = (node.params as Syntax[]).slice(1);
  return node;
}

function simplifyOptional(raw: Raw): Syntax {
  const node = copy(raw);
  if (raw.optional) node.optional = true;
  return node;
}

/** Formatters put braces around single statements, and take them away. */
function withBlocks(...fields: string[]): (raw: Raw) => Syntax {
  return (raw) => {
    const node = copy(raw);
    for (const field of fields) {
      const body = node[field];
      if (raw[field] && (body === undefined || (body as Syntax).type !== "BlockStatement")) {
        node[field] = syntaxAt(node, "BlockStatement", { body: body === undefined ? [] : [body] });
      }
    }
    return node;
  };
}

function simplifyImport(raw: Raw): Syntax | undefined {
  const node = copy(raw);
  const isTypesOnly = (raw.specifiers as unknown[]).length > 0 &&
    (node.specifiers as unknown[]).length === 0;
  return isTypesOnly ? undefined : node;
}

function simplifyExport(raw: Raw): Syntax | undefined {
  const node = copy(raw);
  const isEmpty = raw.type === "ExportDefaultDeclaration"
    ? !node.declaration
    : !node.declaration && (node.specifiers as unknown[]).length === 0;
  return isEmpty ? undefined : node;
}

/** `var name = value`. */
function variable(raw: Raw, id: Syntax, init: Syntax): Syntax {
  const declarator = syntaxAt(init, "VariableDeclarator", { id, init });
  declarator[START] = raw.start;
  return syntaxAt(declarator, "VariableDeclaration", { declarations: [declarator], kind: "var" });
}

/** An enum as a variable, its members as parameters, as later ones may use earlier ones by name. */
function simplifyEnum(raw: Raw): Syntax {
  const place = placeOf(raw);
  const members = ((raw.body as Raw)?.members ?? raw.members) as Raw[];
  const params = members.map(({ id }) => simplify(id) as Syntax)
    .filter(({ type }) => type === "Identifier");
  const elements = members.map((member) => {
    const key = simplify(member.id) as Syntax;
    const name = syntaxAt(key, "Key", { name: keyName(key) });
    return syntaxAt(key, "ArrayExpression", {
      elements: [name, simplify(member.initializer) ?? null],
    });
  });
  const body = syntaxAt(place, "ArrayExpression", { elements });
  const value = syntaxAt(place, "ArrowFunctionExpression", { body, expression: true, params });
  return variable(raw, simplify(raw.id) as Syntax, syntaxAt(place, "EnumBody", { value }));
}

/** A namespace as a variable whose value is made by a function; nothing if it has only types. */
function simplifyNamespace(raw: Raw): Syntax | undefined {
  const body = raw.body as Raw | undefined;
  if (raw.global || !body || (raw.id as Raw).type === "Literal") return undefined;
  const place = placeOf(raw);
  const statements = (simplify(body.body) as Syntax[])
    .map((statement) => (statement.declaration as Syntax | undefined) ?? statement)
    .filter(({ type }) => !type.startsWith("Export"));
  if (statements.length === 0) return undefined;
  const block = syntaxAt(place, "BlockStatement", { body: statements });
  const value = syntaxAt(place, "ArrowFunctionExpression", { body: block, params: [] });
  const path = qualified(raw.id as Raw);
  const init = syntaxAt(place, "NamespaceBody", { path: path.map(keyName).slice(1), value });
  return variable(raw, path[0], init);
}

/** The names of `A.B.C`. */
function qualified(raw: Raw): Syntax[] {
  return raw.type === "TSQualifiedName"
    ? [...qualified(raw.left as Raw), ...qualified(raw.right as Raw)]
    : [simplify(raw) as Syntax];
}

/** `import a = require("b")` and `import a = B.c`. */
function simplifyImportEquals(raw: Raw): Syntax {
  const reference = raw.moduleReference as Raw;
  const local = simplify(raw.id) as Syntax;
  const place = placeOf(raw);
  if (reference.type === "TSExternalModuleReference") {
    const specifier = syntaxAt(place, "ImportNamespaceSpecifier", { local });
    const source = simplify(reference.expression);
    return syntaxAt(place, "ImportDeclaration", { source, specifiers: [specifier] });
  }
  const [first, ...others] = qualified(reference);
  const value = others.reduce(
    (object, property) => syntaxAt(property, "MemberExpression", { object, property }),
    first,
  );
  return variable(raw, local, value);
}

const SPECIAL: Record<string, (raw: Raw) => Syntax | undefined> = {
  AccessorProperty: simplifyMember,
  ArrowFunctionExpression: simplifyFunction,
  CallExpression: simplifyOptional,
  ClassDeclaration: simplifyClass,
  ClassExpression: simplifyClass,
  DoWhileStatement: withBlocks("body"),
  EmptyStatement: () => undefined,
  ExportDefaultDeclaration: simplifyExport,
  ExportNamedDeclaration: simplifyExport,
  ForInStatement: withBlocks("body"),
  ForOfStatement: withBlocks("body"),
  ForStatement: withBlocks("body"),
  FunctionDeclaration: simplifyFunction,
  FunctionExpression: simplifyFunction,
  Identifier: simplifyName,
  IfStatement: withBlocks("consequent", "alternate"),
  ImportDeclaration: simplifyImport,
  Literal: simplifyLiteral,
  MemberExpression: simplifyOptional,
  MethodDefinition: simplifyMember,
  Property: simplifyMember as (raw: Raw) => Syntax,
  PropertyDefinition: simplifyMember,
  TSAsExpression: (raw) => unwrap(raw) as Syntax,
  TSEnumDeclaration: simplifyEnum,
  TSExportAssignment: (raw) =>
    syntaxAt(placeOf(raw), "ExportDefaultDeclaration", {
      declaration: simplify(raw.expression),
    }),
  TSImportEqualsDeclaration: simplifyImportEquals,
  TSInstantiationExpression: (raw) => unwrap(raw) as Syntax,
  TSModuleDeclaration: simplifyNamespace,
  TSNonNullExpression: (raw) => unwrap(raw) as Syntax,
  TSParameterProperty: (raw) => {
    const node = simplify(raw.parameter) as Syntax;
    node.isProperty = true;
    return node;
  },
  TSSatisfiesExpression: (raw) => unwrap(raw) as Syntax,
  TSTypeAssertion: (raw) => unwrap(raw) as Syntax,
  WhileStatement: withBlocks("body"),
};
