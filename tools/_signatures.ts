/** Signatures, written as in TypeScript, from what `deno doc --json` tells of declarations. */

/** A part of Deno's description; which fields it has depends on its `kind`. */
// deno-lint-ignore no-explicit-any
export type Described = any;

type Printer = (value: Described) => string;

const list = (values: readonly Described[] | undefined, separator: string) =>
  (values ?? []).map(showType).join(separator);

/** By `kind`, from a type's `value`. */
const TYPES: Readonly<Record<string, Printer>> = {
  keyword: String,
  this: () => "this",
  literal: showLiteral,
  typeRef: ({ typeName, typeParams }) => typeName + showArguments(typeParams),
  union: (types) => list(types as Described[], " | "),
  intersection: (types) => list(types as Described[], " & "),
  array: (type) => `${showOperand(type)}[]`,
  tuple: (types) => `[${list(types as Described[], ", ")}]`,
  parenthesized: (type) => `(${showType(type)})`,
  rest: (type) => `...${showType(type)}`,
  optional: (type) => `${showType(type)}?`,
  typeQuery: (name) => `typeof ${/^[\w.]+$/.test(name) ? name : `import("${name}")`}`,
  typeOperator: ({ operator, tsType }) => `${operator} ${showOperand(tsType)}`,
  infer: ({ typeParam }) => `infer ${showTypeParameter(typeParam)}`,
  indexedAccess: ({ objType, indexType }) => `${showOperand(objType)}[${showType(indexType)}]`,
  conditional: ({ checkType, extendsType, trueType, falseType }) =>
    `${showOperand(checkType)} extends ${showOperand(extendsType)} ? ${showType(trueType)} : ${
      showType(falseType)
    }`,
  mapped: showMapped,
  typeLiteral: (value) => `{ ${showMembers(value).join("; ")} }`,
  fnOrConstructor: (fn) =>
    `${fn.constructor === true ? "new " : ""}${showTypeParameters(fn.typeParams)}(${
      showParameters(fn.params)
    }) => ${showType(fn.tsType)}`,
  importType: ({ specifier, qualifier, typeParams }) =>
    `import("${specifier}")${qualifier ? `.${qualifier}` : ""}${showArguments(typeParams)}`,
  typePredicate: ({ asserts, param, type }) =>
    `${asserts ? "asserts " : ""}${param.name ?? "this"}${type ? ` is ${showType(type)}` : ""}`,
};

/** A type; of a kind that is not known here, an error, so that nothing is left out. */
export function showType(type: Described | undefined): string {
  if (!type) return "inferred";
  const show = TYPES[type.kind];
  if (!show) {
    throw new TypeError(
      `Cannot write a type of the kind ${type.kind}: teach tools/_signatures.ts.`,
    );
  }
  return show(type.value);
}

/** A type where an operator follows or comes before it. */
function showOperand(type: Described): string {
  const isLoose = [
    "union",
    "intersection",
    "conditional",
    "fnOrConstructor",
    "infer",
    "typeOperator",
  ]
    .includes(type.kind);
  return isLoose ? `(${showType(type)})` : showType(type);
}

function showLiteral(literal: Described): string {
  switch (literal.kind) {
    case "string":
      return JSON.stringify(literal.string);
    case "template":
      return `\`${
        literal.tsTypes.map((part: Described) =>
          part.kind === "literal" ? part.value.string : `\${${showType(part)}}`
        ).join("")
      }\``;
    default:
      return String(literal[literal.kind]);
  }
}

const sign = (mark: unknown, word: string) =>
  mark === undefined || mark === null || mark === false
    ? ""
    : mark === true
    ? word
    : `${mark}${word}`;

function showMapped({ readonly, optional, typeParam, nameType, tsType }: Described): string {
  const renamed = nameType ? ` as ${showType(nameType)}` : "";
  const key = `${typeParam.name} in ${showType(typeParam.constraint)}${renamed}`;
  return `{ ${sign(readonly, "readonly ")}[${key}]${sign(optional, "?")}: ${showType(tsType)} }`;
}

