/** Arrays that stay where they are stored, and are read in parts. */

import {
  type ArraySource,
  type DType,
  makeArray,
  type NdArray,
  sizeOf,
  type Span,
  type TypedArray,
} from "./nd_array.ts";

/**
 * Which part of an array: of each axis `null` for all, an index, which drops the axis, or `[start, stop]` or
 * `[start, stop, step]`, without `stop` itself. Numbers below zero count from the end. Axes that are not named are whole.
 */
export type ArraySelection = readonly (null | number | readonly [number, number, number?])[];

/**
 * An array that is stored: `get` reads a part of it, and no more than the chunks which that lies in.
 *
 * It may be read from at several places at once, and as long as the stored value is there.
 *
 * @example
 * ```ts
 * import { type LazyArray, storageFactory, zarrSerializer } from "functionfuse/storage";
 * import assert from "node:assert/strict";
 *
 * const storage = storageFactory({ kind: "memory", options: { serializers: [zarrSerializer()] } });
 * await storage.save("w", "image", { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3] });
 *
 * const image = await storage.readTask("w", "image") as LazyArray;
 * assert.deepEqual(image.shape, [2, 3]);
 * assert.deepEqual(await image.get([-1, [0, 2]]), { data: Float32Array.of(4, 5), shape: [2] });
 * ```
 */
export class LazyArray<A extends TypedArray = TypedArray> {
  /** The length of each axis. */
  readonly shape: readonly number[];
  /** The type of the elements. */
  readonly dtype: DType;
  /** The lengths of the chunks that it is stored in. */
  readonly chunks: readonly number[];
  /** How many elements it has. */
  readonly size: number;
  /** What tells its elements from others: a digest, or where a file of others is. */
  readonly identity: string;
  readonly #source: ArraySource<A>;

  /** An array that is read in boxes. */
  constructor(source: ArraySource<A>) {
    this.shape = source.shape;
    this.dtype = source.dtype;
    this.chunks = source.chunks;
    this.size = sizeOf(source.shape);
    this.identity = source.identity;
    this.#source = source;
  }

  /** Whether the elements are given in a `Uint8ClampedArray`. */
  get isClamped(): boolean {
    return this.#source.isClamped ?? false;
  }

  /** Reads all of it. */
  read(): Promise<NdArray<A>> {
    return this.get();
  }

  /**
   * Reads a part of it, in C order.
   *
   * @throws {RangeError} If there is no such part.
   * @throws {CodecError} If what is stored was altered or is not there any more.
   */
  async get(selection: ArraySelection = []): Promise<NdArray<A>> {
    const { shape, dtype } = this;
    if (selection.length > shape.length) {
      throw new RangeError(
        `Cannot read an array of ${shape.length} axes as 'selection' has ${selection.length}.`,
      );
    }
    const box = shape.map((length, axis) => spanOf(selection[axis] ?? null, axis, length));
    const counts = box.map(({ count }) => count);
    const read = sizeOf(counts) > 0 ? await this.#source.read(box) : makeArray(dtype, 0)!;
    const data = this.#source.isClamped ? new Uint8ClampedArray(read.buffer) : read;
    return {
      data: data as A,
      shape: counts.filter((_, axis) => typeof selection[axis] !== "number"),
    };
  }
}

/** Whether a value is a lazy array. */
export function isLazyArray(value: unknown): value is LazyArray {
  return value instanceof LazyArray;
}

/** A lazy array as what it is read from. */
export function lazySource(array: LazyArray): ArraySource {
  const { identity, shape, dtype, isClamped, chunks } = array;
  return {
    identity,
    shape,
    dtype,
    isClamped,
    chunks,
    read: async (box) =>
      (await array.get(
        box.map(({ start, count, step }) => [start, start + (count - 1) * step + 1, step]),
      )).data,
  };
}

function spanOf(part: ArraySelection[number], axis: number, length: number): Span {
  if (part === null) return { start: 0, count: length, step: 1 };
  if (typeof part === "number") {
    const index = part < 0 ? part + length : part;
    if (!Number.isInteger(index) || index < 0 || index >= length) throw outside(part, axis, length);
    return { start: index, count: 1, step: 1 };
  }
  const [first, last, step = 1] = part;
  const start = first < 0 ? first + length : first;
  const stop = last < 0 ? last + length : last;
  const isInside = [start, stop, step].every(Number.isInteger) && step >= 1 &&
    0 <= start && start <= stop && stop <= length;
  if (!isInside) throw outside(part, axis, length);
  return { start, count: Math.ceil((stop - start) / step), step };
}

function outside(part: number | readonly (number | undefined)[], axis: number, length: number) {
  return new RangeError(
    `Cannot read ${JSON.stringify(part)} of axis ${axis} as that has ${length} elements: ` +
      "an index must be in it, and a range have 'start' ≤ 'stop' and a 'step' of at least 1, in whole numbers.",
  );
}
