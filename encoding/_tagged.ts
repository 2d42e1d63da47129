/**
 * JSON with marked texts for what JSON has not: trees of plain objects and arrays in which there are dates, `undefined`, big
 * integers, NaN, infinities or -0.
 *
 * | value | text |
 * |---|---|
 * | `undefined` | `"$undefined"` |
 * | `NaN`, `Infinity`, `-Infinity`, `-0` | `"$number:NaN"` and so on |
 * | `12n` | `"$bigint:12"` |
 * | a date | `"$date:"` and its milliseconds since 1970, or `NaN` |
 * | a text that begins with `$` | the same with one more `$` before it |
 */

import type { Finder } from "./_survey.ts";
import { isJsonContainer } from "./_survey.ts";

// Recursion is fastest; what is nested deeper than this is encoded otherwise.
const DEEPEST = 200;
const UNFIT = Symbol("unfit");
const MARK = "$";

/** The text of a value, or `undefined` if it is no such tree: then it needs the encoding that keeps everything. */
export function encodeTagged(root: unknown, find?: Finder<unknown>): string | undefined {
  const tagged = tag(root, find, new Set(), 0);
  return tagged === UNFIT ? undefined : JSON.stringify(tagged);
}

/** The value of a text. */
export function decodeTagged(text: string): unknown {
  return untag(JSON.parse(text));
}

function tag(
  value: unknown,
  find: Finder<unknown> | undefined,
  seen: Set<object>,
  depth: number,
): unknown {
  switch (typeof value) {
    case "string":
      return value.startsWith(MARK) ? MARK + value : value;
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return Object.is(value, -0) ? "$number:-0" : `$number:${value}`;
    case "undefined":
      return "$undefined";
    case "bigint":
      return `$bigint:${value}`;
    case "object":
      return value === null ? null : tagObject(value, find, seen, depth);
    default:
      return UNFIT;
  }
}

function tagObject(
  value: object,
  find: Finder<unknown> | undefined,
  seen: Set<object>,
  depth: number,
): unknown {
  // One that stands in two places must be one again.
  if (seen.has(value) || depth > DEEPEST) return UNFIT;
  seen.add(value);
  if (find?.(value) !== undefined) return UNFIT;
  if (value instanceof Date) {
    const isPlain = Object.getPrototypeOf(value) === Date.prototype &&
      Object.keys(value).length === 0;
    return isPlain ? `$date:${value.getTime()}` : UNFIT;
  }
  if (!isJsonContainer(value)) return UNFIT;
  // A copy is made when the first of its parts has to change.
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key];
    const tagged = tag(part, find, seen, depth + 1);
    if (tagged === UNFIT) return UNFIT;
    if (tagged === part) continue;
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
    copy[key] = tagged;
  }
  return copy ?? value;
}

function untag(value: unknown): unknown {
  if (typeof value === "string") return value.startsWith(MARK) ? fromMarked(value) : value;
  if (typeof value !== "object" || value === null) return value;
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key];
    const plain = untag(part);
    if (plain !== part) (value as Record<string, unknown>)[key] = plain;
  }
  return value;
}

function fromMarked(text: string): unknown {
  if (text === "$undefined") return undefined;
  if (text.startsWith("$$")) return text.slice(1);
  const at = text.indexOf(":");
  const rest = text.slice(at + 1);
  switch (text.slice(1, at)) {
    case "number":
      return Number(rest);
    case "bigint":
      return BigInt(rest);
    case "date":
      return new Date(Number(rest));
    default:
      throw new TypeError(`There is no mark ${JSON.stringify(text)}`);
  }
}
