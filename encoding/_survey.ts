/** A look over a value before it is stored: whether JSON keeps it, and what in it needs more care. */

import { CodecError } from "../core/errors.ts";
import { isPlain, type Shell, shellOf } from "./_shells.ts";

/** Finds who takes an object, if somebody does: a serializer of a storage. */
export type Finder<S> = (value: object) => S | undefined;

/** A part of a value that somebody else keeps. */
export interface Taken<S> {
  readonly index: number;
  readonly value: object;
  readonly serializer: S;
}

/** What was found in a value. */
export interface Survey<S> {
  /** The objects to be made empty first and filled last. */
  readonly shells: Map<unknown, Shell>;
  /** Of each buffer, the part that the value can see: the rest is not its own. */
  readonly ranges: Map<ArrayBufferLike, { start: number; end: number }>;
  /** What serializers keep; it is not looked into. */
  readonly taken: Map<unknown, Taken<S>>;
}

// The strictest alignment of a typed array's elements.
const ALIGNMENT = 8;

/**
 * Whether JSON gives back just this value: a tree of plain objects and dense arrays with texts, truth values, `null` and
 * finite numbers other than -0. Long lists of numbers are left to binary parts, and some values to serializers.
 */
export function isJson(root: unknown, find?: Finder<unknown>): boolean {
  const seen = new Set<object>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    switch (typeof value) {
      case "string":
      case "boolean":
        continue;
      case "number":
        if (!Number.isFinite(value) || Object.is(value, -0)) return false;
        continue;
      case "object":
        if (value === null) continue;
        if (seen.has(value) || !isJsonContainer(value)) return false;
        if (find !== undefined && find(value) !== undefined) return false;
        seen.add(value);
        if (Array.isArray(value)) { for (const element of value) open.push(element); }
        else for (const key in value) open.push((value as Record<string, unknown>)[key]);
        continue;
      default:
        return false;
    }
  }
  return true;
}

/** Whether JSON keeps an object, apart from what is in it. */
export function isJsonContainer(value: object): boolean {
  if (Array.isArray(value)) {
    return Object.getPrototypeOf(value) === Array.prototype && isDense(value) &&
      !isLongNumberList(value);
  }
  return Object.getPrototypeOf(value) === Object.prototype &&
    Object.getOwnPropertySymbols(value).length === 0;
}

/** Whether an array has all its elements and nothing else: indexes come first among its keys, in order. */
function isDense(value: readonly unknown[]): boolean {
  const keys = Object.keys(value);
  return keys.length === value.length &&
    (keys.length === 0 || keys[keys.length - 1] === String(value.length - 1));
}

const SHORTEST_NUMBER_PART = 64;

/** Whether an array is better kept as binary numbers: it is long, and a list of numbers alone. */
export function isLongNumberList(value: unknown): value is number[] {
  // The first element tells most lists apart, before the keys of a sparse one are counted and the rest is looked at;
  // `includes` finds holes, which `every` passes over.
  return Array.isArray(value) && value.length >= SHORTEST_NUMBER_PART &&
    typeof value[0] === "number" && Object.keys(value).length === value.length &&
    !value.includes(undefined) && value.every((element) => typeof element === "number");
}

/** Finds the shells and buffers of a value, and what serializers take of it. */
export function survey<S>(root: unknown, find?: Finder<S>): Survey<S> {
  const shells = new Map<unknown, Shell>();
  const taken: Survey<S>["taken"] = new Map();
  const ranges: Survey<S>["ranges"] = new Map();
  const seen = new Set<unknown>();
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    const serializer = find?.(value);
    if (serializer) taken.set(value, { index: taken.size, value, serializer });
    else if (ArrayBuffer.isView(value)) {
      const start = value.byteOffset - value.byteOffset % ALIGNMENT;
      extend(ranges, value.buffer, start, value.byteOffset + value.byteLength);
    } else if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) {
      extend(ranges, value, 0, value.byteLength);
    } else if (refuseExtended(value) || !isLongNumberList(value)) {
      const shell = shellOf(value, shells.size);
      if (shell) shells.set(value, shell);
      for (const inner of shell ? shell.fields.map((field) => field[1]) : contentsOf(value)) {
        open.push(inner);
      }
    }
  }
  return { shells, ranges, taken };
}

const EXTENDABLE = [Array, Map, Set, Date, RegExp];

/** What would come back without its own class is no plain data, though it is an array or a map. */
function refuseExtended(value: object): false {
  const prototype = Object.getPrototypeOf(value);
  const base = EXTENDABLE.find((base) => value instanceof base && base.prototype !== prototype);
  if (!base) return false;
  throw new CodecError(
    `The value can't be stored: it holds an instance of ${prototype?.constructor?.name}, which extends ${base.name}. ` +
      `Return plain data, such as arrays, maps and plain objects.`,
  );
}

function contentsOf(value: object): Iterable<unknown> {
  if (value instanceof Set) return value;
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  // Of an array too: this passes over the holes of a sparse one.
  return Array.isArray(value) || isPlain(value) ? Object.values(value) : [];
}

function extend(
  ranges: Survey<unknown>["ranges"],
  buffer: ArrayBufferLike,
  start: number,
  end: number,
) {
  const range = ranges.get(buffer);
  if (!range) ranges.set(buffer, { start, end });
  else {
    range.start = Math.min(range.start, start);
    range.end = Math.max(range.end, end);
  }
}
