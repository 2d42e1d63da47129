/** Tables in the format Parquet, on any storage. */

import * as zlib from "node:zlib";
import { CodecError, isFuseError, UnsupportedError } from "../../core/errors.ts";
import type { Place } from "../object_store.ts";
import { loadArrow, loadParquet, loadParquetWriter } from "../_libraries.ts";
import { checkRows, checkTable } from "./arrow.ts";
import { placeOfFile } from "./_files.ts";
import {
  type Arrow,
  type ArrowTable,
  isTable,
  LazyTable,
  piecesOf,
  sourceOfTable,
  type TableSource,
} from "./lazy_table.ts";
import { elementOf, type ParquetElement, typeOf, valuesOf, vectorOf } from "./_parquet_columns.ts";
import type { Notes, Serializer } from "./serializer.ts";

type Parquet = Awaited<ReturnType<typeof loadParquet>>;
type Metadata = Awaited<ReturnType<Parquet["parquetMetadataAsync"]>>;
type Vector = InstanceType<Arrow["Vector"]>;

/** Options of {@link parquetSerializer}. */
export interface ParquetOptions {
  /** How many rows a row group has. Default: 65536. */
  groupRows?: number;
  /** Whether columns are compressed, with Snappy. Default: `true`. */
  compression?: boolean;
}

const FILE = "data.parquet";
const FORMAT = "parquet";
const GROUP_ROWS = 65_536;

/**
 * Keeps tables of `apache-arrow` in the format Parquet, compressed with Snappy, on any storage.
 *
 * Columns may be of numbers, truth values, texts, bytes, dates and timestamps, with or without nulls; columns with
 * dictionaries come back as what the dictionary has, and seconds as milliseconds. What is read back is a {@link LazyTable},
 * which reads only the columns and pages that it is asked for.
 *
 * @throws {TypeError} If an option is wrong.
 */
export function parquetSerializer(
  options: ParquetOptions = {},
): Serializer<ArrowTable | LazyTable, LazyTable> {
  const { groupRows = GROUP_ROWS, compression = true } = options;
  checkRows("groupRows", groupRows);
  return {
    name: "parquet",
    options,
    test: isTable,
    async save(table, place): Promise<Notes> {
      const bytes = table instanceof LazyTable && sourceOfTable(table).format === FORMAT
        ? await sourceOfTable(table).readFile()
        : await encode(table, groupRows, compression);
      await place.write(FILE, bytes);
      return null;
    },
    load: async (place) => new LazyTable(await open(place, FILE)),
  };
}

/**
 * Opens a file in the format Parquet; not one of this library's making in particular.
 *
 * @throws {CodecError} If there is no such file.
 */
export async function openParquet(path: string): Promise<LazyTable> {
  const { place, name } = placeOfFile(path);
  return new LazyTable(await open(place, name));
}

async function encode(
  table: ArrowTable | LazyTable,
  groupRows: number,
  compression: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const [arrow, { ByteWriter, ParquetWriter }] = await Promise.all([
    loadArrow(),
    loadParquetWriter(),
  ]);
  if (!(table instanceof LazyTable)) checkTable(arrow, table);
  const { schema } = table instanceof LazyTable ? await table.read({ rows: [0, 0] }) : table;
  const elements = schema.fields.map((field) => elementOf(arrow, field));
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({
    writer,
    schema: [{ name: "root", num_children: elements.length }, ...elements],
    codec: compression ? "SNAPPY" : "UNCOMPRESSED",
  });
  for await (const piece of piecesOf(table, groupRows)) {
    const columnData = elements.map(({ name, type }, index) => ({
      name,
      // A dictionary would take -0 for 0.
      ...(type === "FLOAT" || type === "DOUBLE" ? { encoding: "PLAIN" as const } : {}),
      data: valuesOf(arrow, piece.getChildAt(index) as Vector),
    }));
    await parquet.write({ columnData, rowGroupSize: groupRows });
  }
  await parquet.finish();
  return writer.getBytes() as Uint8Array<ArrayBuffer>;
}

