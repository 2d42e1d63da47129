/** Random arrays and tables, and what reading parts of them must give. */

import { type DataType, Table, tableFromArrays, vectorFromArray } from "apache-arrow";
import * as arrow from "apache-arrow";
import fc from "fast-check";
import type { ArraySelection, NdArray, TypedArray } from "functionfuse/storage";

type ArrayClass = new (buffer: ArrayBuffer) => TypedArray;

const CLASSES: ArrayClass[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  BigInt64Array,
  BigUint64Array,
  Float32Array,
  Float64Array,
];
// Where the runtime has it.
const { Float16Array: Half } = globalThis as { Float16Array?: ArrayClass };

/** A number of elements. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Arrays of every type, shape and order. */
export function arrays({ half = true, most = 6 } = {}): fc.Arbitrary<NdArray> {
  const classes = half && Half ? [...CLASSES, Half] : CLASSES;
  return fc.record({
    Class: fc.constantFrom(...classes),
    shape: fc.array(fc.integer({ min: 0, max: most }), { maxLength: 4 }),
    order: fc.constantFrom("C", "F", "C with a stride"),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
  }).map(({ Class, shape, order, seed }) => {
    const size = sizeOf(shape);
    const element = (Class as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
    // Bits of every kind: also -0, infinities and what is not a number.
    const bytes = Uint8Array.from(
      { length: size * element },
      (_, i) => Math.imul(seed + i, 0x9e3779b1) >>> 13,
    );
    const data = withoutPayloads(new Class(bytes.buffer));
    if (order === "C") return { data, shape };
    const stride = order === "F" ? stridesOf(shape.toReversed()).reverse() : stridesOf(shape);
    return { data, shape, stride };
  });
}

/** Engines don't keep the bits of what is not a number. */
function withoutPayloads(data: TypedArray): TypedArray {
  for (let i = 0; i < data.length; i++) if (Number.isNaN(data[i])) data[i] = NaN;
  return data;
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
}

/** Selections of an array of a shape, most of which are right. */
export function selections(shape: readonly number[]): fc.Arbitrary<ArraySelection> {
  const parts = shape.map((length) => {
    const ranges = fc.tuple(
      fc.integer({ min: 0, max: length }),
      fc.integer({ min: 0, max: length }),
      fc.integer({ min: 1, max: 3 }),
    ).map(([a, b, step]) => [Math.min(a, b), Math.max(a, b), step] as const);
    const all = fc.constant(null);
    return length === 0
      ? fc.oneof(all, ranges)
      : fc.oneof(all, ranges, fc.integer({ min: -length, max: length - 1 }));
  });
  return fc.tuple(...parts);
}

/** What a selection of an array in C or any order is, element by element. */
export function selectPlain(array: NdArray, selection: ArraySelection): NdArray {
  const { data, shape, stride = stridesOf(shape) } = array;
  const indices = shape.map((length, axis) => {
    const part = selection[axis] ?? null;
    const all = Array.from({ length }, (_, i) => i);
    if (part === null) return all;
    if (typeof part === "number") return [all.at(part)!];
    const [start, stop, step = 1] = part;
    return all.slice(start, stop).filter((_, i) => i % step === 0);
  });
  const out: unknown[] = [];
  const visit = (axis: number, offset: number): void => {
    if (axis === shape.length) out.push(data[offset]);
    else for (const index of indices[axis]) visit(axis + 1, offset + index * stride[axis]);
  };
  visit(0, 0);
  const Class = data.constructor as unknown as { from(values: unknown[]): TypedArray };
  return {
    data: Class.from(out),
    shape: indices.filter((_, axis) => typeof selection[axis] !== "number").map((list) =>
      list.length
    ),
  };
}

/** The kinds of columns that every format of tables keeps. */
const COLUMNS: [DataType, fc.Arbitrary<unknown>][] = [
  [new arrow.Int8(), fc.integer({ min: -128, max: 127 })],
  [new arrow.Uint16(), fc.integer({ min: 0, max: 65_535 })],
  [new arrow.Int32(), fc.integer()],
  [new arrow.Uint32(), fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  [new arrow.Int64(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [new arrow.Uint64(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [new arrow.Float32(), fc.float()],
  [new arrow.Float64(), fc.double()],
  [new arrow.Bool(), fc.boolean()],
  [new arrow.Utf8(), fc.string({ unit: "grapheme" })],
  [new arrow.DateDay(), fc.integer({ min: -9_999, max: 99_999 }).map((day) => day * 86_400_000)],
  [new arrow.TimestampMillisecond(), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })],
  [new arrow.TimestampMicrosecond("UTC"), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })],
];

/** Tables with columns of every kind, with and without nulls. */
export function tables({ most = 200 } = {}): fc.Arbitrary<Table> {
  return fc.integer({ min: 0, max: most }).chain((length) =>
    fc.array(
      fc.constantFrom(...COLUMNS).chain(([type, values]) =>
        fc.record({
          type: fc.constant(type),
          values: fc.array(fc.option(values, { freq: 5 }), {
            minLength: length,
            maxLength: length,
          }),
        })
      ),
      { minLength: 1, maxLength: 4 },
    ).map((columns) =>
      length === 0 ? tableFromArrays({ none: new Int32Array() }) : new Table(
        Object.fromEntries(
          columns.map(({ type, values }, i) => [`column ${i}`, vectorFromArray(values, type)]),
        ),
      )
    )
  );
}

/** A table's columns as lists. */
export function listsOf(table: Table): Record<string, unknown[]> {
  return Object.fromEntries(
    table.schema.fields.map(({ name }) => [name, [...table.getChild(name)!]]),
  );
}
