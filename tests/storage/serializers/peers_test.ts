import { DateDay, Float32, Float64, Int32, Int64, Table, TimestampMicrosecond } from "apache-arrow";
import { Bool, Uint8, Utf8, vectorFromArray } from "apache-arrow";
import {
  arrowSerializer,
  FileStorage,
  hdf5Serializer,
  type LazyArray,
  LazyTable,
  openArrow,
  openHdf5,
  openParquet,
  openZarr,
  parquetSerializer,
  type TypedArray,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { makeArray } from "../../../storage/serializers/nd_array.ts";
import { sizeOf } from "../../support/arrays.ts";
import { PYTHON, skipWithout } from "../../support/peers.ts";
import { placeOf, temporaryFolder } from "../../support/places.ts";

const PEER = fileURLToPath(new URL("../../peers/serializers.py", import.meta.url));
const skip = skipWithout(PYTHON);
const ROWS = 3_500;

type DTypeName = Parameters<typeof makeArray>[0];

/** The same as `array_of` of the other side. */
function arrayOf(dtype: string, shape: readonly number[]): TypedArray {
  const data = makeArray(dtype as DTypeName, sizeOf(shape))!;
  for (let i = 0; i < data.length; i++) {
    const value = i * 37 % 101;
    data[i] = (dtype === "bool"
      ? Number(i % 3 === 0)
      : dtype.startsWith("float")
      ? value / 8
      : dtype.endsWith("int64")
      ? BigInt(value)
      : value) as never;
  }
  return data;
}

/** The same as `columns_of` of the other side; times in milliseconds. */
function columnsOf(rows: number) {
  const column = <T>(value: (i: number) => T) => Array.from({ length: rows }, (_, i) => value(i));
  const start = Date.UTC(2020, 0, 1);
  return {
    index: [new Int32(), column((i) => i)],
    large: [new Int64(), column((i) => BigInt(i) * 2n ** 40n)],
    small: [new Uint8(), column((i) => i % 200)],
    value: [new Float64(), column((i) => i % 5 === 0 ? null : i / 8)],
    single: [new Float32(), column((i) => i / 8)],
    text: [new Utf8(), column((i) => i % 7 === 0 ? null : `row ${i} é`)],
    flag: [new Bool(), column((i) => i % 3 === 0)],
    day: [new DateDay(), column((i) => start + i * 86_400_000)],
    time: [new TimestampMicrosecond("UTC"), column((i) => start + i * 1_000.001)],
  } as const;
}

function runPeer(command: string, folder: string): string {
  return execFileSync(PYTHON, ["-W", "ignore", PEER, command, folder], { encoding: "utf8" });
}

describe("What serializers write", { skip }, () => {
  it("is read by Python's zarr and h5py, whatever the type, shape and chunks", async () => {
    const folder = temporaryFolder();
    const spec: Record<string, unknown>[] = [];
    const dtypes = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"];
    if ("Float16Array" in globalThis) dtypes.push("float16");
    for (const dtype of [...dtypes, "float32", "float64"]) {
      for (
        const [shape, chunks] of [[[7, 10], [3, 4]], [[], undefined], [[0, 4], undefined], [[300], [
          70,
        ]]]
      ) {
        for (const kind of ["zarr", "hdf5"]) {
          const make = kind === "zarr" ? zarrSerializer : hdf5Serializer;
          const value = { data: arrayOf(dtype, shape!), shape: shape! };
          const serializer = make(chunks && { chunks });
          if (!serializer.test(value)) continue;
          const name = `${kind}-${dtype}-${shape}`;
          await serializer.save(value, placeOf(join(folder, name)));
          spec.push({ name, kind, dtype, shape, chunks: chunks ?? null });
        }
      }
    }
    for (const compression of [false, 9] as const) {
      const value = { data: arrayOf("float64", [20, 30]), shape: [20, 30] };
      const name = `level-${compression}`;
      await zarrSerializer({ compression }).save(value, placeOf(join(folder, `zarr-${name}`)));
      await hdf5Serializer({ compression }).save(value, placeOf(join(folder, `hdf5-${name}`)));
      for (const kind of ["zarr", "hdf5"]) {
        spec.push({
          name: `${kind}-${name}`,
          kind,
          dtype: "float64",
          shape: [20, 30],
          chunks: null,
        });
      }
    }
    writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
    assert.equal(runPeer("check", folder).trim(), String(spec.length));
  });

  it("is read by Python's pyarrow, with types and nulls", async () => {
    const folder = temporaryFolder();
    const table = new Table(
      Object.fromEntries(
        Object.entries(columnsOf(ROWS)).map(([name, [type, values]]) => [
          name,
          vectorFromArray(values as never, type as never),
        ]),
      ),
    );
    const spec = [];
    for (const rows of [ROWS, 1_000]) {
      for (const kind of ["arrow", "parquet"]) {
        const serializer = kind === "arrow"
          ? arrowSerializer({ batchRows: rows })
          : parquetSerializer({ groupRows: rows });
        const name = `${kind}-${rows}`;
        await serializer.save(table, placeOf(join(folder, name)));
        spec.push({ name, kind, rows: ROWS });
      }
    }
    writeFileSync(join(folder, "spec.json"), JSON.stringify(spec));
    assert.equal(runPeer("check", folder).trim(), String(spec.length));
  });
});

describe("What Python writes", { skip }, () => {
  const folder = temporaryFolder();
  let spec:
    | { name: string; kind: string; dtype?: string; shape: number[]; rows: number }[]
    | undefined;
  const written = (...kinds: string[]) => {
    if (!spec) {
      runPeer("write", folder);
      spec = JSON.parse(readFileSync(join(folder, "spec.json"), "utf8"));
    }
    return spec!.filter(({ kind }) => kinds.includes(kind));
  };

  it("with zarr and h5py is read, by parts too", async () => {
    for (const { name, kind, dtype, shape } of written("zarr", "hdf5")) {
      if (dtype === "float16" && !("Float16Array" in globalThis)) continue;
      const path = join(folder, name);
      const array: LazyArray =
        await (kind === "zarr" ? openZarr(path) : openHdf5(path, "group/data"));
      assert.deepEqual([array.dtype, array.shape], [dtype, shape], name);
      const expected = arrayOf(dtype!, shape);
      assert.deepEqual((await array.read()).data, expected, name);
      const row = sizeOf(shape.slice(1));
      assert.deepEqual((await array.get([-2])).data, expected.slice(-2 * row, -row), name);
    }
    const scalar = await openZarr(join(folder, "zarr-scalar"));
    assert.deepEqual(await scalar.read(), { data: Int16Array.of(5), shape: [] });
    await assert.rejects(openZarr(join(folder, "zarr-texts")), { name: "UnsupportedError" });
    const big = await openHdf5(join(folder, "hdf5-plain.h5"), "group/big");
    assert.deepEqual(
      (await big.read()).data,
      Float32Array.from(arrayOf("float64", [20, 6, 5]) as Float64Array),
    );
  });

  it("with pyarrow is read, by parts too", async () => {
    const expected = columnsOf(ROWS);
    for (const { name, kind } of written("arrow", "parquet")) {
      const table = await (kind === "arrow" ? openArrow : openParquet)(join(folder, name));
      assert.ok(table instanceof LazyTable && table.numRows === ROWS);
      const whole = await table.read();
      for (const [column, [type, values]] of Object.entries(expected)) {
        const found = whole.getChild(column)!;
        if (!name.startsWith("dictionary")) {
          assert.equal(String(found.type), String(type), `${name} ${column}`);
        }
        assert.deepEqual([...found], values, `${name} ${column}`);
      }
      assert.deepEqual(await table.rows({ columns: ["index"], rows: [1_999, 2_001] }), [
        { index: 1_999 },
        { index: 2_000 },
      ]);
    }
  });

  it("can be stored, truth values too", async () => {
    written("zarr");
    const source = await openZarr(join(folder, "zarr-bool"));
    for (const serializer of [zarrSerializer(), hdf5Serializer()]) {
      const storage = new FileStorage({ path: temporaryFolder(), serializers: [serializer] });
      await storage.save("w", "x", source);
      const copy = await storage.readTask("w", "x") as LazyArray;
      assert.equal(copy.dtype, "bool");
      assert.deepEqual(await copy.read(), await source.read());
    }
  });

  it("is missing or something else, where it is", async () => {
    for (const open of [openZarr, openArrow, openParquet]) {
      await assert.rejects(open(join(folder, "nothing")), {
        name: "CodecError",
        message: /There is no/,
      });
    }
    await assert.rejects(openHdf5(join(folder, "nothing.h5"), "data"), { name: "CodecError" });
    const [{ name }] = written("hdf5");
    await assert.rejects(openHdf5(join(folder, name), "group/none"), {
      name: "CodecError",
      message: /no such data set/,
    });
    await assert.rejects(openParquet(join(folder, name)), { name: "CodecError" });
    await assert.rejects(openArrow(join(folder, name)), { name: "CodecError" });
  });
});
