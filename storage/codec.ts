/**
 * The format of a stored object, version 1. All numbers are little-endian.
 *
 * | bytes | what |
 * |---|---|
 * | 0–7 | `FUSEOBJ1` |
 * | 8–11 | length of the header, H |
 * | 12–15 | zero |
 * | 16–47 | SHA-256 of the bytes before it, of the header and of the zeros behind it |
 * | 48–(48 + H) | header: JSON in UTF-8 |
 * | … | zeros up to a multiple of 64: here the payload starts |
 *
 * The payload is the value's text (UTF-8), then its binary parts, each starting at a multiple of 64 from the payload's
 * start and filled up with zeros to the next. The header says how long text and parts are, how the text is to be read, how
 * the value came about, and the payload's SHA-256. Where serializers keep something of the value, the header has the names
 * of their places, and the last part says what is in these. An object holds no code.
 */

import { createHash } from "node:crypto";
import { CodecError, isFuseError, UnsupportedError } from "../core/errors.ts";
import type { Origin, Recipe, StoredRecord, TaskInfo } from "../core/storage.ts";
import { VERSION } from "../core/version.ts";
import { isPlaceId } from "./_place_ids.ts";
import { decodeValue, type EncodedValue, type Encoding } from "../encoding/mod.ts";

/** What an object says of itself. */
export interface Header {
  readonly format: 1;
  /** The version of the library that wrote it. */
  readonly version: string;
  readonly workflow: string;
  readonly task: string;
  readonly savedAt: string;
  readonly definition: string | null;
  readonly durationMs: number | null;
  /** Digest of the code that gave the value; `null` where only names decide on reuse. */
  readonly functionDigest: string | null;
  /** Digest of the arguments as they were written; `null` where only names decide on reuse. */
  readonly inputsDigest: string | null;
  /** The rest of what the value was made from, if that is known. */
  readonly recipe?: Omit<Recipe, "code" | "inputs">;
  readonly encoding: Encoding;
  /** Length of the text, in bytes. */
  readonly textBytes: number;
  /** Lengths of the binary parts, in bytes. */
  readonly partBytes: readonly number[];
  /** The places of what serializers keep of the value; not in the payload, as they differ each time. */
  readonly places?: readonly string[];
  /** The size of all that is in these places. */
  readonly placeBytes?: number;
  /** SHA-256 of the payload, in hexadecimal digits. */
  readonly payloadDigest: string;
  /** Where the payload starts; not written, but known once the header is read. */
  readonly payloadOffset: number;
}

/** Where the bytes of an object are read from. */
export interface ByteSource {
  readonly byteLength: number;
  read(offset: number, length: number): Promise<ArrayBuffer>;
}

type Bytes = Uint8Array<ArrayBuffer>;

const MAGIC = new TextEncoder().encode("FUSEOBJ1");
const PREFIX_BYTES = 48;
const DIGEST_OFFSET = 16;
const ALIGNMENT = 64;

/** The pieces of an object, in the order in which they are written. */
export interface PackedObject {
  readonly chunks: Bytes[];
  readonly valueDigest: string;
  /** The size of all that is stored of the value. */
  readonly bytes: number;
}

/** Whose object it is, and what is kept elsewhere. */
export interface Label {
  readonly workflow: string;
  readonly task: string;
  readonly origin?: Origin;
  readonly places?: readonly string[];
  readonly placeBytes?: number;
}

/** Makes an object of an encoded value; parts are not copied. */
export function packObject(label: Label, encoded: EncodedValue): PackedObject {
  const { workflow, task, origin, places, placeBytes } = label;
  const { encoding, text, parts } = encoded;
  const textBytes = new TextEncoder().encode(text);
  const payload = [textBytes, ...parts].flatMap((piece) => [piece, padding(piece.length)]);
  const header: Omit<Header, "payloadOffset"> = {
    format: 1,
    version: VERSION,
    workflow,
    task,
    savedAt: new Date().toISOString(),
    definition: origin?.definition ?? null,
    durationMs: origin ? Math.round(origin.durationMs * 1000) / 1000 : null,
    ...recipeFields(origin?.recipe),
    encoding,
    textBytes: textBytes.length,
    partBytes: parts.map((part) => part.length),
    ...(places && { places, placeBytes }),
    payloadDigest: digest(payload).toString("hex"),
  };
  const valueDigest = header.payloadDigest;
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(aligned(PREFIX_BYTES + headerBytes.length));
  head.set(MAGIC);
  new DataView(head.buffer).setUint32(8, headerBytes.length, true);
  head.set(headerBytes, PREFIX_BYTES);
  head.set(headDigest(head), DIGEST_OFFSET);
  const chunks = [head, ...payload];
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, placeBytes ?? 0);
  return { chunks, valueDigest, bytes };
}

/**
 * Reads and checks an object's header.
 *
 * @throws {CodecError} If the object is torn, altered or none of ours.
 * @throws {UnsupportedError} If it is of a newer format.
 */
export async function readHeader(source: ByteSource): Promise<Header> {
  if (source.byteLength < PREFIX_BYTES) throw new CodecError("The object is cut off.");
  const prefix = await source.read(0, PREFIX_BYTES);
  if (MAGIC.some((byte, i) => new Uint8Array(prefix)[i] !== byte)) {
    throw new CodecError("It is not an object of Function Fuse.");
  }
  const headerBytes = new DataView(prefix).getUint32(8, true);
  const headBytes = aligned(PREFIX_BYTES + headerBytes);
  if (headBytes > source.byteLength) throw new CodecError("The object is cut off.");
  const head = new Uint8Array(await source.read(0, headBytes));
  if (!headDigest(head).equals(head.subarray(DIGEST_OFFSET, PREFIX_BYTES))) {
    throw new CodecError("The object's header was altered.");
  }
  const text = head.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes);
  return { ...parseHeader(new TextDecoder().decode(text)), payloadOffset: headBytes };
}

