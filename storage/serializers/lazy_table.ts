/** Tables that stay where they are stored, and are read in parts. */

import type { ArrowTable, loadArrow } from "../_libraries.ts";

export type { ArrowTable };

/** The library of tables. */
export type Arrow = Awaited<ReturnType<typeof loadArrow>>;

/** A column of a table: its name, and its type in the words of `apache-arrow`. */
export interface TableColumn {
  /** The name. */
  readonly name: string;
  /** Such as `Int32`, `Utf8` or `Timestamp<MICROSECOND>`. */
  readonly type: string;
}

/** Which part of a table. */
export interface TableSelection {
  /** The names of columns, in the order wanted. Default: all. */
  readonly columns?: readonly string[];
  /** The first row and the one after the last; numbers below zero count from the end. Default: all. */
  readonly rows?: readonly [start: number, stop: number];
}

/** A table that is read in parts. */
export interface TableSource {
  /** All columns. */
  readonly columns: readonly TableColumn[];
  /** How many rows there are. */
  readonly numRows: number;
  /** What tells its rows from others: a digest of them, or where they are. */
  readonly identity: string;
  /** What its file is, for whoever writes the same kind: then it is copied as it is. */
  readonly format: string;
  /** Reads some columns of a range of rows. */
  read(columns: readonly string[], start: number, stop: number): Promise<ArrowTable>;
  /** Reads the file. */
  readFile(): Promise<Uint8Array<ArrayBuffer>>;
}

// What `apache-arrow` tells its tables by, also those of another copy of it.
const TABLE_MARK = Symbol.for("apache-arrow/Table");

const sources = new WeakMap<LazyTable, TableSource>();

/**
 * A table that is stored: `read` reads some of its rows and columns.
 *
 * It may be read from at several places at once, and as long as the stored value is there.
 *
 * @example
 * ```ts
 * import { tableFromArrays } from "apache-arrow";
 * import { type LazyTable, parquetSerializer, storageFactory } from "functionfuse/storage";
 * import assert from "node:assert/strict";
 *
 * const storage = storageFactory({ kind: "memory", options: { serializers: [parquetSerializer()] } });
 * const scores = tableFromArrays({ name: ["knn", "tree"], score: Float64Array.of(0.95, 0.9) });
 * await storage.save("w", "scores", scores);
 *
 * const table = await storage.readTask("w", "scores") as LazyTable;
 * assert.equal(table.numRows, 2);
 * assert.deepEqual(await table.rows({ columns: ["score"], rows: [1, 2] }), [{ score: 0.9 }]);
 * ```
 */
export class LazyTable {
  /** All columns. */
  readonly columns: readonly TableColumn[];
  /** How many rows it has. */
  readonly numRows: number;
  /** What tells its rows from others: a digest, or where a file of others is. */
  readonly identity: string;

  /** A table that is read in parts. */
  constructor(source: TableSource) {
    this.columns = source.columns;
    this.numRows = source.numRows;
    this.identity = source.identity;
    sources.set(this, source);
  }

  /**
   * Reads some columns of a range of rows.
   *
   * @throws {RangeError} If there is no such column, or no such rows.
   * @throws {CodecError} If what is stored was altered or is not there any more.
   */
  async read(selection: TableSelection = {}): Promise<ArrowTable> {
    const names = this.columns.map(({ name }) => name);
    const { columns = names, rows: [first, last] = [0, this.numRows] } = selection;
    const unknown = columns.find((name) => !names.includes(name));
    if (unknown !== undefined) {
      throw new RangeError(
        `Cannot read the column ${JSON.stringify(unknown)} as there is none of that name: ` +
          `there are ${names.map((name) => JSON.stringify(name)).join(", ")}.`,
      );
    }
    const start = first < 0 ? first + this.numRows : first;
    const stop = last < 0 ? last + this.numRows : last;
    const isInside = [start, stop].every(Number.isInteger) &&
      0 <= start && start <= stop && stop <= this.numRows;
    if (!isInside) {
      throw new RangeError(
        `Cannot read the rows ${
          JSON.stringify([first, last])
        } of a table that has ${this.numRows}: ` +
          "they must be two whole numbers, 'start' ≤ 'stop', and in it.",
      );
    }
    return await sources.get(this)!.read(columns, start, stop);
  }

  /** Reads rows as plain objects, with the values that `apache-arrow` gives. Otherwise the same as `read`. */
  async rows(selection: TableSelection = {}): Promise<Record<string, unknown>[]> {
    const table = await this.read(selection);
    return table.toArray().map((row) => row.toJSON());
  }
}

/** What a lazy table reads from. */
export function sourceOfTable(table: LazyTable): TableSource {
  return sources.get(table)!;
}

/** Whether a value is a table of `apache-arrow`, or a lazy one. */
export function isTable(value: unknown): value is ArrowTable | LazyTable {
  if (value instanceof LazyTable) return true;
  return typeof value === "object" && value !== null && TABLE_MARK in value;
}

/** A table in pieces of so many rows, one at a time. */
export async function* piecesOf(
  table: ArrowTable | LazyTable,
  rows: number,
): AsyncGenerator<ArrowTable> {
  for (let start = 0; start < table.numRows; start += rows) {
    const stop = Math.min(start + rows, table.numRows);
    yield table instanceof LazyTable
      ? await table.read({ rows: [start, stop] })
      : table.slice(start, stop);
  }
}
