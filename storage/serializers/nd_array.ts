/** Arrays of numbers with several axes. */

/** Every kind of typed array. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** The type of an array's elements; `bool` is read as `Uint8Array` of zeros and ones. */
export type DType =
  | "bool"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float16"
  | "float32"
  | "float64";

/**
 * An array of numbers with any number of axes.
 *
 * The elements are in C order, the last axis first, unless `stride` says how far apart neighbours on each axis are.
 */
export interface NdArray<A extends TypedArray = TypedArray> {
  /** The elements. */
  readonly data: A;
  /** The length of each axis; none of an array of a single number. */
  readonly shape: readonly number[];
  /** The distance of neighbours on each axis, in elements. Default: C order. */
  readonly stride?: readonly number[];
}

/** Of one axis: the indices `start`, `start + step`, …, `count` in all. */
export interface Span {
  /** The first index. */
  readonly start: number;
  /** How many there are. */
  readonly count: number;
  /** The distance of one to the next. */
  readonly step: number;
}

/** An array that is read in boxes: a span of each axis, given in C order. */
export interface ArraySource<A extends TypedArray = TypedArray> {
  /** What tells the elements from others: a digest of them, or where they are. */
  readonly identity: string;
  /** The length of each axis. */
  readonly shape: readonly number[];
  /** The type of the elements. */
  readonly dtype: DType;
  /** Whether the elements, of the type `uint8`, are given in a `Uint8ClampedArray`. Default: `false`. */
  readonly isClamped?: boolean;
  /** The lengths of the boxes that cost least to read. */
  readonly chunks: readonly number[];
  /** Reads a box of at least one element. */
  read(box: readonly Span[]): A | Promise<A>;
}

type ArrayClass = new (length: number) => TypedArray;

/** The dtype of a typed array, by the name of its standard class. */
export function dtypeOf(data: TypedArray): DType {
  const name = Object.prototype.toString.call(data).slice("[object ".length, -1);
  if (name === "Uint8ClampedArray") return "uint8";
  return name.replace(/^Big/, "").replace(/Array$/, "").toLowerCase() as DType;
}

/** An array of zeros; `undefined` where the runtime has no such arrays. */
export function makeArray(dtype: DType, length: number): TypedArray | undefined {
  const name = dtype === "bool"
    ? "Uint8Array"
    : `${dtype[0].toUpperCase()}${dtype.slice(1)}Array`.replace(/^(Int|Uint)64/, "Big$164");
  const Found = (globalThis as Record<string, unknown>)[name] as ArrayClass | undefined;
  return Found && new Found(length);
}

/** The size of an element in bytes. */
export function bytesPerElement(dtype: DType): number {
  return dtype === "bool" ? 1 : Number(/\d+$/.exec(dtype)![0]) / 8;
}

/** The product of all lengths. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Whether a value is an array with axes and nothing else: its shape fits to its elements. */
export function isNdArray(value: unknown): value is NdArray {
  if (typeof value !== "object" || value === null || !("shape" in value && "data" in value)) {
    return false;
  }
  const { data, shape, stride } = value as Record<string, unknown>;
  if (!ArrayBuffer.isView(data) || data instanceof DataView || !isLengths(shape)) return false;
  const keys = Object.keys(value);
  if (keys.length !== (stride === undefined && !("stride" in value) ? 2 : 3)) return false;
  const { length } = data as TypedArray;
  if (stride === undefined) return sizeOf(shape) === length;
  return isLengths(stride) && stride.length === shape.length &&
    (sizeOf(shape) === 0 || offsetOf(stride, shape.map((count) => count - 1)) < length);
}

function isLengths(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((length) => Number.isSafeInteger(length) && length >= 0);
}

/** An array in memory as one that is read in boxes. */
export function sourceOf(array: NdArray): ArraySource {
  const { data, shape, stride = stridesOf(shape) } = array;
  return {
    identity: "memory",
    shape,
    dtype: dtypeOf(data),
    isClamped: data instanceof Uint8ClampedArray,
    chunks: shape,
    read: (box) => copyBox(data, stride, box),
  };
}

