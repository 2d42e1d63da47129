import fc from "fast-check";
import {
  arrowSerializer,
  hdf5Serializer,
  parquetSerializer,
  type Serializer,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { testSerializer } from "../../contract/serializer.ts";
import { openFiles, openMemory } from "../../support/places.ts";
import { ofArrays, ofTables } from "../../support/serializers.ts";

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
