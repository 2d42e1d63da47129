import * as arrow from "apache-arrow";
import { Table, tableFromArrays, vectorFromArray } from "apache-arrow";
import {
  arrowSerializer,
  type LazyTable,
  parquetSerializer,
  type Serializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { listsOf } from "../../support/arrays.ts";
import { CountingPlace, openMemory, placeOf, temporaryFolder } from "../../support/places.ts";

const ROWS = 10_000;
const numbers = tableFromArrays({
  index: Int32Array.from({ length: ROWS }, (_, i) => i),
  random: Float64Array.from({ length: ROWS }, (_, i) => Math.sin(i)),
  name: Array.from({ length: ROWS }, (_, i) => i % 10 ? `row ${i}` : null),
});

async function saved(serializer: Serializer, value: unknown) {
  const place = new CountingPlace(placeOf(join(temporaryFolder(), "place")));
  const notes = await serializer.save(value, place) ?? null;
  return { place, table: await serializer.load(place, notes) as LazyTable };
}

const KINDS = {
  arrow: () => arrowSerializer({ batchRows: 1_000 }),
  parquet: () => parquetSerializer({ groupRows: 1_000 }),
};

for (const [name, make] of Object.entries(KINDS)) {
  describe(`A table in the format ${name}`, () => {
    it("knows its columns and how many rows it has", async () => {
      const { table } = await saved(make(), numbers);
      assert.equal(table.numRows, ROWS);
      assert.deepEqual(table.columns.map(({ name }) => name), ["index", "random", "name"]);
      assert.deepEqual(table.columns.slice(0, 2).map(({ type }) => type), ["Int32", "Float64"]);
    });

    it("is read in any part", async () => {
      const { table } = await saved(make(), numbers);
      const whole = listsOf(numbers);
      for (const [start, stop] of [[0, ROWS], [0, 1], [999, 1_001], [2_500, 7_500], [5, 5]]) {
        const columns = ["name", "index"];
        const part = listsOf(await table.read({ columns, rows: [start, stop] }));
        assert.deepEqual(Object.keys(part), columns);
        for (const name of columns) assert.deepEqual(part[name], whole[name].slice(start, stop));
      }
      assert.deepEqual(await table.rows({ columns: ["index"], rows: [-2, ROWS] }), [
        { index: ROWS - 2 },
        { index: ROWS - 1 },
      ]);
    });

    it("says where a selection is wrong", async () => {
      const { table } = await saved(make(), numbers);
      await assert.rejects(table.read({ columns: ["indx"] }), {
        name: "RangeError",
        message: /"indx" as there is none of that name: there are "index", "random", "name"/,
      });
      for (const rows of [[0, ROWS + 1], [2, 1], [0, 0.5], [-ROWS - 1, 0]] as [number, number][]) {
        await assert.rejects(table.read({ rows }), {
          name: "RangeError",
          message: /of a table that has 10000/,
        });
      }
    });

    it("is read no further than it must", async () => {
      const { place, table } = await saved(make(), numbers);
      const size = (await place.size(`data.${name}`))!;
      // Dictionaries are read with the first rows.
      await table.read({ rows: [0, 1] });
      const { bytes } = await place.during(() => table.read({ rows: [4_500, 4_600] }));
      assert.ok(bytes < size / 8, `${bytes} of ${size}`);
      assert.equal((await place.during(() => table.read({ rows: [7, 7] }))).reads.length, 0);
    });

    it("refuses wrong options", () => {
      const wrong = { arrow: { batchRows: 0 }, parquet: { groupRows: 1.5 } };
      assert.throws(() => arrowSerializer(wrong.arrow), {
        name: "TypeError",
        message: /'batchRows'/,
      });
      assert.throws(() => parquetSerializer(wrong.parquet), {
        name: "TypeError",
        message: /'groupRows'/,
      });
    });
  });
}

describe("A table in the format parquet", () => {
  it("is read by the column, and no others", async () => {
    const { place, table } = await saved(KINDS.parquet(), numbers);
    const all = await place.during(() => table.read());
    const one = await place.during(() => table.read({ columns: ["index"] }));
    assert.ok(one.bytes < all.bytes / 2, `${one.bytes} of ${all.bytes}`);
  });

  it("keeps every kind of column, and -0", async () => {
    const columns: [arrow.DataType, unknown[]][] = [
      [new arrow.Float64(), [0, -0, NaN, -0, 0]],
      [new arrow.Float32(), [0, -0, null, -0, 0]],
      [new arrow.Float16(), [0, -0, 1.5, null, -2]],
      [new arrow.Binary(), [new Uint8Array([1, 2]), null, new Uint8Array(), null, null]],
      [new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()), ["x", null, "y", "x", "日"]],
      [new arrow.DateMillisecond(), [0, 1, null, -1, 86_400_000]],
      [new arrow.TimestampNanosecond(), [1, null, 2, 3, 4]],
      [new arrow.TimestampSecond("UTC"), [1_000, null, -2_000, 3_000, 4_000]],
    ];
    const value = new Table(
      Object.fromEntries(
        columns.map(([type, values], i) => [`c${i}`, vectorFromArray(values, type)]),
      ),
    );
    const { table } = await saved(parquetSerializer(), value);
    const back = listsOf(await table.read());
    for (const [name, list] of Object.entries(listsOf(value))) assert.deepEqual(back[name], list);
  });

  it("refuses columns that the format does not keep, saying which", async () => {
    const nested = new Table({ deep: vectorFromArray([[1, 2], [3]]) });
    const { storage } = openMemory();
    storage.registerSerializers(parquetSerializer());
    await assert.rejects(storage.save("w", "x", { nested }), {
      name: "CodecError",
      message: /the column "deep" is of the type List.*Parquet does not keep; arrowSerializer/,
    });
  });
});

describe("A table in the format arrow", () => {
  it("keeps nested columns and dictionaries as they are", async () => {
    const value = new Table({
      deep: vectorFromArray([[1, 2], [4], [3], [5, 6, 7]]),
      dictionary: vectorFromArray(["a", "b", null, "a"]),
      records: vectorFromArray([{ x: 1, y: "p" }, { x: 2, y: "q" }, { x: 4, y: "" }, {
        x: 3,
        y: "é",
      }]),
    });
    const { table } = await saved(arrowSerializer({ batchRows: 3 }), value);
    const back = await table.read();
    assert.deepEqual(
      table.columns.map(({ type }) => type),
      value.schema.fields.map(({ type }) => `${type}`),
    );
    assert.equal(JSON.stringify(back.toArray()), JSON.stringify(value.toArray()));
  });

  it("becomes one in the format parquet, and back", async () => {
    const { table } = await saved(KINDS.arrow(), numbers);
    const parquet = await saved(KINDS.parquet(), table);
    assert.deepEqual(listsOf(await parquet.table.read()), listsOf(numbers));
    const again = await saved(KINDS.arrow(), parquet.table);
    assert.deepEqual(listsOf(await again.table.read()), listsOf(numbers));
  });
});
