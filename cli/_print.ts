/** Values on standard output: for people, or as one JSON document. */

import { UnsupportedError } from "../core/errors.ts";
import { LazyTable } from "../storage/mod.ts";
import { readBeginnings, readWhole } from "./_lazy.ts";
import { showValue } from "./_show.ts";
import { formatTable, isTable, MOST_TABLE_ROWS, type Row, terminalWidth } from "./_table.ts";
import { escapeAllButLines } from "./_text.ts";

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

/** How much of a value is printed, and how. */
export interface PrintOptions {
  /** All of it. Default: of much, only the beginning. */
  readonly all?: boolean;
  /** Whether a text's characters are escaped that a terminal would act on. Default: no. */
  readonly isEscaped?: boolean;
}

const MOST_ROWS = 100;

/** A value for people: a text as it is, a list of records as a table. */
export async function formatValue(value: unknown, options: PrintOptions = {}): Promise<string> {
  if (typeof value === "string") return options.isEscaped ? escapeAllButLines(value) : value;
  const most = options.all ? MOST_TABLE_ROWS : MOST_ROWS;
  const limits = options.all
    ? { rows: most, cellLetters: Infinity }
    : { rows: most, width: terminalWidth() };
  const isStored = value instanceof LazyTable;
  const totalRows = isStored ? value.numRows : isTable(value) ? value.length : 0;
  // All of a longer table is a line for each record.
  if (totalRows > 0 && !(options.all && totalRows > most)) {
    const rows = isStored ? await value.rows({ rows: [0, Math.min(totalRows, most)] }) : value;
    return await formatTable(rows as Row[], { ...limits, totalRows });
  }
  return showValue(await (options.all ? readWhole : readBeginnings)(value), options);
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
