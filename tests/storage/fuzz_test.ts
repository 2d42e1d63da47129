/** Stored objects that were mutated at random: an error or the right value, whatever the bytes are. */

import fc from "fast-check";
import { isFuseError } from "functionfuse";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import process from "node:process";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { encodeValue } from "../../encoding/mod.ts";
import { packObject, readHeader, readValue } from "../../storage/codec.ts";
import { openBytes } from "../../storage/object_store.ts";

const MUTATIONS = 100_000;
// What the runtimes' collectors leave for later; a forged length would ask for far more.
const MOST_EXTRA_BYTES = 1024 * 1024 * 1024;
// One object at a time; none of them should take a moment.
const LONGEST_MS = 2_000;

const show = (value: unknown) => inspect(value, { depth: 8, maxArrayLength: 100 });

const pack = (value: unknown) =>
  packObject({ workflow: "fuzz", task: "sample" }, encodeValue(value)).chunks;

/** Objects of all encodings, with what they hold. */
function samples() {
  const cycle: Record<string, unknown> = { list: [1, { deep: "text" }] };
  cycle.self = cycle;
  const values = [
    { accuracy: 0.95, labels: ["a", "b"], nested: [[1, 2], null] },
    [new Date(5), undefined, -0, 12n, "$text", { at: NaN }],
    {
      cycle,
      map: new Map([[1, new Set(["x"])]]),
      error: new RangeError("wrong"),
      date: new Date(1),
    },
    { bytes: new Uint8Array(300).map((_, i) => i), floats: new Float64Array(40).fill(0.5) },
    Array.from({ length: 100 }, (_, i) => i / 3),
  ];
  return values.map((value) => {
    return { bytes: new Uint8Array(Buffer.concat(pack(value))), shown: show(value) };
  });
}

async function decode(bytes: Uint8Array): Promise<unknown> {
  const object = openBytes(bytes);
  const source = {
    byteLength: object.byteLength,
    read(offset: number, length: number) {
      assert.ok(length >= 0 && offset + length <= bytes.length, `${length} bytes at ${offset}`);
      return object.read(offset, length);
    },
  };
  return await readValue(source, await readHeader(source));
}

/** A change of one place: bits, a number, a run of bytes, a cut, a piece twice. */
const change = fc.record({
  kind: fc.constantFrom("flip", "set", "number", "cut", "extend", "swap", "digits"),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  to: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  value: fc.nat({ max: 0xffffffff }),
});
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never;

function apply(bytes: Uint8Array, { kind, at, to, value }: Change): Uint8Array {
  const copy = bytes.slice();
  const place = Math.floor(at * copy.length);
  const other = Math.floor(to * copy.length);
  switch (kind) {
    case "flip":
      copy[place] ^= 1 << value % 8;
      return copy;
    case "set":
      copy[place] = value;
      return copy;
    case "number":
      if (place + 4 <= copy.length) new DataView(copy.buffer).setUint32(place, value, true);
      return copy;
    case "cut":
      return copy.slice(0, place);
    case "extend":
      return new Uint8Array(Buffer.concat([copy, copy.subarray(place, place + value % 500)]));
    case "swap":
      copy.copyWithin(place, other, other + value % 64);
      return copy;
    default:
      // Lengths and indexes are digits: the first one after the place becomes others.
      for (let i = place; i < copy.length; i++) {
        if (copy[i] < 48 || copy[i] > 57) continue;
        copy[i] = 48 + value % 10;
        break;
      }
      return copy;
  }
}

/** Makes the digests right again, as somebody would who forges an object. */
function seal(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 48) return bytes;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(8, true);
  const end = Math.ceil((48 + length) / 64) * 64;
  if (end > bytes.length) return bytes;
  const sealed = bytes.slice();
  const text = Buffer.from(sealed.subarray(48, 48 + length)).toString("latin1");
  const payload = createHash("sha256").update(sealed.subarray(end)).digest("hex");
  const head = text.replace(/"payloadDigest":"[0-9a-f]{64}"/, `"payloadDigest":"${payload}"`);
  if (head.length === length) sealed.set(Buffer.from(head, "latin1"), 48);
  const digest = createHash("sha256").update(sealed.subarray(0, 16)).update(
    sealed.subarray(48, end),
  );
  sealed.set(digest.digest(), 16);
  return sealed;
}

