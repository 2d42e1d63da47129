/**
 * Objects that are made empty and filled when everything else is there, as their contents may lead back to them: errors,
 * arrays with properties of their own, and objects with keys that plain text formats refuse.
 */

import { CodecError } from "../core/errors.ts";

/** An object's kind and contents, apart. */
export interface Shell {
  readonly index: number;
  /** `"array"`, `"object"` or the class of an error. */
  readonly kind: string;
  /** Key, value, whether it is enumerable. */
  readonly fields: readonly Field[];
}

type Field = [key: string, value: unknown, isEnumerable: boolean];

const ERRORS: Record<string, ErrorConstructor> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError: AggregateError as unknown as ErrorConstructor,
};
const ERROR_FIELDS = ["name", "message", "stack", "cause", "errors"];

/** The shell of an object, if it needs one. */
export function shellOf(thing: object, index: number): Shell | undefined {
  if (thing instanceof Error) return { index, kind: errorKind(thing), fields: errorFields(thing) };
  if (Array.isArray(thing)) {
    const keys = Object.keys(thing);
    if (!keys.some((key) => !isIndex(key))) return undefined;
    const fields = keys.map((key): Field => [key, thing[key as never], true]);
    return { index, kind: "array", fields: [...fields, ["length", thing.length, false]] };
  }
  if (!isPlain(thing)) return undefined;
  const needsShell = Object.hasOwn(thing, "__proto__") ||
    Object.getOwnPropertySymbols(thing).length > 0;
  if (!needsShell) return undefined;
  const fields = Object.entries(thing).map(([key, value]): Field => [key, value, true]);
  return { index, kind: "object", fields };
}

/** An empty object of a kind. */
export function makeShell(kind: string): object {
  if (kind === "array") return [];
  if (kind === "object") return {};
  if (!Object.hasOwn(ERRORS, kind)) {
    throw new CodecError(`The kind of object "${kind}" is not known.`);
  }
  return kind === "AggregateError" ? new AggregateError([]) : new ERRORS[kind]();
}

/** Gives the objects their contents. */
export function fillShells(
  shells: readonly object[],
  contents: readonly (readonly Field[])[],
): void {
  shells.forEach((shell, index) => {
    if (shell instanceof Error) {
      for (const key of ["message", "stack", "errors"]) delete (shell as never)[key];
    }
    for (const [key, value, enumerable] of contents[index]) {
      if (key === "length" && Array.isArray(shell)) shell.length = value as number;
      else {
        Object.defineProperty(shell, key, {
          value,
          enumerable,
          writable: true,
          configurable: true,
        });
      }
    }
  });
}

function errorKind(error: Error): string {
  for (let level = error; level; level = Object.getPrototypeOf(level)) {
    const name = level.constructor?.name;
    if (Object.hasOwn(ERRORS, name)) return name;
  }
  return "Error";
}

function errorFields(error: Error): Field[] {
  const kind = errorKind(error);
  const fields = ERROR_FIELDS
    .filter((key) =>
      key === "name"
        ? error.name !== kind
        // Of some errors, such as those of `AbortSignal`, it is not their own.
        : key === "message"
        ? error.message !== ""
        : Object.hasOwn(error, key)
    )
    .map((key): Field => [key, error[key as keyof Error], false]);
  for (const key of Object.keys(error)) {
    if (ERROR_FIELDS.includes(key)) continue;
    fields.push([key, error[key as keyof Error], true]);
  }
  return fields;
}

function isIndex(key: string): boolean {
  return /^(0|[1-9]\d*)$/.test(key) && Number(key) < 2 ** 32 - 1;
}

/** Whether an object is a plain record. */
export function isPlain(thing: object): thing is Record<string, unknown> {
  const prototype = Object.getPrototypeOf(thing);
  return prototype === Object.prototype || prototype === null;
}
