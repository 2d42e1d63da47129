/** Values that are arrays of numbers, however they are kept. */

import { copyBox, isNdArray } from "../storage/serializers/nd_array.ts";

/** Numbers in the order of rows, and the length of each dimension. */
export interface NumericArray {
  readonly data: ArrayBufferView & ArrayLike<number | bigint>;
  readonly shape: readonly number[];
  /** Whether the numbers stand for false and true. */
  readonly areTruths?: boolean;
}

/** An array of several dimensions as libraries keep them: its numbers, one after the other, and its shape. */
export function shapedArray(
  value: object,
): { data: ArrayLike<number | bigint>; shape: readonly number[] } | undefined {
  const { data, shape } = value as { data?: unknown; shape?: unknown };
  // Then the numbers are in another order.
  if ("stride" in value) return undefined;
  if (!Array.isArray(shape) || !shape.every((n) => Number.isInteger(n) && n >= 0)) return undefined;
  if (!isNumberView(data) && !(Array.isArray(data) && data.every((n) => typeof n === "number"))) {
    return undefined;
  }
  const numbers = data as ArrayLike<number>;
  return shape.reduce((size, n) => size * n, 1) === numbers.length
    ? { data: numbers, shape }
    : undefined;
}

/** The array that a value is: a typed array, one with its shape, or lists of numbers that are equally long. */
export function arrayOf(value: unknown): NumericArray | undefined {
  if (isNumberView(value)) return { data: value, shape: [value.length] };
  if (Array.isArray(value)) return nestedArray(value);
  if (isNdArray(value) && value.stride) {
    const box = value.shape.map((count) => ({ start: 0, count, step: 1 }));
    return { data: copyBox(value.data, value.stride, box), shape: value.shape };
  }
  const shaped = typeof value === "object" && value !== null ? shapedArray(value) : undefined;
  if (!shaped) return undefined;
  const data = isNumberView(shaped.data) ? shaped.data : Float64Array.from(shaped.data as number[]);
  return { data, shape: shaped.shape };
}

function isNumberView(value: unknown): value is Float64Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** JavaScript's numbers become float64, its big integers int64, truth values bool. */
function nestedArray(value: readonly unknown[]): NumericArray | undefined {
  const shape = shapeOf(value);
  const leaves: unknown[] = [];
  if (!shape || !flatten(value, shape, 0, leaves)) return undefined;
  const kinds = new Set(leaves.map((leaf) => typeof leaf));
  const are = (kind: string) => [...kinds].every((other) => other === kind);
  if (are("number")) return { data: Float64Array.from(leaves as number[]), shape };
  if (are("boolean")) return { data: Uint8Array.from(leaves as never), shape, areTruths: true };
  const fit = (leaf: unknown) => BigInt.asIntN(64, leaf as bigint) === leaf;
  if (are("bigint") && leaves.every(fit)) {
    return { data: BigInt64Array.from(leaves as bigint[]), shape };
  }
}

/** The lengths along the first elements; `undefined` if they lead back to where they came from. */
function shapeOf(value: readonly unknown[]): number[] | undefined {
  const MOST_DIMENSIONS = 32;
  const shape: number[] = [];
  for (let inner: unknown = value; Array.isArray(inner) || isNumberView(inner); inner = inner[0]) {
    shape.push(inner.length);
    if (shape.length > MOST_DIMENSIONS) return undefined;
  }
  return shape;
}

/** Whether all lists of a depth are as long as the shape says. */
function flatten(
  list: unknown,
  shape: readonly number[],
  depth: number,
  leaves: unknown[],
): boolean {
  if (!(Array.isArray(list) || isNumberView(list)) || list.length !== shape[depth]) return false;
  const isLast = depth === shape.length - 1;
  for (const element of list) {
    if (isLast) leaves.push(element);
    else if (!flatten(element, shape, depth + 1, leaves)) return false;
  }
  return true;
}