function showArguments(types: readonly Described[] | undefined): string {
  return types && types.length > 0 ? `<${list(types, ", ")}>` : "";
}

function showTypeParameter({ name, constraint, default: standard }: Described): string {
  return name + (constraint ? ` extends ${showType(constraint)}` : "") +
    (standard ? ` = ${showType(standard)}` : "");
}

/** `<T extends string>`, or nothing. */
export function showTypeParameters(parameters: readonly Described[] | undefined): string {
  return parameters && parameters.length > 0
    ? `<${parameters.map(showTypeParameter).join(", ")}>`
    : "";
}

/** Parameters without their parentheses. */
export function showParameters(parameters: readonly Described[]): string {
  return parameters.map(showParameter).join(", ");
}

function showParameter(parameter: Described): string {
  const { kind, tsType } = parameter;
  switch (kind) {
    case "identifier":
      return `${parameter.name}${parameter.optional ? "?" : ""}: ${showType(tsType)}`;
    case "rest":
      return `...${parameter.arg.name}: ${showType(tsType ?? parameter.arg.tsType)}`;
    case "assign":
      // What has a default need not be given; which one that is, is no matter of types.
      return showParameter({ ...parameter.left, optional: true });
    case "object":
    case "array":
      return `${kind === "object" ? "{…}" : "[…]"}${parameter.optional ? "?" : ""}: ${
        showType(tsType)
      }`;
    default:
      throw new TypeError(
        `Cannot write a parameter of the kind ${kind}: teach tools/_signatures.ts.`,
      );
  }
}

/** Whether something is there for the library alone. */
export function isInternal({ jsDoc }: Described): boolean {
  return (jsDoc?.tags ?? []).some(({ kind }: Described) =>
    kind === "internal" || kind === "ignore"
  );
}

/** The members of a class, an interface or a literal type, a line each, sorted. */
export function showMembers(body: Described): string[] {
  const of = (key: string, show: Printer): string[] =>
    (body[key] ?? []).filter((member: Described) => !isInternal(member)).map(show);
  const named = [...of("properties", showProperty), ...of("methods", showMethod)];
  return [
    ...of(
      "constructors",
      ({ params, returnType }) =>
        returnType
          ? `new (${showParameters(params)}): ${showType(returnType)}`
          : `constructor(${showParameters(params)})`,
    ),
    ...of("callSignatures", showCall),
    ...of(
      "indexSignatures",
      ({ readonly, params, tsType }) =>
        `${readonly ? "readonly " : ""}[${showParameters(params)}]: ${showType(tsType)}`,
    ),
    ...named.sort(byName),
  ];
}

function showCall({ typeParams, params, tsType, returnType }: Described): string {
  return `${showTypeParameters(typeParams)}(${showParameters(params)}): ${
    showType(tsType ?? returnType)
  }`;
}

const marks = (member: Described) =>
  (member.accessibility && member.accessibility !== "public" ? `${member.accessibility} ` : "") +
  (member.isStatic ? "static " : "") + (member.isAbstract ? "abstract " : "") +
  (member.readonly ? "readonly " : "");

function showProperty(member: Described): string {
  return `${marks(member)}${member.name}${member.optional ? "?" : ""}: ${showType(member.tsType)}`;
}

function showMethod(member: Described): string {
  const { kind, name, optional } = member;
  const signature = member.functionDef ?? member;
  const accessor = kind === "getter" ? "get " : kind === "setter" ? "set " : "";
  return `${marks(member)}${accessor}${name}${optional ? "?" : ""}${showCall(signature)}`;
}

/** By the name alone, as overloads stay in their order. */
function byName(a: string, b: string): number {
  const nameOf = (line: string) => /(?:(?:\w+) )*([^\s(<:?]+)/.exec(line)![1];
  return compare(nameOf(a), nameOf(b));
}

/** The same order everywhere, whatever the language of the machine. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
