import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import type { Origin } from "functionfuse/storage";
import { encodeValue } from "../../encoding/mod.ts";
import { packObject, readHeader, readValue } from "../../storage/codec.ts";
import { openBytes } from "../../storage/object_store.ts";

const GOLDEN = new URL("../fixtures/value.fuse", import.meta.url);
const encodeObject = (workflow: string, task: string, value: unknown, origin?: Origin) =>
  packObject({ workflow, task, ...(origin && { origin }) }, encodeValue(value));
const ORIGIN = { durationMs: 12.5, definition: "train" };

/** Something of everything, always the same. */
function everything(): unknown {
  const error = new RangeError("out of range");
  error.stack = "RangeError: out of range";
  const value: Record<string, unknown> = {
    numbers: [0, -0, NaN, Infinity, 0.1, 2n ** 70n],
    long: Array.from({ length: 100 }, (_, i) => i / 3),
    text: "日本 \ud800 \u2028",
    collections: [new Map([[1, new Set(["a"])]]), new Date(0), /x/g, undefined, null],
    sparse: [1, , 3],
    views: [new Float32Array([1.5, -0]), new Uint8Array([1, 2, 3]).subarray(1)],
    error,
  };
  value.self = value;
  return value;
}

const encode = () =>
  new Uint8Array(Buffer.concat(encodeObject("golden", "value", everything(), ORIGIN).chunks));

describe("The format of stored objects", () => {
  it("is the same in all runtimes and versions: byte for byte what the stored example is", async () => {
    // To make the example anew after a change of the format, delete it and run this test once.
    if (!existsSync(GOLDEN)) writeFileSync(GOLDEN, encode());
    const golden = new Uint8Array(readFileSync(GOLDEN));
    const encoded = encode();
    const [goldenHeader, header] = await Promise.all(
      [golden, encoded].map((bytes) => readHeader(openBytes(bytes))),
    );
    const { savedAt: _, ...rest } = header;
    const { savedAt: __, ...goldenRest } = goldenHeader;
    assert.deepEqual(Object.entries(rest), Object.entries(goldenRest));
    assert.deepEqual(
      encoded.subarray(header.payloadOffset),
      golden.subarray(goldenHeader.payloadOffset),
    );
    assert.deepEqual(
      await readValue(openBytes(golden), goldenHeader),
      await readValue(openBytes(encoded), header),
    );
  });

  it("keeps plain values as JSON that anything can read", async () => {
    const value = { accuracy: 0.95, labels: ["a", "b"], nested: [[1, 2], null] };
    const bytes = new Uint8Array(Buffer.concat(encodeObject("w", "t", value).chunks));
    const { encoding, payloadOffset, textBytes, partBytes } = await readHeader(openBytes(bytes));
    assert.deepEqual([encoding, partBytes], ["json", []]);
    const text = new TextDecoder().decode(bytes.subarray(payloadOffset, payloadOffset + textBytes));
    assert.deepEqual(JSON.parse(text), value);
  });

  it("copies no part when it encodes, and aligns them all", () => {
    const values = new Float64Array(1_000);
    const { chunks } = encodeObject("w", "t", { values });
    assert.ok(chunks.some((chunk) => chunk.buffer === values.buffer));
    let offset = 0;
    for (const chunk of chunks) {
      if (chunk.buffer === values.buffer) assert.equal(offset % 64, 0);
      offset += chunk.length;
    }
  });

  it("makes no copy of a typed array when it reads: the value has the memory that was read into", async () => {
    const { chunks } = encodeObject("w", "t", { values: new Float64Array(1_000).fill(0.5) });
    const object = openBytes(new Uint8Array(Buffer.concat(chunks)));
    const read: ArrayBuffer[] = [];
    const source = {
      byteLength: object.byteLength,
      async read(offset: number, length: number) {
        const bytes = await object.read(offset, length);
        read.push(bytes);
        return bytes;
      },
    };
    const { values } = await readValue(source, await readHeader(source)) as {
      values: Float64Array;
    };
    assert.equal(values[999], 0.5);
    assert.equal(read.filter((bytes) => bytes === values.buffer).length, 1);
  });

  it("refuses a newer format, saying so", async () => {
    const newer = encode();
    const text = new TextDecoder("latin1").decode(newer);
    assert.ok(text.includes('"format":1'));
    const changed = Buffer.from(text.replace('"format":1', '"format":2'), "latin1");
    // The digest must be right for the format to be looked at.
    const { createHash } = await import("node:crypto");
    const headBytes = (await readHeader(openBytes(newer))).payloadOffset;
    const digest = createHash("sha256").update(changed.subarray(0, 16))
      .update(changed.subarray(48, headBytes)).digest();
    changed.set(digest, 16);
    await assert.rejects(readHeader(openBytes(new Uint8Array(changed))), {
      name: "UnsupportedError",
      message: /format 2.*newer version/,
    });
  });
});
