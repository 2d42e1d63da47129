/** Tables in the format Arrow IPC, on any storage. */

import { CodecError, isFuseError, UnsupportedError } from "../../core/errors.ts";
import type { Place } from "../object_store.ts";
import { loadArrow } from "../_libraries.ts";
import {
  type Arrow,
  type ArrowTable,
  isTable,
  LazyTable,
  piecesOf,
  sourceOfTable,
  type TableSource,
} from "./lazy_table.ts";
import { placeOfFile } from "./_files.ts";
import type { Notes, Serializer } from "./serializer.ts";

/** Options of {@link arrowSerializer}. */
export interface ArrowOptions {
  /** How many rows are read at once at least. Default: 65536. */
  batchRows?: number;
}

type Bytes = Uint8Array<ArrayBuffer>;

/** A piece of the file with all columns of some rows. */
interface Batch {
  readonly offset: number;
  readonly length: number;
  readonly start: number;
  readonly rows: number;
}

const FILE = "data.arrow";
const FORMAT = "arrow";
const BATCH_ROWS = 65_536;

/**
 * Keeps tables of `apache-arrow` in the format Arrow IPC, all types exactly as they are, on any storage.
 *
 * What is read back is a {@link LazyTable}, which reads whole batches of rows.
 *
 * @throws {TypeError} If an option is wrong.
 */
export function arrowSerializer(
  options: ArrowOptions = {},
): Serializer<ArrowTable | LazyTable, LazyTable> {
  const { batchRows = BATCH_ROWS } = options;
  checkRows("batchRows", batchRows);
  return {
    name: "arrow",
    options,
    test: isTable,
    async save(table, place): Promise<Notes> {
      const arrow = await loadArrow();
      if (table instanceof LazyTable && sourceOfTable(table).format === FORMAT) {
        await place.write(FILE, await sourceOfTable(table).readFile());
      } else await place.write(FILE, await encode(arrow, table, batchRows));
      // So that nobody has to look for it in all of the file.
      return {
        rows: (await readLayout(arrow, place, FILE, undefined)).batches.map(({ rows }) => rows),
      };
    },
    async load(place, notes) {
      const { rows } = notes as { rows: number[] };
      return new LazyTable(await open(await loadArrow(), place, FILE, rows));
    },
  };
}

/**
 * Opens a file in the format Arrow IPC (also known as Feather, version 2); not one of this library's making in particular.
 *
 * @throws {CodecError} If there is no such file.
 */
export async function openArrow(path: string): Promise<LazyTable> {
  const { place, name } = placeOfFile(path);
  return new LazyTable(await open(await loadArrow(), place, name, undefined));
}

/** Refuses tables of another copy of the library, which this one would take for something else. */
export function checkTable(arrow: Arrow, table: ArrowTable): void {
  if (table instanceof arrow.Table) return;
  throw new CodecError(
    "The value can't be stored: a table is of another copy of apache-arrow: use the version that this library depends on.",
  );
}

/** Checks a number of rows. */
export function checkRows(option: string, rows: number): void {
  if (Number.isSafeInteger(rows) && rows >= 1) return;
  throw new TypeError(
    `Cannot make a serializer as '${option}' must be a whole number of at least 1: current value is ${rows}.`,
  );
}

async function encode(arrow: Arrow, table: ArrowTable | LazyTable, rows: number): Promise<Bytes> {
  if (!(table instanceof LazyTable)) checkTable(arrow, table);
  const { schema } = table instanceof LazyTable ? await table.read({ rows: [0, 0] }) : table;
  const writer = new arrow.RecordBatchFileWriter();
  for await (const piece of piecesOf(table, rows)) {
    for (const batch of piece.batches) writer.write(batch);
  }
  if (table.numRows === 0) writer.write(new arrow.Table(schema));
  writer.finish();
  return writer.toUint8Array(true) as Bytes;
}

