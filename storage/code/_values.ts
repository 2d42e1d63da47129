/** What variables stand for, as far as their declarations show: whether a use can change it. */

import { chainOf, type Mutation } from "./_notes.ts";
import { isFunctionSyntax, type Item, type Module, usesWithin } from "./_module.ts";
import type { Meaning, Project } from "./_project.ts";
import { isSyntax, keyName, START, type Syntax } from "./_syntax.ts";

/** What can be called with anything without changing it. */
const HARMLESS = new RegExp(
  "^(?:(?:console|JSON|Math|Reflect\\.(?:get|has|ownKeys)|Number|String|Promise|Intl|Atomics\\.load)(?:\\..*)?|" +
    "Object(?:\\.(?:keys|values|entries|fromEntries|is|hasOwn|freeze|groupBy|create|get\\w+))?|" +
    "Array(?:\\.(?:isArray|from|of))?|(?:\\w*Array|BigInt|Map|Set|WeakMap|WeakSet)(?:\\.(?:from|of|groupBy))?|" +
    "Boolean|Symbol|Date(?:\\..*)?|RegExp|\\w*Error|URL|URLSearchParams|TextEncoder|TextDecoder|structuredClone|" +
    "isNaN|isFinite|parseInt|parseFloat|encodeURI\\w*|decodeURI\\w*|ArrayBuffer|DataView)$",
);

/** Methods that leave arrays, maps, sets, texts and their like as they are. */
const READING = new Set(
  ("at concat entries every filter find findIndex findLast findLastIndex flat flatMap forEach get has includes " +
    "indexOf join keys lastIndexOf map reduce reduceRight slice some subarray toReversed toSorted toSpliced toString " +
    "toLocaleString values with charAt charCodeAt codePointAt endsWith localeCompare match matchAll normalize padEnd padStart " +
    "repeat replace replaceAll search split startsWith substring toLowerCase toUpperCase trim trimEnd trimStart union " +
    "intersection difference symmetricDifference isSubsetOf isSupersetOf isDisjointFrom toFixed toISOString getTime valueOf " +
    "getFullYear getMonth getDate getDay getHours getMinutes getSeconds hasOwnProperty").split(" "),
);
const COLLECTION = /^(?:\w*Array|Map|Set|WeakMap|WeakSet|Date|URL|String|Number)$/;

/** Whether a mutation, in a module, may change what a variable stands for, by its declaration in another one. */
export function canChange(
  project: Project,
  { mutation, module }: { mutation: Mutation; module: Module },
  declaration: { item: Item; module: Module },
): boolean {
  const { how, call } = mutation;
  if (how === "assigned" || how === "run") return how === "assigned";
  const { value, node } = declaration.item;
  if (isConstant(declaration.item) || isMaker(project, declaration.module, value)) return false;
  if (isFunctionSyntax(value)) {
    return how === "called" && value!.type.startsWith("Class") &&
      !isReading(value!, mutation.path);
  }
  if (how === "called") return !isReading(value ?? node, mutation.path);
  return !isHarmless(project, module, call!.callee);
}

/** Whether a declaration's value is a number, a text or something else that nothing can change. */
function isConstant({ value, node }: Item): boolean {
  if (node.kind !== "const" || !value) return value?.type === "EnumBody";
  switch (value.type) {
    case "Literal":
      return !value.regex;
    case "BinaryExpression":
    case "EnumBody":
    case "TemplateLiteral":
    case "UnaryExpression":
      return true;
    default:
      return false;
  }
}

/** Whether a method is one that changes nothing. */
function isReading(value: Syntax, path: readonly (string | undefined)[]): boolean {
  const name = path.at(-1);
  if (name === undefined) return false;
  if (value.type === "ArrayExpression") return READING.has(name);
  if (value.type === "NewExpression" || value.type === "CallExpression") {
    const chain = chainOf(value.callee as Syntax);
    if (!chain) return false;
    const global = chain.root.name as string;
    return READING.has(name) &&
      (COLLECTION.test(global) && chain.path.length <= 1 ||
        global === "Object" && chain.path[0] === "freeze");
  }
  const method = path.length === 1 ? memberOf(value, name) : undefined;
  return isFunctionSyntax(method) && !usesThis(method!);
}

/** What an object or a class has under a name. */
function memberOf(value: Syntax, name: string): Syntax | undefined {
  const isClass = value.type.startsWith("Class");
  const members = isClass ? (value.body as Syntax).body : value.properties;
  if (!Array.isArray(members)) return undefined;
  const member = (members as Syntax[]).findLast(({ key, computed, static: isStatic }) =>
    isSyntax(key) && !computed && Boolean(isStatic) === isClass && keyName(key) === name
  );
  return member?.value as Syntax | undefined;
}

function usesThis(node: Syntax): boolean {
  return /"type":"(?:ThisExpression|Super)"/.test(JSON.stringify(node));
}

/** Whether a value is what this library made of the user's: calling it changes nothing. */
function isMaker(project: Project, module: Module, value: Syntax | undefined): boolean {
  if (!value) return false;
  if (value.type === "CallExpression" || value.type === "NewExpression") {
    return isLibraryCall(project, module, value.callee as Syntax);
  }
  const decorators = (value.superClass as Syntax | undefined)?.decorators as Syntax[] | undefined;
  return decorators?.some((decorator) => isLibraryCall(project, module, decorator)) ?? false;
}

/** Whether what is called is of this library. */
export function isLibraryCall(project: Project, module: Module, callee: Syntax): boolean {
  return calleeMeaning(project, module, callee)?.kind === "library";
}

/** What the variable that is called, or whose member is, means; `undefined` for globals. */
export function calleeMeaning(
  project: Project,
  module: Module,
  callee: Syntax,
): Meaning | undefined {
  const root = chainOf(callee)?.root;
  if (!root) return { kind: "nothing" };
  const use = usesWithin(module, root).find(({ at }) => at === root[START]);
  return use?.variable ? project.meaning(module, use) : undefined;
}

/** Whether a function leaves what it is given as it is. */
function isHarmless(project: Project, module: Module, callee: Syntax): boolean {
  const meaning = calleeMeaning(project, module, callee);
  const chain = chainOf(callee);
  if (!meaning) {
    return chain !== undefined &&
      HARMLESS.test([chain.root.name as string, ...chain.path].join("."));
  }
  if (meaning.kind === "library") return true;
  if (meaning.kind !== "binding") return false;
  const items = meaning.module.bindings.get(meaning.name) ?? [];
  const isMember = project.variable(module, chain!.root.name as string).kind === "namespace";
  const path = isMember ? chain!.path.slice(1) : chain!.path;
  return items.some(({ value }) => {
    const own = path.reduce<Syntax | undefined>(
      (at, name) => at && name !== undefined ? memberOf(at, name) : undefined,
      value,
    );
    return isMaker(project, meaning.module, own);
  });
}
