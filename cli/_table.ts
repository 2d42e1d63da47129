/** Lists of records as tables. */

import process from "node:process";
import { cut, escapeControls } from "./_text.ts";

/** A row: cells by the names of their columns. */
export type Row = Readonly<Record<string, unknown>>;

/** How much of a table is shown. */
export interface TableLimits {
  /** Rows; the rest is counted. Default: {@link MOST_TABLE_ROWS}. */
  readonly rows?: number;
  /** How many rows there are, where not all of them are given. */
  readonly totalRows?: number;
  /** Characters a line; columns that don't fit are counted. Default: as many as there are. */
  readonly width?: number;
  /** Characters of a cell. Default: 80. */
  readonly cellLetters?: number;
  /** Columns of texts that are amounts, and stand at the right like numbers. */
  readonly right?: readonly string[];
}

const MOST_CELL_LETTERS = 80;

/** More rows than this take too long to be framed, as the time grows with their square. */
export const MOST_TABLE_ROWS = 1_000;

/** A list of records with the same keys and plain cells reads best as a table. */
export function isTable(value: unknown): value is Row[] {
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
  return value === null || value instanceof Date ||
    ["string", "number", "boolean", "undefined", "bigint"].includes(typeof value);
}

/** How wide a table may be: as the terminal, if there is one. */
export function terminalWidth(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** The first rows of a table, in a frame, with a line that counts what is not shown. */
export async function formatTable(rows: readonly Row[], limits: TableLimits = {}): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const shown = rows.slice(0, limits.rows ?? MOST_TABLE_ROWS);
  const all = Object.keys(rows[0]).map((key) => ({
    head: showCell(key, MOST_CELL_LETTERS),
    isRight: limits.right?.includes(key),
    ...formatColumn(shown.map((row) => row[key]), limits.cellLetters ?? MOST_CELL_LETTERS),
  }));
  const columns = fitting(all, limits.width ?? Infinity);
  const table = new Table({
    head: columns.map(({ head }) => head),
    colAligns: columns.map(({ areNumbers, isRight }) => areNumbers || isRight ? "right" : "left"),
    style: { head: [], border: [], compact: true },
  });
  table.push(...shown.map((_, at) => columns.map(({ cells }) => cells[at])));
  const rest = [
    [(limits.totalRows ?? rows.length) - shown.length, "rows"],
    [all.length - columns.length, "columns"],
  ] as const;
  const left = rest.filter(([n]) => n > 0).map(([n, what]) => `${n.toLocaleString("en")} ${what}`);
  const [first, ...others] = left;
  const more = first?.replace(" ", " more ");
  return table.toString() + (more ? `\n… and ${[more, ...others].join(" and ")}` : "");
}

interface Column {
  readonly head: string;
  readonly cells: readonly string[];
}

function fitting<C extends Column>(columns: readonly C[], width: number): readonly C[] {
  let used = 1;
  const overflow = columns.findIndex(({ head, cells }) => {
    used += 3 + cells.reduce((most, cell) => Math.max(most, cell.length), head.length);
    return used > width;
  });
  return overflow < 0 ? columns : columns.slice(0, Math.max(1, overflow));
}

const MOST_DIGITS = 4;

/** Fractions of one column get the same number of digits, at most four; where that would hide a number, each its own. */
function formatColumn(
  values: readonly unknown[],
  mostLetters: number,
): { cells: string[]; areNumbers: boolean } {
  if (!values.every((value) => typeof value === "number")) {
    return {
      cells: values.map((value) => showCell(value, mostLetters)),
      areNumbers: values.every((value) => typeof value === "bigint"),
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

function showCell(value: unknown, mostLetters: number): string {
  if (value === undefined || value === null) return "";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString();
  return cut(escapeControls(String(value)), mostLetters);
}
