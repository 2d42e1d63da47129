/** What calls and values are known to leave as they are. */

import { isFunctionSyntax, type Item } from "./_module.ts";
import { chainOf } from "./_notes.ts";
import { isSyntax, type Syntax } from "./_syntax.ts";

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
    "getFullYear getMonth getDate getDay getHours getMinutes getSeconds hasOwnProperty then catch finally")
    .split(" "),
);

/** Of these, those that give something new. */
const COPYING = new Set(
  "concat filter flat flatMap map slice toReversed toSorted toSpliced with split keys join".split(
    " ",
  ),
);
const COLLECTION = /^(?:\w*Array|Map|Set|WeakMap|WeakSet|Date|URL|String|Number)$/;

/** Whether a global function leaves what it is given as it is. */
export function isHarmless(callee: Syntax): boolean {
  const chain = chainOf(callee);
  return chain !== undefined &&
    HARMLESS.test([chain.root.name as string, ...chain.path].join("."));
}

/** Whether a method of a value of this runtime's leaves it as it is. */
export function isReadingName(name: string | undefined): boolean {
  return name !== undefined && READING.has(name);
}

/** Whether such a method gives a new value. */
export function isCopyingName(name: string | undefined): boolean {
  return name !== undefined && COPYING.has(name);
}

/** Whether a value is an array, map or the like of the runtime's, as it is written. */
export function isCollection(value: Syntax | undefined): boolean {
  if (value?.type === "ArrayExpression" || value?.type === "TemplateLiteral") return true;
  if (value?.type !== "NewExpression" && value?.type !== "CallExpression") return false;
  const chain = chainOf(value.callee as Syntax);
  if (!chain) return false;
  const global = chain.root.name as string;
  return COLLECTION.test(global) && chain.path.length <= 1 ||
    global === "Object" && chain.path[0] === "freeze";
}

/** Whether a new value is one that shares nothing with what it was made of, but what it holds. */
export function isNewCollection(value: Syntax): boolean {
  return value.type === "NewExpression" &&
    /^(?:Array|Map|Set|WeakMap|WeakSet|Date|URL|URLSearchParams|\w*Error)$/.test(
      `${(value.callee as Syntax).name}`,
    );
}

/** Whether a declaration's value is a number, a text or something else that nothing can change. */
export function isConstant({ value, node }: Item): boolean {
  if (node.kind !== "const" || !value) return value?.type === "EnumBody";
  switch (value.type) {
    case "Literal":
      return !value.regex;
    case "TemplateLiteral":
      return (value.expressions as Syntax[]).length === 0;
    case "UnaryExpression":
      return (value.argument as Syntax).type === "Literal";
    case "BinaryExpression":
      return isNumber(value);
    default:
      return value.type === "EnumBody";
  }
}

function isNumber(value: Syntax): boolean {
  return value.type === "Literal" ||
    value.type === "BinaryExpression" &&
      isNumber(value.left as Syntax) && isNumber(value.right as Syntax);
}

/** Whether a declaration is a function, or a class that does nothing when it is made. */
export function isPlain({ value, node }: Item): boolean {
  if (!isFunctionSyntax(value) || node.kind === "let" || node.kind === "var") return false;
  if (!value!.type.startsWith("Class")) return true;
  return !isDecorated(value!) &&
    classMembers(value!).every((member) =>
      member.type === "MethodDefinition" && !isDecorated(member) ||
      member.type !== "StaticBlock" && !member.static && !isDecorated(member)
    );
}

export function classMembers(value: Syntax): Syntax[] {
  return (value.body as Syntax).body as Syntax[];
}

function isDecorated({ superClass, key }: Syntax): boolean {
  return [superClass, key].some((at) => isSyntax(at) && Array.isArray(at.decorators));
}

/** Whether `this` or `super` is in a function. */
export function usesThis(node: Syntax): boolean {
  return /"type":"(?:ThisExpression|Super)"/.test(JSON.stringify(node));
}
