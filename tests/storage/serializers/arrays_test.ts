import fc from "fast-check";
import {
  hdf5Serializer,
  LazyArray,
  type NdArray,
  type Serializer,
  storageFactory,
  type TypedArray,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { arrays, selections, selectPlain } from "../../support/arrays.ts";
import {
  CountingPlace,
  openFiles,
  openMemory,
  placeOf,
  temporaryFolder,
} from "../../support/places.ts";

const counted = (length: number, Class = Int32Array) => Class.from({ length }, (_, i) => i);

async function saved(serializer: Serializer, value: unknown) {
  const place = new CountingPlace(placeOf(join(temporaryFolder(), "place")));
  const notes = await serializer.save(value, place) ?? null;
  return { place, array: await serializer.load(place, notes) as LazyArray };
}

for (
  const [name, make, half] of [["zarr", zarrSerializer, true], [
    "hdf5",
    hdf5Serializer,
    false,
  ]] as const
) {
  describe(`An array in the format ${name}`, () => {
    it("is read in any part, as from the array itself", async () => {
      const { storage } = openFiles();
      storage.registerSerializers(make({ chunks: (shape) => shape.map(() => 2) }));
      const cases = arrays({ half, most: 5 }).chain((array) =>
        fc.tuple(
          fc.constant(array),
          fc.array(selections(array.shape), { minLength: 1, maxLength: 5 }),
        )
      );
      await fc.assert(
        fc.asyncProperty(cases, async ([array, parts]) => {
          await storage.save("w", "x", array);
          const lazy = await storage.readTask("w", "x") as LazyArray;
          for (const part of parts) {
            assert.deepEqual(await lazy.get(part), selectPlain(array, part));
          }
        }),
        { numRuns: 60 },
      );
    });

    it("says where a selection is wrong", async () => {
      const { array } = await saved(make(), { data: counted(12), shape: [3, 4] });
      const wrong: [unknown[], RegExp][] = [
        [[3], /Cannot read 3 of axis 0 as that has 3 elements/],
        [[null, -5], /-5 of axis 1 as that has 4/],
        [[0.5], /0\.5 of axis 0/],
        [[[0, 4]], /\[0,4\] of axis 0/],
        [[null, [3, 2]], /\[3,2\] of axis 1/],
        [[null, [0, 4, 0]], /\[0,4,0\] of axis 1/],
        [[0, 0, 0], /an array of 2 axes as 'selection' has 3/],
      ];
      for (const [selection, message] of wrong) {
        await assert.rejects(array.get(selection as never), { name: "RangeError", message });
      }
      assert.deepEqual(await array.get([-1]), { data: Int32Array.of(8, 9, 10, 11), shape: [4] });
      assert.deepEqual((await array.get([[-2, 3], [1, -1]])).data, Int32Array.of(5, 6, 9, 10));
    });

    it("has chunks of a sensible size, or those that are asked for", async () => {
      const value = { data: new Float64Array(1_500_000), shape: [3_000, 500] };
      const { array } = await saved(make(), value);
      assert.equal(array.chunks[1], 500);
      assert.ok(array.chunks[0] >= 200 && array.chunks[0] <= 600, String(array.chunks));
      const asked = await saved(make({ chunks: [700, 100] }), value);
      assert.deepEqual(asked.array.chunks, [700, 100]);
      await assert.rejects(saved(make({ chunks: [10] }), value), {
        name: "TypeError",
        message: /'chunks' must have a whole number of at least 1 for each axis/,
      });
      assert.throws(() => make({ compression: 99 }), {
        name: "TypeError",
        message: /'compression'/,
      });
    });

    it("leaves small ones to the rest of the value, where that is asked for", async () => {
      const { storage } = openFiles();
      storage.registerSerializers(make({ minBytes: 100 }));
      const value = [24, 25].map((length) => ({ data: counted(length), shape: [length] }));
      await storage.save("w", "x", value);
      const [small, large] = await storage.readTask("w", "x") as [NdArray, LazyArray];
      assert.deepEqual(small, value[0]);
      assert.ok(large instanceof LazyArray);
    });

    it("is an object with data and a shape and nothing else", () => {
      const { test } = make();
      const data = counted(6);
      for (const value of [{ data, shape: [2, 3] }, { data, shape: [2, 2], stride: [4, 1] }]) {
        assert.ok(test(value), JSON.stringify(value));
      }
      const others = [
        { data, shape: [2, 2] },
        { data, shape: [2, 3], label: "x" },
        { data, shape: [3, 3], stride: [2, 1] },
        { data: [1, 2], shape: [2] },
        { data: new DataView(new ArrayBuffer(2)), shape: [2] },
        { data, shape: [-2, -3] },
        { data, shape: "6" },
        data,
        null,
      ];
      for (const value of others) assert.ok(!test(value), JSON.stringify(value));
    });
  });
}

describe("An array in the format zarr", () => {
  it("is read by the chunk, and no others", async () => {
    const value = { data: counted(10_000), shape: [100, 100] };
    const { place, array } = await saved(zarrSerializer({ chunks: [10, 50] }), value);
    assert.deepEqual((await place.during(() => array.get([5]))).reads, ["c/0/0", "c/0/1"]);
    const corner = await place.during(() => array.get([[95, 100], [99, 100]]));
    assert.deepEqual(corner.reads, ["c/9/1"]);
    assert.equal((await place.during(() => array.read())).reads.length, 20);
    assert.deepEqual((await place.during(() => array.get([[3, 3]]))).reads, []);
  });

  it("is copied by the chunk, never as a whole", async () => {
    const value = { data: counted(40_000), shape: [400, 100] };
    const { array } = await saved(zarrSerializer({ chunks: [10, 100] }), value);
    let largest = 0;
    const watched = new LazyArray({
      identity: "watched",
      shape: array.shape,
      dtype: array.dtype,
      chunks: array.chunks,
      read: async (box) => {
        const { data } = await array.get(
          box.map(({ start, count }) => [start, start + count] as const),
        );
        largest = Math.max(largest, data.length);
        return data;
      },
    });
    const copy = await saved(zarrSerializer({ chunks: [20, 50] }), watched);
    assert.equal(largest, 1_000);
    assert.deepEqual(await copy.array.read(), value);
  });

  it("has checksums of its own", async () => {
    const { place, array } = await saved(zarrSerializer(), { data: counted(50), shape: [50] });
    const bytes = (await place.read("c/0"))!;
    bytes[bytes.length - 6] ^= 1;
    await place.write("c/0", bytes);
    await assert.rejects(array.read(), { name: "CodecError", message: /checksum/ });
  });
});

describe("An array in the format hdf5", () => {
  it("is the same file whenever it is written", async () => {
    const value = { data: counted(1_000, Float64Array as never), shape: [10, 100] };
    const digests: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { place } = await saved(hdf5Serializer(), value);
      const file = readFileSync(join(place.path!, "data.h5"));
      digests.push(createHash("sha256").update(file).digest("hex"));
      // The library would write seconds.
      await delay(1_100);
    }
    assert.equal(digests[0], digests[1]);
  });

  it("is not read into memory as a whole", async () => {
    const { storage } = openFiles();
    storage.registerSerializers(hdf5Serializer());
    const data = new Float64Array(16_000_000).map((_, i) => i) as TypedArray;
    await storage.save("w", "x", { data, shape: [16_000, 1_000] });
    const array = await storage.readTask("w", "x") as LazyArray;
    const before = process.memoryUsage().rss;
    assert.deepEqual(
      (await array.get([-1, [998, 1_000]])).data,
      Float64Array.of(15_999_998, 15_999_999),
    );
    assert.ok(process.memoryUsage().rss - before < 64e6);
  });

  it("is damaged where a chunk was altered, compressed or not", async () => {
    for (const compression of [false, 6] as const) {
      const { place, array } = await saved(hdf5Serializer({ compression }), {
        data: counted(100_000),
        shape: [100_000],
      });
      const bytes = (await place.read("data.h5"))!;
      bytes[Math.floor(bytes.length / 2)] ^= 1;
      await place.write("data.h5", bytes);
      await assert.rejects(array.read(), { name: "CodecError", message: /altered/ });
    }
  });

  it("needs files, and says what does not", async () => {
    const { storage } = openMemory();
    storage.registerSerializers(hdf5Serializer());
    await assert.rejects(storage.save("w", "x", { data: counted(2), shape: [2] }), {
      name: "UnsupportedError",
      message: /memory .* needs a folder of files.*zarrSerializer\(\)/,
    });
    assert.equal(await storage.hasTask("w", "x"), false);
  });

  it("leaves 16-bit floats to others", {
    skip: !("Float16Array" in globalThis) && "no such arrays",
  }, async () => {
    const storage = storageFactory({
      kind: "file",
      options: { path: temporaryFolder(), serializers: [hdf5Serializer(), zarrSerializer()] },
    });
    const value = { data: Float16Array.of(1.5, -0), shape: [2] };
    await storage.save("w", "x", value);
    const array = await storage.readTask("w", "x") as LazyArray;
    assert.equal(array.dtype, "float16");
    assert.deepEqual(await array.read(), value);
  });
});
