/** Arrays in the format Zarr, version 3: in chunks, on any storage. */

import { CodecError, isFuseError, UnsupportedError } from "../../core/errors.ts";
import type { Place } from "../object_store.ts";
import { loadZarr } from "../_libraries.ts";
import { crc32c } from "./_crc32c.ts";
import { placeOfFolder } from "./_files.ts";
import { isLazyArray, LazyArray, lazySource } from "./lazy_array.ts";
import {
  type ArraySource,
  boxesOf,
  checkChunks,
  chunksFor,
  copyBox,
  type DType,
  isNdArray,
  makeArray,
  type NdArray,
  sourceOf,
  type Span,
  stridesOf,
  type TypedArray,
} from "./nd_array.ts";
import type { Notes, Serializer } from "./serializer.ts";

type Zarr = Awaited<ReturnType<typeof loadZarr>>;
type ZarrArray = Parameters<Zarr["get"]>[0];

/** Options of {@link zarrSerializer}. */
export interface ZarrOptions {
  /** The lengths of chunks, or a function that gives them. Default: rows that are about 2 MiB together. */
  chunks?: readonly number[] | ((shape: readonly number[], dtype: DType) => readonly number[]);
  /** The level of compression with Zstandard, 1 to 22; `false` for none. Default: 1. */
  compression?: number | false;
  /** Arrays with fewer bytes are stored with the rest of the value. Default: 0. */
  minBytes?: number;
}

const CHUNK_BYTES = 2 * 1024 * 1024;
const CHUNKS_AT_ONCE = 8;

/**
 * Keeps arrays in the format Zarr, version 3: in chunks that are compressed and have checksums, on any storage.
 *
 * What is read back is a {@link LazyArray}, which can be stored again without being read as a whole.
 *
 * @throws {TypeError} If an option is wrong.
 */
export function zarrSerializer(
  options: ZarrOptions = {},
): Serializer<NdArray | LazyArray, LazyArray> {
  const { compression = 1, minBytes = 0 } = options;
  if (
    compression !== false &&
    !(Number.isInteger(compression) && compression >= 1 && compression <= 22)
  ) {
    throw new TypeError(
      `Cannot make a serializer as 'compression' must be a whole number from 1 to 22 or false: current value is ${compression}.`,
    );
  }
  return {
    name: "zarr",
    options,
    test: (value): value is NdArray | LazyArray =>
      isLazyArray(value) || isNdArray(value) && value.data.byteLength >= minBytes,
    async save(value, place): Promise<Notes> {
      const source = isLazyArray(value) ? lazySource(value) : sourceOf(value);
      await write(source, place, { ...options, compression });
      return source.isClamped ? { isClamped: true } : null;
    },
    async load(place, notes) {
      const { isClamped = false } = (notes ?? {}) as { isClamped?: boolean };
      return new LazyArray(await open(place, isClamped));
    },
  };
}

/**
 * Opens an array in the format Zarr, version 2 or 3, in a folder; not one of this library's making in particular.
 *
 * @throws {UnsupportedError} If its elements are no numbers, or compressed in a way that is not known.
 */
export async function openZarr(path: string): Promise<LazyArray> {
  return new LazyArray(await open(placeOfFolder(path), false));
}

async function write(
  source: ArraySource,
  place: Place,
  { chunks, compression }: ZarrOptions,
): Promise<void> {
  const zarr = await loadChecked();
  const { shape, dtype } = source;
  const chunkShape = chunks === undefined
    ? chunksFor(shape, dtype, CHUNK_BYTES)
    : checkChunks(typeof chunks === "function" ? chunks(shape, dtype) : chunks, shape);
  const array = await zarr.create(storeOf(place), {
    shape: [...shape],
    chunkShape,
    dtype,
    fillValue: 0 as never,
    codecs: [
      { name: "bytes", configuration: { endian: "little" } },
      ...compression
        ? [{ name: "zstd", configuration: { level: compression, checksum: false } }]
        : [],
      { name: "crc32c", configuration: {} },
    ],
  });
  await forEachAtOnce(boxesOf(shape, chunkShape), async (box) => {
    const counts = box.map(({ count }) => count);
    const data = await source.read(box);
    const selection = box.map(({ start, count }) => zarr.slice(start, start + count));
    const chunk = { data, shape: counts, stride: stridesOf(counts) };
    await zarr.set(array, selection, (shape.length === 0 ? data[0] : chunk) as never);
  });
}

