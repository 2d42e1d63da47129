/** Values on standard output: for people, or as one JSON document. */

import { inspect } from "node:util";
import { UnsupportedError } from "../core/errors.ts";
import process from "node:process";

/** A value with what to call it. */
export interface LabelledValue {
  readonly label: string;
  readonly value: unknown;
}

/** One value alone, or several with their names. */
export async function formatValues(
  values: readonly LabelledValue[],
  isOne: boolean,
): Promise<string> {
  if (isOne) return await formatValue(values[0].value);
  const formatted = await Promise.all(values.map(async ({ label, value }) => {
    const text = await formatValue(value);
    return text.includes("\n") ? `${label}:\n${text}` : `${label}: ${text}`;
  }));
  return formatted.join("\n");
}

type Row = Record<string, unknown>;

async function formatValue(value: unknown): Promise<string> {
  if (typeof value === "string") return value;
  if (isTable(value)) return await formatTable(value);
  return inspect(value, {
    colors: process.stdout.isTTY === true && !process.env.NO_COLOR,
    depth: 4,
    maxArrayLength: 20,
    maxStringLength: 1_000,
    breakLength: 100,
  });
}

/** A list of records with the same keys and plain cells reads best as a table. */
function isTable(value: unknown): value is Row[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  const keys = keysOf(value[0]);
  return keys !== undefined && keys.length > 0 && value.every((row) => {
    const own = keysOf(row);
    return own?.length === keys.length &&
      own.every((key, i) => key === keys[i] && isCell(row[key]));
  });
}

function keysOf(row: unknown): string[] | undefined {
  return typeof row === "object" && row !== null && Object.getPrototypeOf(row) === Object.prototype
    ? Object.keys(row)
    : undefined;
}

function isCell(value: unknown): boolean {
  return value === null || ["string", "number", "boolean", "undefined"].includes(typeof value);
}

const MOST_ROWS = 100;

async function formatTable(rows: readonly Row[]): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const keys = Object.keys(rows[0]);
  const shown = rows.slice(0, MOST_ROWS);
  const columns = keys.map((key) => formatColumn(shown.map((row) => row[key])));
  const table = new Table({
    head: keys,
    colAligns: columns.map(({ areNumbers }) => areNumbers ? "right" : "left"),
    style: { head: [], border: [], compact: true },
  });
  table.push(...shown.map((_, at) => columns.map(({ cells }) => cells[at])));
  const rest = rows.length - shown.length;
  return table.toString() + (rest > 0 ? `\n… and ${rest.toLocaleString("en")} more rows` : "");
}

const MOST_DIGITS = 4;

/** Fractions of one column get the same number of digits, at most four; where that would hide a number, each its own. */
function formatColumn(values: readonly unknown[]): { cells: string[]; areNumbers: boolean } {
  if (!values.every((value) => typeof value === "number")) {
    return {
      cells: values.map((value) => value === undefined || value === null ? "" : String(value)),
      areNumbers: false,
    };
  }
  const isShown = (value: number) =>
    value === 0 || !Number.isFinite(value) || Math.abs(value) >= 10 ** -MOST_DIGITS;
  if (!values.every(isShown)) {
    return {
      cells: values.map((value) => String(Number(value.toPrecision(MOST_DIGITS)))),
      areNumbers: true,
    };
  }
  const fractions = values.map((value) => String(value).split(".")[1]?.length ?? 0);
  const digits = Math.min(MOST_DIGITS, Math.max(...fractions));
  return { cells: values.map((value) => value.toFixed(digits)), areNumbers: true };
}

/**
 * A value as one JSON document.
 *
 * What JSON has not becomes what comes nearest: a map an object (or a list of pairs, if a key is no text), a set or typed
 * array a list, a big integer a text, a date its ISO text, an error its name and message, and `undefined`, `NaN` and
 * infinities `null`. A part that leads back to itself is `null` too.
 */
export function toJson(value: unknown): string {
  try {
    return JSON.stringify(plain(value, []), null, 2);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnsupportedError(
      "The values are too deep or too large for one JSON document: run without --json, or read them from the storage.",
      { cause: error },
    );
  }
}

function plain(value: unknown, path: readonly unknown[]): unknown {
  if (typeof value === "bigint") return String(value);
  if (value === undefined || typeof value === "function" || typeof value === "symbol") return null;
  if (typeof value !== "object" || value === null) return value;
  if (path.includes(value)) return null;
  const inner = [...path, value];
  const list = (values: Iterable<unknown>) => Array.from(values, (entry) => plain(entry, inner));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof RegExp) return String(value);
  if (value instanceof ArrayBuffer) return list(new Uint8Array(value));
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    return list(
      value instanceof DataView
        ? new Uint8Array(buffer, byteOffset, byteLength)
        : value as Uint8Array,
    );
  }
  if (Array.isArray(value) || value instanceof Set) return list(value);
  if (value instanceof Map) {
    const keys = [...value.keys()];
    if (!keys.every((key) => typeof key === "string")) return list(value);
    return fromEntries(value as Map<string, unknown>, inner);
  }
  return fromEntries(Object.entries(value), inner);
}

function fromEntries(entries: Iterable<[string, unknown]>, path: readonly unknown[]): unknown {
  return Object.fromEntries(Array.from(entries, ([key, value]) => [key, plain(value, path)]));
}
