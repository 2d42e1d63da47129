/** Arrays in the format HDF5, in files. */

import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { CodecError, isFuseError, UnsupportedError } from "../../core/errors.ts";
import type { Place } from "../object_store.ts";
import { loadHdf5 } from "../_libraries.ts";
import { isLazyArray, LazyArray, lazySource } from "./lazy_array.ts";
import {
  type ArraySource,
  boxesOf,
  bytesPerElement,
  checkChunks,
  chunksFor,
  type DType,
  dtypeOf,
  isNdArray,
  makeArray,
  type NdArray,
  sizeOf,
  sourceOf,
  type Span,
  type TypedArray,
} from "./nd_array.ts";
import type { Notes, Serializer } from "./serializer.ts";

type Hdf5 = Awaited<ReturnType<typeof loadHdf5>>;
type Dataset = InstanceType<Hdf5["Dataset"]>;

/** Options of {@link hdf5Serializer}. */
export interface Hdf5Options {
  /** The lengths of chunks, or a function that gives them. Default: rows that are about 1 MiB together. */
  chunks?: readonly number[] | ((shape: readonly number[], dtype: DType) => readonly number[]);
  /**
   * The level of compression with gzip, 1 to 9, or `false` for checksums in its place: the library writes one or the other.
   * Default: `false`.
   */
  compression?: number | false;
  /** Arrays with fewer bytes are stored with the rest of the value. Default: 0. */
  minBytes?: number;
}

const FILE = "data.h5";
const DATASET = "data";
const CHUNK_BYTES = 1024 * 1024;
// The library's memory grows with what is read at once, and never shrinks.
const MOST_BYTES_AT_ONCE = 32 * 1024 * 1024;
const FLETCHER32 = 3;

/**
 * Keeps arrays in the format HDF5, in a data set `data` of a file `data.h5`: in chunks with checksums, on storages of files.
 *
 * What is read back is a {@link LazyArray}, which can be stored again without being read as a whole. Arrays of 16-bit floats
 * are left to other serializers, as the library has none.
 *
 * @throws {TypeError} If an option is wrong.
 */
export function hdf5Serializer(
  options: Hdf5Options = {},
): Serializer<NdArray | LazyArray, LazyArray> {
  const { compression = false, minBytes = 0 } = options;
  if (
    compression !== false &&
    !(Number.isInteger(compression) && compression >= 1 && compression <= 9)
  ) {
    throw new TypeError(
      `Cannot make a serializer as 'compression' must be a whole number from 1 to 9 or false: current value is ${compression}.`,
    );
  }
  return {
    name: "hdf5",
    options,
    test: (value): value is NdArray | LazyArray =>
      isLazyArray(value)
        ? value.dtype !== "float16"
        : isNdArray(value) && value.data.byteLength >= minBytes &&
          dtypeOf(value.data) !== "float16",
    async save(value, place): Promise<Notes> {
      if (place.path === undefined) {
        throw new UnsupportedError(
          `Cannot store an array in the format HDF5 in ${place.location} as HDF5 needs a folder of files: ` +
            'use a storage of the kind "file", or zarrSerializer(), which writes to every storage.',
        );
      }
      const source = isLazyArray(value) ? lazySource(value) : sourceOf(value);
      mkdirSync(place.path, { recursive: true });
      await write(source, join(place.path, FILE), {
        ...options,
        compression,
      });
      const { isClamped = false, dtype } = source;
      return { isClamped, isBool: dtype === "bool" };
    },
    async load(place, notes) {
      const { isClamped, isBool } = notes as { isClamped: boolean; isBool: boolean };
      await checkSmall(place);
      const { digest } = place;
      return new LazyArray(
        await open(join(place.path!, FILE), DATASET, {
          isClamped,
          isBool,
          ...(digest && { digest }),
        }),
      );
    },
  };
}

/**
 * Opens a data set of a file in the format HDF5; not one of this library's making in particular.
 *
 * @throws {CodecError} If there is no such file or data set.
 * @throws {UnsupportedError} If its elements are no numbers.
 */
export async function openHdf5(path: string, dataset: string): Promise<LazyArray> {
  return new LazyArray(await open(resolve(path), dataset, {}));
}

