import { type Table, tableFromArrays } from "apache-arrow";
import fc from "fast-check";
import {
  arrowSerializer,
  hdf5Serializer,
  type LazyArray,
  type LazyTable,
  type NdArray,
  parquetSerializer,
  type Serializer,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { testSerializer } from "../../contract/serializer.ts";
import { arrays, listsOf, selectPlain, tables } from "../../support/arrays.ts";
import { openFiles, openMemory } from "../../support/places.ts";

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

const ofArrays = (make: () => Serializer, half = true) => ({
  make,
  values: arrays({ half }),
  examples: [
    { data: Float64Array.from({ length: 60 }, (_, i) => i / 7), shape: [4, 5, 3] },
    { data: Int16Array.from({ length: 35 }, (_, i) => i * i), shape: [5, 7], stride: [1, 5] },
  ] as const,
  same: sameArray,
});

const ofTables = (make: () => Serializer) => ({
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

const small = (shape: readonly number[]) => shape.map(() => 2);

testSerializer("zarr, in files", ofArrays(() => zarrSerializer({ chunks: small })), openFiles);
testSerializer("zarr, in memory", ofArrays(() => zarrSerializer()), openMemory);
testSerializer(
  "hdf5, in files",
  ofArrays(() => hdf5Serializer({ chunks: small }), false),
  openFiles,
);
testSerializer("arrow, in files", ofTables(() => arrowSerializer({ batchRows: 50 })), openFiles);
testSerializer("arrow, in memory", ofTables(() => arrowSerializer()), openMemory);
testSerializer(
  "parquet, in files",
  ofTables(() => parquetSerializer({ groupRows: 50 })),
  openFiles,
);
testSerializer(
  "parquet, in memory",
  ofTables(() => parquetSerializer({ compression: false })),
  openMemory,
);

/** Texts of more than one line, one file each. */
class Poem {
  constructor(readonly lines: string[]) {}
}

const poems: Serializer<Poem, Poem> = {
  name: "poem",
  test: (value): value is Poem => value instanceof Poem,
  async save(poem, place) {
    for (const [index, line] of poem.lines.entries()) {
      await place.write(`lines/${index}.txt`, new TextEncoder().encode(line));
    }
    return poem.lines.length;
  },
  async load(place, count) {
    const lines = await Promise.all(
      Array.from({ length: count as number }, (_, index) => place.read(`lines/${index}.txt`)),
    );
    return new Poem(lines.map((line) => new TextDecoder().decode(line)));
  },
};

for (const [kind, open] of Object.entries({ files: openFiles, memory: openMemory })) {
  testSerializer(
    `of one's own, in ${kind}`,
    {
      make: () => poems,
      examples: [new Poem(["roses", "are red"]), new Poem(["violets", "are", "blue"])],
      values: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 })
        .map((lines) => new Poem(lines)),
      same: (loaded, value) => {
        assert.deepEqual(loaded, value);
        return Promise.resolve();
      },
    },
    open,
  );
}