async function open(
  arrow: Arrow,
  place: Place,
  file: string,
  rows: number[] | undefined,
): Promise<TableSource> {
  const { schema, dictionaries, batches } = await readLayout(arrow, place, file, rows)
    .catch((error) => {
      throw explain(error, place);
    });
  const read = rangeReader(place, file);
  // They are part of what every range of rows needs.
  let head: Promise<Bytes[]> | undefined;
  const readHead = () =>
    head ??= Promise.all(dictionaries.map(({ offset, length }) => read(offset, length)))
      .then((blocks) => [encodeSchema(arrow, schema), ...blocks])
      .catch((error) => {
        head = undefined;
        throw error;
      });
  return {
    columns: schema.fields.map(({ name, type }) => ({ name, type: String(type) })),
    numRows: batches.reduce((sum, { rows }) => sum + rows, 0),
    identity: place.digest ?? `${place.location}/${file}`,
    format: FORMAT,
    readFile: async () => (await read(0, (await place.size(file))!)),
    async read(columns, start, stop) {
      const wanted = batches.filter((batch) =>
        start < stop && batch.start < stop && batch.start + batch.rows > start
      );
      try {
        const blocks = await Promise.all(
          wanted.map(({ offset, length }) => read(offset, length)),
        );
        const table = arrow.tableFromIPC(concat([...await readHead(), ...blocks]));
        const first = wanted[0]?.start ?? start;
        return table.slice(start - first, stop - first).select([...columns]);
      } catch (error) {
        throw explain(error, place);
      }
    },
  };
}

async function readLayout(
  arrow: Arrow,
  place: Place,
  file: string,
  rows: number[] | undefined,
) {
  const read = rangeReader(place, file);
  const size = await place.size(file);
  if (size === undefined) throw new CodecError(`There is no file ${file} in ${place.location}.`);
  const reader = await arrow.RecordBatchReader.from({
    fd: 0,
    stat: () => Promise.resolve({ size }),
    async read(buffer: Uint8Array, at: number, length: number, position: number) {
      buffer.set(await read(position, length), at);
      return { bytesRead: length, buffer };
    },
    close: () => Promise.resolve(),
  } as never) as unknown as InstanceType<Arrow["AsyncRecordBatchFileReader"]>;
  await reader.open();
  const { footer } = reader;
  if (!footer) throw new CodecError(`The file ${file} in ${place.location} is no Arrow IPC file.`);
  const blockOf = ({ offset, metaDataLength, bodyLength }: Block) => ({
    offset: Number(offset),
    length: metaDataLength + Number(bodyLength),
    metaDataLength,
  });
  const blocks = [...footer.recordBatches()].map(blockOf);
  const counts = rows ?? await Promise.all(blocks.map(async ({ offset, metaDataLength }) => {
    const message = new arrow.MessageReader(await read(offset, metaDataLength)).readMessage();
    return Number((message!.header() as { length: number | bigint }).length);
  }));
  let start = 0;
  const batches = blocks.map(({ offset, length }, index): Batch => {
    const batch = { offset, length, start, rows: counts[index] };
    start += batch.rows;
    return batch;
  });
  return {
    schema: footer.schema,
    dictionaries: [...footer.dictionaryBatches()].map(blockOf),
    batches,
  };
}

interface Block {
  offset: number;
  metaDataLength: number;
  bodyLength: number;
}

function rangeReader(place: Place, file: string) {
  return async (offset: number, length: number): Promise<Bytes> => {
    const bytes = await place.read(file, { offset, length });
    if (bytes?.length === length) return bytes;
    throw new CodecError(`The file ${file} in ${place.location} is cut off.`);
  };
}

/** A schema as the message that a stream of batches begins with. */
function encodeSchema(arrow: Arrow, schema: ArrowTable["schema"]): Bytes {
  const message = arrow.Message.encode(arrow.Message.from(schema as never));
  const bytes = new Uint8Array(8 + Math.ceil(message.length / 8) * 8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, -1, true);
  view.setInt32(4, bytes.length - 8, true);
  bytes.set(message, 8);
  return bytes;
}

function concat(pieces: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function explain(error: unknown, place: Place): unknown {
  if (isFuseError(error)) return error;
  const message = `Cannot read the table in ${place.location}: ${(error as Error).message}`;
  return /compress|codec/i.test(message)
    ? new UnsupportedError(message, { cause: error })
    : new CodecError(message, { cause: error });
}