/** The distances of neighbours in C order. */
export function stridesOf(shape: readonly number[]): number[] {
  let distance = 1;
  return shape.toReversed().map((length) => {
    const stride = distance;
    distance *= length;
    return stride;
  }).reverse();
}

/** Copies a box of an array into a dense one. */
export function copyBox(
  data: TypedArray,
  strides: readonly number[],
  box: readonly Span[],
): TypedArray {
  const out = makeArray(dtypeOf(data), sizeOf(box.map(({ count }) => count)))!;
  const axes = mergeAxes(
    box.map(({ count, step }, axis) => ({ count, stride: strides[axis] * step })),
  );
  let at = 0;
  const copy = (axis: number, from: number): void => {
    const { count, stride } = axes[axis];
    if (axis < axes.length - 1) {
      for (let i = 0; i < count; i++) copy(axis + 1, from + i * stride);
    } else if (stride === 1) {
      out.set(data.subarray(from, from + count) as never, at);
      at += count;
    } else {
      for (let i = 0; i < count; i++) out[at++] = data[from + i * stride];
    }
  };
  copy(0, offsetOf(strides, box.map(({ start }) => start)));
  return out;
}

/** Axes that follow one another without a gap are one. */
function mergeAxes(axes: readonly { count: number; stride: number }[]) {
  const merged = [{ count: 1, stride: 1 }];
  for (const { count, stride } of axes.filter(({ count }) => count !== 1)) {
    const before = merged.at(-1)!;
    if (before.stride === count * stride && merged.length > 1) {
      merged[merged.length - 1] = { count: before.count * count, stride };
    } else merged.push({ count, stride });
  }
  return merged;
}

function offsetOf(strides: readonly number[], indices: readonly number[]): number {
  return strides.reduce((sum, stride, axis) => sum + stride * indices[axis], 0);
}

/** The lengths of chunks of about so many bytes, with rows as whole as can be. */
export function chunksFor(shape: readonly number[], dtype: DType, targetBytes: number): number[] {
  const MOST_CHUNKS = 10_000;
  const total = sizeOf(shape);
  const target = Math.max(targetBytes / bytesPerElement(dtype), total / MOST_CHUNKS);
  const chunks = shape.map((length) => Math.max(1, length));
  for (let axis = 0; axis < chunks.length && sizeOf(chunks) > target; axis++) {
    const rest = sizeOf(chunks.slice(axis + 1));
    const count = Math.ceil(chunks[axis] / Math.max(1, Math.floor(target / rest)));
    chunks[axis] = Math.ceil(chunks[axis] / count);
  }
  return chunks;
}

/** Checks lengths of chunks that were asked for. */
export function checkChunks(chunks: readonly number[], shape: readonly number[]): number[] {
  const isRight = chunks.length === shape.length &&
    chunks.every((length) => Number.isSafeInteger(length) && length >= 1);
  if (isRight) return [...chunks];
  throw new TypeError(
    `Cannot store an array of the shape ${
      JSON.stringify(shape)
    } as 'chunks' must have a whole number of at least 1 ` +
      `for each axis: current value is ${JSON.stringify(chunks)}.`,
  );
}

/** All boxes of a grid over an array, in C order. */
export function* boxesOf(shape: readonly number[], chunks: readonly number[]): Generator<Span[]> {
  if (sizeOf(shape) === 0) return;
  const starts = shape.map(() => 0);
  while (true) {
    yield starts.map((start, axis) => ({
      start,
      count: Math.min(chunks[axis], shape[axis] - start),
      step: 1,
    }));
    let axis = shape.length - 1;
    while (axis >= 0 && (starts[axis] += chunks[axis]) >= shape[axis]) starts[axis--] = 0;
    if (axis < 0) return;
  }
}
