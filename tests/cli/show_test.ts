import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { showValue } from "../../cli/_show.ts";
import { showBytes, showDuration } from "../../cli/_text.ts";

describe("A value is shown", () => {
  const cases: [what: string, value: unknown, text: string][] = [
    ["a number", -0, "-0"],
    ["a big integer", 5n, "5n"],
    ["a text", 'a "b"\n\x1b\u202e', String.raw`"a \"b\"\n\u001b\u202e"`],
    ["a long text", "x".repeat(1_003), `"${"x".repeat(1_000)}"… and 3 more characters`],
    ["a short array", [1, "a", null, undefined], '[1, "a", null, undefined]'],
    ["nothing in a list", [[], {}, new Map(), new Set()], "[[], {}, Map(0) {}, Set(0) {}]"],
    ["a list with holes", [1, , 3], "[1, (empty), 3]"],
    ["a typed array", new Float32Array([0.5, 1]), "Float32Array(2) [0.5, 1]"],
    ["big integers", new BigInt64Array([1n]), "BigInt64Array(1) [1n]"],
    ["bytes", new Uint8Array([1, 2]).buffer, "ArrayBuffer(2) [1, 2]"],
    [
      "a long list",
      Array.from({ length: 5_000 }, (_, i) => i / 3),
      "Array(5,000) [0, 0.333333, 0.666667, 1, 1.33333, 1.66667, 2, 2.33333, …]",
    ],
    [
      "an array with its shape",
      { data: new Uint8Array(28 * 28), shape: [28, 28] },
      "28 × 28 Uint8Array(784) [0, 0, 0, 0, 0, 0, 0, 0, …]",
    ],
    [
      "data with another shape",
      { data: new Uint8Array(2), shape: [3] },
      "{ data: Uint8Array(2) [0, 0], shape: [3] }",
    ],
    ["a map", new Map<unknown, unknown>([["a", 1], [2, [3]]]), 'Map(2) { "a" → 1, 2 → [3] }'],
    ["a set", new Set([1, "a"]), 'Set(2) { 1, "a" }'],
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["no date", new Date(NaN), "Invalid Date"],
    ["an expression", /a\/b/g, "/a\\/b/g"],
    ["a boxed number", Object(3), "[boxed 3]"],
    [
      "an error",
      Object.assign(new RangeError("far", { cause: 1 }), { code: 7 }),
      "RangeError: far { code: 7, cause: 1 }",
    ],
    ["awkward keys", { "a b": 1, é: 2, "": 3 }, '{ "a b": 1, é: 2, "": 3 }'],
    ["depth", { a: { b: { c: { d: { e: 1 } } } } }, "{ a: { b: { c: { d: {e} } } } }"],
    [
      "an instance",
      new (class Model {
        slope = 2;
      })(),
      "Model { slope: 2 }",
    ],
  ];
  for (const [what, value, text] of cases) {
    it(`if it is ${what}`, () =>
      assert.equal(
        showValue(value),
        text,
      ));
  }

  it("if it leads back to itself, or is very deep", () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    assert.equal(showValue(cyclic), "{ self: [circular] }");
    let deep: unknown[] = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    assert.equal(showValue(deep, { all: true }), "A value that is nested too deeply to be shown.");
    assert.ok(showValue(deep).length < 100);
  });

  it("on several lines if there is no room on one", () => {
    const text = showValue({ name: "x".repeat(90), list: [1, 2], inner: { y: "y".repeat(20) } });
    assert.equal(
      text,
      `{\n  name: "${"x".repeat(90)}",\n  list: [1, 2],\n  inner: { y: "${"y".repeat(20)}" }\n}`,
    );
  });

  it("in few lines, however large it is; and whole if all is asked for", () => {
    const wide = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`key ${i}`, { list: Array(500).fill({ a: 1 }) }]),
    );
    const some = showValue(wide);
    assert.ok(some.split("\n").length < 1_000, `${some.split("\n").length} lines`);
    assert.match(some, /… and 440 more\n}$/);
    const all = showValue(Array.from({ length: 1_000 }, (_, i) => i), { all: true });
    assert.match(all, /^Array\(1,000\) \[\n  0, 1, 2, [^]*, 998, 999\n\]$/);
    assert.ok(all.split("\n").every((line) => line.length <= 104));
  });
});

describe("Sizes and times are shown", () => {
  it("in the unit that fits", () => {
    const sizes = [0, 999, 1_000, 999_940, 999_960, 8e6, 3e15].map(showBytes);
    assert.deepEqual(sizes, [
      "0 B",
      "999 B",
      "1.0 kB",
      "999.9 kB",
      "1.0 MB",
      "8.0 MB",
      "3000.0 TB",
    ]);
    const edges = [9.96, 999.6, 59_970, 119_600].map(showDuration);
    assert.deepEqual(edges, ["10 ms", "1.0 s", "1 min 0 s", "2 min 0 s"]);
    const times = [0.25, 40, 12_345, 200_000].map(showDuration);
    assert.deepEqual(times, ["0.3 ms", "40 ms", "12.3 s", "3 min 20 s"]);
  });
});