async function open(place: Place, name: string): Promise<TableSource> {
  const [arrow, parquet] = await Promise.all([loadArrow(), loadParquet()]);
  const file = await fileOf(place, name);
  const metadata = await parquet.parquetMetadataAsync(file, { parsers, geoparquet: false })
    .catch((error) => {
      throw explain(error, place);
    });
  const elements = new Map(
    parquet.parquetSchema(metadata).children.map(({ element }) => [element.name, element]),
  );
  return {
    columns: [...elements].map(([name, element]) => ({
      name,
      type: String(typeOf(arrow, element) ?? "unknown"),
    })),
    numRows: Number(metadata.num_rows),
    identity: place.digest ?? `${place.location}/${name}`,
    format: FORMAT,
    async readFile() {
      return new Uint8Array(await file.slice(0, file.byteLength));
    },
    async read(columns, start, stop) {
      const wanted = columns.map((name) => elements.get(name)!);
      try {
        return await readTable({ arrow, parquet, file, metadata }, wanted, start, stop);
      } catch (error) {
        throw explain(error, place);
      }
    },
  };
}

interface OpenFile {
  readonly arrow: Arrow;
  readonly parquet: Parquet;
  readonly file: { byteLength: number; slice(start: number, end?: number): Promise<ArrayBuffer> };
  readonly metadata: Metadata;
}

async function readTable(
  { arrow, parquet, file, metadata }: OpenFile,
  elements: readonly ParquetElement[],
  start: number,
  stop: number,
): Promise<ArrowTable> {
  for (const { name } of elements.filter((element) => !typeOf(arrow, element))) {
    throw new UnsupportedError(
      `Cannot read the column ${JSON.stringify(name)} as there is no type for it: choose others.`,
    );
  }
  const columns = elements.map(({ name }) => name);
  const scan = await parquet.parquetScan({
    file,
    metadata,
    columns,
    compressors,
    parsers,
    utf8: false,
    geoparquet: false,
  });
  const ranges = scan.ranges
    .map(({ rowStart, rowEnd }) => [Math.max(rowStart, start), Math.min(rowEnd, stop)])
    .filter(([rowStart, rowEnd]) => rowStart < rowEnd);
  const vectors = await Promise.all(elements.map(async (element) => {
    const chunks = await Promise.all(
      ranges.map(([rowStart, rowEnd]) =>
        scan.readColumn({ column: element.name, rowStart, rowEnd })
      ),
    );
    return vectorOf(arrow, element, chunks);
  }));
  const { Field, Schema, Struct, Table, RecordBatch, makeData } = arrow;
  const schema = new Schema(
    elements.map((element, index) =>
      new Field(element.name, vectors[index].type, element.repetition_type !== "REQUIRED")
    ),
  );
  const batch = new RecordBatch(
    schema,
    makeData({
      type: new Struct(schema.fields),
      length: stop - start,
      children: vectors.map((vector) => vector.data[0]),
    }),
  );
  return new Table(schema, [batch]);
}

async function fileOf(place: Place, name: string): Promise<OpenFile["file"]> {
  const byteLength = await place.size(name);
  if (byteLength === undefined) {
    throw new CodecError(`There is no file ${name} in ${place.location}.`);
  }
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = await place.read(name, { offset: start, length: end - start });
      if (bytes?.length === end - start) return bytes.buffer;
      throw new CodecError(`The file ${name} in ${place.location} is cut off.`);
    },
  };
}

// As they are stored: a `Date` would lose what is finer than milliseconds.
const asIs = <T>(value: T) => value;
const parsers = {
  timestampFromMilliseconds: asIs,
  timestampFromMicroseconds: asIs,
  timestampFromNanoseconds: asIs,
  dateFromDays: asIs,
};

const compressors = {
  GZIP: (bytes: Uint8Array) => new Uint8Array(zlib.gunzipSync(bytes)),
  BROTLI: (bytes: Uint8Array) => new Uint8Array(zlib.brotliDecompressSync(bytes)),
  ZSTD: (bytes: Uint8Array) => new Uint8Array(zlib.zstdDecompressSync(bytes)),
};

function explain(error: unknown, place: Place): unknown {
  if (isFuseError(error)) return error;
  const message = `Cannot read the table in ${place.location}: ${(error as Error).message}`;
  return /codec|unsupported|not supported/i.test(message)
    ? new UnsupportedError(message, { cause: error })
    : new CodecError(message, { cause: error });
}
