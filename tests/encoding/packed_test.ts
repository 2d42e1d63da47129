import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { packValue, unpackValue } from "../../encoding/packed.ts";

describe("A packed value", () => {
  it("comes back as it was", () => {
    const leaf = fc.oneof(
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true }),
      fc.float64Array(),
      fc.uint8Array(),
    ).filter((value) => !hasNoPrototype(value));
    fc.assert(fc.property(fc.array(leaf), (value) => {
      assert.deepEqual(unpackValue(packValue(value)), value);
    }));
  });

  it("may lie anywhere in other bytes", () => {
    const value = {
      big: new Float64Array(1_000).map((_, i) => i / 3),
      text: "é",
      at: [new Date(7)],
    };
    const packed = packValue(value);
    for (const offset of [0, 1, 7]) {
      const bytes = new Uint8Array(packed.length + offset + 3);
      bytes.set(packed, offset);
      const found = bytes.subarray(offset, offset + packed.length);
      const unpacked = unpackValue(found) as typeof value;
      bytes.fill(0);
      assert.deepEqual(unpacked, value);
    }
  });

  it("keeps what is shared, and cycles", () => {
    const shared = new Uint8Array([1, 2]);
    const value: { a: unknown; b: unknown; self?: unknown } = { a: shared, b: shared };
    value.self = value;
    const unpacked = unpackValue(packValue(value)) as typeof value;
    assert.equal(unpacked.self, unpacked);
    assert.equal(unpacked.a, unpacked.b);
  });

  it("is refused where bytes are missing, or are others", () => {
    const packed = packValue({ big: new Float64Array(3), text: "é" });
    const refused = { name: "CodecError", message: /not those of one/ };
    for (let length = 0; length < packed.length; length++) {
      assert.throws(() => unpackValue(packed.subarray(0, length)), refused);
    }
    assert.throws(() => unpackValue(new Uint8Array(100)), refused);
    assert.throws(() => unpackValue(new Uint8Array([...packed, 0])), refused);
  });

  it("is refused where a part can't be encoded", () => {
    assert.throws(() => packValue({ f: () => 1 }), { name: "CodecError", message: /\.f/ });
  });
});

function hasNoPrototype(value: unknown): boolean {
  let found = false;
  const seen = new Set<unknown>();
  const look = (part: unknown) => {
    if (typeof part !== "object" || part === null || seen.has(part)) return;
    seen.add(part);
    if (Object.getPrototypeOf(part) === null || Object.hasOwn(part, "__proto__")) found = true;
    const inner = part instanceof Map ? [...part].flat() : part instanceof Set ? [...part] : [];
    for (const next of [...inner, ...Object.values(part)]) look(next);
  };
  look(value);
  return found;
}