/** A few at a time, so that a store over a network is busy and memory is not. */
async function forEachAtOnce<T>(items: Iterable<T>, act: (item: T) => Promise<void>) {
  const waiting = items[Symbol.iterator]();
  let isFailed = false;
  const goOn = async () => {
    for (let next = waiting.next(); !next.done && !isFailed; next = waiting.next()) {
      await act(next.value).catch((error) => {
        isFailed = true;
        throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, goOn));
}

async function open(place: Place, isClamped: boolean): Promise<ArraySource> {
  const zarr = await loadChecked();
  const array = await zarr.open(storeOf(place), { kind: "array" }).catch((error) => {
    throw zarr.isZarritaError(error, "NotFoundError")
      ? new CodecError(`There is no array in the format Zarr in ${place.location}.`, {
        cause: error,
      })
      : explain(zarr, error, place);
  });
  const dtype = array.dtype as DType;
  if (!/^(bool|u?int(8|16|32|64)|float(16|32|64))$/.test(dtype) || !makeArray(dtype, 0)) {
    throw new UnsupportedError(
      `The array in ${place.location} has elements of the type ${dtype}, which this runtime has no arrays for.`,
    );
  }
  return {
    identity: place.digest ?? place.location,
    shape: array.shape,
    dtype,
    isClamped,
    chunks: array.chunks,
    async read(box) {
      try {
        return await readBox(zarr, array, box);
      } catch (error) {
        throw explain(zarr, error, place);
      }
    },
  };
}

async function readBox(zarr: Zarr, array: ZarrArray, box: readonly Span[]): Promise<TypedArray> {
  const dtype = array.dtype as DType;
  const selection = box.map(({ start, count, step }) =>
    zarr.slice(start, start + (count - 1) * step + 1, step)
  );
  const read = await zarr.get(array, selection, { createQueue }) as unknown;
  if (box.length === 0) {
    const scalar = makeArray(dtype, 1)!;
    scalar[0] = (typeof read === "boolean" ? Number(read) : read) as never;
    return scalar;
  }
  const { data, stride } = read as { data: TypedArray; stride: number[] };
  // Truth values are in an array of the library's own.
  const elements = dtype === "bool" ? new Uint8Array(data.buffer) : data;
  const counts = box.map(({ count }) => count);
  if (stridesOf(counts).every((distance, axis) => distance === stride[axis])) return elements;
  return copyBox(elements, stride, counts.map((count) => ({ start: 0, count, step: 1 })));
}

/** Zarrita asks for all chunks of a box at once otherwise. */
function createQueue() {
  const waiting: (() => Promise<void>)[] = [];
  return {
    add: (task: () => Promise<void>) => void waiting.push(task),
    onIdle: async () => {
      await forEachAtOnce(waiting, (task) => task());
      return [];
    },
  };
}

/** A place as what Zarrita calls a store: its keys begin with a slash. */
function storeOf(place: Place) {
  type Range = { offset: number; length: number } | { suffixLength: number };
  return {
    get: (key: string) => place.read(key.slice(1)),
    async getRange(key: string, range: Range) {
      if ("offset" in range) return await place.read(key.slice(1), range);
      const size = await place.size(key.slice(1));
      if (size === undefined) return undefined;
      const offset = Math.max(0, size - range.suffixLength);
      return await place.read(key.slice(1), { offset, length: size - offset });
    },
    set: (key: string, bytes: Uint8Array) =>
      place.write(key.slice(1), bytes as Uint8Array<ArrayBuffer>),
  };
}

/** Zarrita does not write checksums, nor look at them. */
class Crc32c {
  readonly kind = "bytes_to_bytes";

  static fromConfig() {
    return new Crc32c();
  }

  encode(bytes: Uint8Array): Uint8Array {
    const out = new Uint8Array(bytes.length + 4);
    out.set(bytes);
    new DataView(out.buffer).setUint32(bytes.length, crc32c(bytes), true);
    return out;
  }

  decode(bytes: Uint8Array): Uint8Array {
    const content = bytes.subarray(0, -4);
    const [a, b, c, d] = bytes.subarray(-4);
    if (crc32c(content) === (a | b << 8 | c << 16 | d << 24) >>> 0) return content;
    throw new CodecError("A chunk was altered: its checksum is another.");
  }

  computeEncodedSize(size: number): number {
    return size + 4;
  }
}

async function loadChecked(): Promise<Zarr> {
  const zarr = await loadZarr();
  zarr.registry.set("crc32c", () => Promise.resolve(Crc32c as never));
  return zarr;
}

function explain(zarr: Zarr, error: unknown, place: Place): unknown {
  const cause = (error as Error)?.cause;
  if (isFuseError(cause)) return cause;
  // Of types that it does not know, it throws just this.
  const isUnknown = error instanceof TypeError ||
    zarr.isZarritaError(error, "UnknownCodecError", "UnsupportedError");
  if (!isUnknown && !zarr.isZarritaError(error)) return error;
  const message = `Cannot read the array in ${place.location}: ${(error as Error).message}`;
  return isUnknown
    ? new UnsupportedError(message, { cause: error })
    : new CodecError(message, { cause: error });
}
