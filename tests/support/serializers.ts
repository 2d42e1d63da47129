/** The serializers of the library with values for them, as the contract asks for. */

import { type Table, tableFromArrays } from "apache-arrow";
import type { LazyArray, LazyTable, NdArray, Serializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import type { TestedSerializer } from "../contract/serializer.ts";
import { arrays, listsOf, selectPlain, tables } from "./arrays.ts";

const sameArray = async (loaded: unknown, value: NdArray) => {
  const array = loaded as LazyArray;
  assert.deepEqual(array.shape, value.shape);
  assert.deepEqual(await array.read(), selectPlain(value, []));
};

const sameTable = async (loaded: unknown, value: Table) => {
  const table = loaded as LazyTable;
  assert.equal(table.numRows, value.numRows);
  assert.deepEqual(listsOf(await table.read()), listsOf(value));
};

/** A serializer of arrays, with arrays. */
export const ofArrays = (make: () => Serializer, half = true): TestedSerializer<NdArray> => ({
  make,
  values: arrays({ half }),
  examples: [
    { data: Float64Array.from({ length: 60 }, (_, i) => i / 7), shape: [4, 5, 3] },
    { data: Int16Array.from({ length: 35 }, (_, i) => i * i), shape: [5, 7], stride: [1, 5] },
  ] as const,
  same: sameArray,
});

/** A serializer of tables, with tables. */
export const ofTables = (make: () => Serializer): TestedSerializer<Table> => ({
  make,
  values: tables(),
  examples: [1, 2].map((factor) =>
    tableFromArrays({
      count: Int32Array.from({ length: 120 }, (_, i) => i * factor),
      name: Array.from({ length: 120 }, (_, i) => i % 9 ? `row ${i}` : null),
    })
  ) as [Table, Table],
  same: sameTable,
});
