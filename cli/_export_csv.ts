/** Values as CSV (RFC 4180, with a line feed at the end of each line). */

import { Misfit } from "./_export.ts";
import { arrayOf, type NumericArray } from "./_arrays.ts";

type Cell = unknown;
interface Sheet {
  readonly columns?: readonly string[];
  readonly rows: Iterable<readonly Cell[]>;
}

/**
 * A value as CSV: a list of records or a record of columns of one length, with a line of names; or numbers in one or two
 * dimensions, or a list of lists, without.
 *
 * @throws {Misfit} If it is nothing like that, or a cell holds more than one value.
 */
export async function toCsv(value: unknown): Promise<string> {
  const sheet = sheetOf(value);
  if (!sheet) {
    throw new Misfit(
      "CSV takes lists of records, records of columns that are equally long, lists of lists, and arrays of one or two dimensions",
    );
  }
  const { stringify } = await import("csv-stringify/sync");
  const lines = [...(sheet.columns ? [sheet.columns] : []), ...textRows(sheet)];
  return stringify(lines as string[][]);
}

function sheetOf(value: unknown): Sheet | undefined {
  if (isRecord(value)) {
    const array = arrayOf(value);
    return array ? arraySheet(array) : columnSheet(value);
  }
  if (isView(value)) return arraySheet(arrayOf(value)!);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  if (value.every(isRecord)) return recordSheet(value);
  if (value.every(isList)) return { rows: value.map((row) => Array.from(row)) };
  if (value.every(isCell)) return { rows: Array.from(value, (cell) => [cell]) };
}

function recordSheet(records: readonly Record<string, unknown>[]): Sheet {
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  // By own keys, as a column may have the name of something that all objects have.
  const cell = (record: Record<string, unknown>, key: string) =>
    Object.hasOwn(record, key) ? record[key] : undefined;
  return { columns, rows: records.map((record) => columns.map((key) => cell(record, key))) };
}

function columnSheet(record: Record<string, unknown>): Sheet | undefined {
  const columns = Object.keys(record);
  const lists = Object.values(record);
  if (columns.length === 0 || !lists.every(isList)) return undefined;
  if (lists.some((list) => list.length !== lists[0].length)) return undefined;
  const rows = Array.from({ length: lists[0].length }, (_, row) => lists.map((list) => list[row]));
  return { columns, rows };
}

function arraySheet({ data, shape }: NumericArray): Sheet | undefined {
  if (shape.length === 0 || shape.length > 2) return undefined;
  const [length, width = 1] = shape;
  const rows = Array.from(
    { length },
    (_, row) => Array.from({ length: width }, (_, column) => data[row * width + column]),
  );
  return { rows };
}

function* textRows({ columns, rows }: Sheet): Iterable<string[]> {
  let line = 0;
  for (const row of rows) {
    line++;
    yield row.map((cell, column) => {
      if (isCell(cell)) return textOf(cell);
      const where = columns ? `column ${JSON.stringify(columns[column])}` : `column ${column + 1}`;
      throw new Misfit(`in row ${line}, ${where} holds more than one value`);
    });
  }
}

function textOf(cell: unknown): string {
  if (cell === undefined || cell === null) return "";
  if (cell instanceof Date) return Number.isNaN(cell.getTime()) ? "" : cell.toISOString();
  return Object.is(cell, -0) ? "-0" : String(cell);
}

function isCell(value: unknown): boolean {
  return value === null || value instanceof Date ||
    ["string", "number", "boolean", "undefined", "bigint"].includes(typeof value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

function isView(value: unknown): value is Float64Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function isList(value: unknown): value is ArrayLike<unknown> & Iterable<unknown> {
  return Array.isArray(value) || isView(value);
}