async function write(
  source: ArraySource,
  path: string,
  { chunks, compression }: Hdf5Options,
): Promise<void> {
  const h5 = await loadReady();
  const { shape, dtype } = source;
  const file = atFixedTime(() => new h5.File(path, "w", { libver: "v110" }));
  try {
    if (shape.length === 0 || sizeOf(shape) === 0) {
      // Neither can be in chunks.
      const data = shape.length === 0 ? await source.read([]) : makeArray(dtype, 0)!;
      atFixedTime(() =>
        file.create_dataset({ name: DATASET, data: data as never, shape: [...shape] })
      );
      return;
    }
    const chunkShape = chunks === undefined
      ? chunksFor(shape, dtype, CHUNK_BYTES)
      : checkChunks(typeof chunks === "function" ? chunks(shape, dtype) : chunks, shape);
    const dataset = atFixedTime(() => {
      const empty = file.create_dataset({
        name: DATASET,
        data: makeArray(dtype, 0) as never,
        shape: shape.map(() => 0),
        maxshape: [...shape],
        chunks: chunkShape.map((length, axis) => Math.min(length, shape[axis])),
        compression: compression ? "gzip" : FLETCHER32,
        compression_opts: compression ? [compression] : [],
      });
      empty.resize([...shape]);
      return empty;
    });
    for (const box of boxesOf(shape, chunkShape)) {
      const data = await source.read(box);
      atFixedTime(() => dataset.write_slice(rangesOf(box), data));
    }
  } finally {
    atFixedTime(() => file.close());
  }
}

async function open(
  path: string,
  dataset: string,
  { digest, isClamped = false, isBool = false }: {
    digest?: string;
    isClamped?: boolean;
    isBool?: boolean;
  },
): Promise<ArraySource> {
  const h5 = await loadReady();
  return withDataset(h5, path, dataset, (data) => {
    const { shape, chunks } = data.metadata;
    const dtype = isBool ? "bool" : dtypeOfDataset(data, `${path}:${dataset}`);
    return {
      identity: digest ?? `${path}:${dataset}`,
      shape: shape!,
      dtype,
      isClamped,
      chunks: chunks ?? shape!,
      // The file is open only as long as something is read, so that nobody has to close it.
      read: (box) => withDataset(h5, path, dataset, (data) => readBox(data, dtype, box)),
    };
  });
}

function readBox(data: Dataset, dtype: DType, box: readonly Span[]): TypedArray {
  const counts = box.map(({ count }) => count);
  const array = makeArray(dtype, sizeOf(counts))!;
  if (box.length === 0) {
    array[0] = data.value as never;
    return array;
  }
  const rowBytes = sizeOf(counts.slice(1)) * bytesPerElement(dtype);
  const rows = Math.max(1, Math.floor(MOST_BYTES_AT_ONCE / rowBytes));
  const [{ start, count, step }, ...rest] = box;
  for (let row = 0; row < count; row += rows) {
    const slab = { start: start + row * step, count: Math.min(rows, count - row), step };
    const read = data.slice(rangesOf([slab, ...rest])) as TypedArray;
    array.set(read as never, row * sizeOf(counts.slice(1)));
  }
  return array;
}

function withDataset<T>(h5: Hdf5, path: string, name: string, use: (data: Dataset) => T): T {
  let file: InstanceType<Hdf5["File"]> | undefined;
  try {
    file = new h5.File(path, "r");
    const data = file.get(name);
    if (!(data instanceof h5.Dataset) || !data.shape) {
      throw new Error(`there is no data set ${name}`);
    }
    return use(data);
  } catch (error) {
    if (isFuseError(error)) throw error;
    throw new CodecError(
      `Cannot read ${name} in ${path}: the file is not there, altered, or has no such data set.`,
      { cause: error },
    );
  } finally {
    file?.close();
  }
}

function dtypeOfDataset({ metadata }: Dataset, where: string): DType {
  const type = metadata.enum_type?.type ?? metadata.type;
  const bits = metadata.size * 8;
  const isInteger = type === 0 && [8, 16, 32, 64].includes(bits);
  const isFloat = type === 1 && [32, 64].includes(bits);
  if (metadata.enum_type && "TRUE" in metadata.enum_type.members) return "bool";
  if (isInteger) return `${metadata.signed ? "" : "u"}int${bits}` as DType;
  if (isFloat) return `float${bits}` as DType;
  throw new UnsupportedError(
    `Cannot read ${where} as its elements are no numbers of a kind that typed arrays have.`,
  );
}

function rangesOf(box: readonly Span[]): [number, number, number][] {
  return box.map(({ start, count, step }) => [start, start + (count - 1) * step + 1, step]);
}

/** What fits into a block is checked as a whole; of a large file the library checks the chunks that it reads. */
async function checkSmall(place: Place): Promise<void> {
  await place.read(FILE, { offset: 0, length: 1 });
}

async function loadReady(): Promise<Hdf5> {
  const h5 = await loadHdf5();
  const library = await h5.ready;
  library.activate_throwing_error_handler();
  return h5;
}

/** The library writes the time into its files, by which two files with the same contents would differ. */
function atFixedTime<T>(action: () => T): T {
  const { now } = Date;
  Date.now = () => 0;
  try {
    return action();
  } finally {
    Date.now = now;
  }
}