type HeaderFields = Omit<Header, "payloadOffset">;

function parseHeader(text: string): HeaderFields {
  let fields: HeaderFields | null;
  try {
    fields = JSON.parse(text);
  } catch (error) {
    throw new CodecError("The object's header is no JSON.", { cause: error });
  }
  if (typeof fields?.format === "number" && fields.format !== 1) {
    throw new UnsupportedError(
      `The object has format ${fields.format}, which version ${VERSION} can't read: use a newer version.`,
    );
  }
  if (fields?.format !== 1 || !isComplete(fields)) {
    throw new CodecError("The object's header does not say what it must.");
  }
  return fields;
}

/** Somebody may have forged it: what is read by its lengths must be there, and names must be texts. */
function isComplete(fields: HeaderFields): boolean {
  const { task, workflow, savedAt, payloadDigest, encoding, textBytes, partBytes } = fields;
  const { places = [] } = fields;
  const isLength = (length: unknown) => Number.isSafeInteger(length) && (length as number) >= 0;
  return [task, workflow, savedAt, payloadDigest, encoding].every((text) =>
    typeof text === "string"
  ) && isLength(textBytes) && Array.isArray(partBytes) && partBytes.every(isLength) &&
    Array.isArray(places) && places.every(isPlaceId);
}

/** Gives what serializers kept of a value, from what the value's last part says of it. */
export type TakenLoader = (records: ArrayBuffer) => Promise<readonly unknown[]>;

/**
 * Reads, checks and puts together an object's value. Each part is read once, into the buffer that the value keeps.
 *
 * @throws {CodecError} If the object is torn, altered or none of ours.
 */
export async function readValue(
  source: ByteSource,
  header: Header,
  loadTaken?: TakenLoader,
): Promise<unknown> {
  let offset = header.payloadOffset;
  const hash = createHash("sha256");
  const pieces: ArrayBuffer[] = [];
  const lengths = [header.textBytes, ...header.partBytes];
  if (offset + lengths.reduce((sum, length) => sum + aligned(length), 0) !== source.byteLength) {
    throw new CodecError("The object is not as long as it was.");
  }
  for (const length of lengths) {
    const piece = await source.read(offset, length);
    // The zeros too, as an altered object is altered wherever it is.
    const filling = await source.read(offset + length, aligned(length) - length);
    hash.update(new Uint8Array(piece)).update(new Uint8Array(filling));
    pieces.push(piece);
    offset += aligned(length);
  }
  if (hash.digest("hex") !== header.payloadDigest) {
    throw new CodecError("The object's value was altered.");
  }
  const [text, ...parts] = pieces;
  try {
    const loaded = header.places ? await loadTaken?.(parts.pop()!) : [];
    return decodeValue(header.encoding, new TextDecoder().decode(text), parts, loaded);
  } catch (error) {
    if (isFuseError(error)) throw error;
    throw new CodecError(`The object's value can't be read: ${error}`, { cause: error });
  }
}

/** What an object with places says of what serializers keep: its last part. It is checked no further than its header. */
export function readTaken(source: ByteSource, header: Header): Promise<ArrayBuffer> {
  const lengths = [header.textBytes, ...header.partBytes];
  const last = lengths.pop()!;
  const before = lengths.reduce((sum, length) => sum + aligned(length), header.payloadOffset);
  return source.read(before, last);
}

/** What a header tells users. */
export function taskInfo(header: Header, bytes: number): TaskInfo {
  const { task, savedAt, version, definition, durationMs } = header;
  return {
    task,
    savedAt: new Date(savedAt),
    bytes: bytes + (header.placeBytes ?? 0),
    version,
    ...(definition !== null && { definition }),
    ...(durationMs !== null && { durationMs }),
  };
}

/** What a header tells the next run. */
export function storedRecord(header: Header, bytes: number): StoredRecord {
  const { functionDigest: code, inputsDigest: inputs, recipe, payloadDigest } = header;
  const isKnown = typeof code === "string" && typeof inputs === "string" && isRecipe(recipe);
  return {
    valueDigest: payloadDigest,
    recipe: isKnown ? { code, inputs, ...recipe } : undefined,
    bytes: bytes + (header.placeBytes ?? 0),
  };
}

/** Somebody else may have written it: then nothing is known of what the value was made from. */
function isRecipe(recipe: Header["recipe"] | null): recipe is NonNullable<Header["recipe"]> {
  const { parents, codeParts, inputParts } = recipe ?? {};
  const areTexts = (list: unknown) =>
    Array.isArray(list) && list.every((text) => typeof text === "string");
  return Array.isArray(parents) && parents.every((pair) => areTexts(pair) && pair.length === 2) &&
    typeof codeParts === "object" && codeParts !== null && areTexts(Object.values(codeParts)) &&
    areTexts(inputParts);
}

function recipeFields(recipe: Recipe | undefined) {
  if (!recipe) return { functionDigest: null, inputsDigest: null };
  const { code, inputs, parents, codeParts, inputParts } = recipe;
  return {
    functionDigest: code,
    inputsDigest: inputs,
    recipe: { parents, codeParts, inputParts },
  };
}

function headDigest(head: Bytes) {
  return digest([head.subarray(0, DIGEST_OFFSET), head.subarray(PREFIX_BYTES)]);
}

function digest(pieces: readonly Bytes[]) {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest();
}

function aligned(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

const ZEROS = new Uint8Array(ALIGNMENT);

function padding(length: number): Bytes {
  return ZEROS.subarray(0, aligned(length) - length);
}