/** What decoding gave, of which only two outcomes are right: an error of ours, or a value. */
async function outcome(bytes: Uint8Array): Promise<{ value: unknown } | undefined> {
  const started = performance.now();
  try {
    return { value: await decode(bytes) };
  } catch (error) {
    assert.ok(isFuseError(error, "CodecError", "UnsupportedError"), inspect(error));
    return undefined;
  } finally {
    assert.ok(performance.now() - started < LONGEST_MS, "it took too long");
  }
}

describe("A stored object", () => {
  it(`that was altered is never taken for a value: ${MUTATIONS.toLocaleString("en")} alterations`, async () => {
    const all = samples();
    const before = process.memoryUsage().rss;
    let refused = 0;
    const mutation = fc.tuple(
      fc.nat({ max: all.length - 1 }),
      fc.array(change, { minLength: 1, maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(mutation, async ([which, changes]) => {
        const { bytes, shown } = all[which];
        const mutated = changes.reduce(apply, bytes);
        const read = await outcome(mutated);
        if (!read) refused++;
        // A change may have left the bytes what they were.
        else assert.ok(Buffer.from(mutated).equals(bytes) && show(read.value) === shown);
      }),
      { numRuns: MUTATIONS },
    );
    assert.ok(refused > MUTATIONS * 0.8, `${refused} were refused`);
    assert.ok(process.memoryUsage().rss - before < MOST_EXTRA_BYTES);
  });

  it("that was forged, with digests that are right, gives an error or a value, and costs no memory", async () => {
    const all = samples();
    const before = process.memoryUsage().rss;
    const mutation = fc.tuple(
      fc.nat({ max: all.length - 1 }),
      fc.array(change, { minLength: 1, maxLength: 3 }),
    );
    let refused = 0;
    const RUNS = 30_000;
    await fc.assert(
      fc.asyncProperty(mutation, async ([which, changes]) => {
        if (!await outcome(seal(changes.reduce(apply, all[which].bytes)))) refused++;
      }),
      { numRuns: RUNS },
    );
    assert.ok(refused > RUNS / 4 && refused < RUNS, `${refused} were refused`);
    assert.ok(process.memoryUsage().rss - before < MOST_EXTRA_BYTES);
  });

  it("that names lengths of its own making is refused before memory is asked for", async () => {
    const bytes = new Uint8Array(Buffer.concat(pack({ bytes: new Uint8Array(64) })));
    const forge = (from: RegExp, to: string) => {
      const length = new DataView(bytes.buffer).getUint32(8, true);
      const text = Buffer.from(bytes.subarray(48, 48 + length)).toString("latin1");
      assert.match(text, from);
      const header = Buffer.from(text.replace(from, to), "latin1");
      const end = Math.ceil((48 + length) / 64) * 64;
      const head = new Uint8Array(Math.ceil((48 + header.length) / 64) * 64);
      head.set(bytes.subarray(0, 8));
      new DataView(head.buffer).setUint32(8, header.length, true);
      head.set(header, 48);
      return seal(new Uint8Array(Buffer.concat([head, bytes.subarray(end)])));
    };
    const parts = /"partBytes":\[64\]/;
    const forged = [
      forge(parts, '"partBytes":[9007199254740991]'),
      forge(parts, '"partBytes":[-64,128]'),
      forge(parts, '"partBytes":[1e308]'),
      forge(parts, '"partBytes":[null]'),
      forge(parts, '"partBytes":["64"]'),
      forge(parts, '"partBytes":{"length":4294967295}'),
      forge(parts, '"partBytes":[63.5]'),
      forge(/"textBytes":\d+/, '"textBytes":-1'),
      forge(/"textBytes":\d+/, '"textBytes":4000000000'),
      forge(/^\{.*\}$/s, "[]"),
      forge(/^\{.*\}$/s, "null"),
      forge(/^\{.*\}$/s, '{"format":1}'),
      forge(/^\{.*\}$/s, '{"format":'),
    ];
    const before = process.memoryUsage().rss;
    for (const object of forged) assert.equal(await outcome(object), undefined);
    assert.ok(process.memoryUsage().rss - before < MOST_EXTRA_BYTES);
  });
});
