/** Reading of objects on S3: in ranges, and on where a connection was cut. */

import { setTimeout as delay } from "node:timers/promises";
import { CodecError } from "../core/errors.ts";
import type { Connection } from "./_s3_connection.ts";
import { isAnswer } from "./_s3_errors.ts";
import { openBytes, type OpenObject } from "./object_store.ts";

/** An object as it was when it was opened. */
export interface Version {
  readonly Bucket: string;
  readonly Key: string;
  readonly etag: string | undefined;
}

type Body = AsyncIterable<Uint8Array>;

// A small object is read in one piece; of a large one, the start says what it is.
const START_BYTES = 64 * 1024;
// Several connections carry more than one.
const SEGMENT_BYTES = 4 * 1024 * 1024;
const SEGMENTS_AT_ONCE = 4;
const TRIES = 5;
const BACK_OFF_MS = 200;

/** Opens an object with one request that reads its start, and gives which version of it that is. */
export async function openOnS3(
  s3: Connection,
  location: { Bucket: string; Key: string },
  startBytes = START_BYTES,
): Promise<{ object: OpenObject; version: Version } | undefined> {
  const command = new s3.sdk.GetObjectCommand({
    ...location,
    Range: `bytes=0-${startBytes - 1}`,
  });
  try {
    const answer = await s3.client.send(command);
    const version = { ...location, etag: answer.ETag };
    const byteLength = Number(/\/(\d+)$/.exec(answer.ContentRange ?? "")?.[1]) ||
      answer.ContentLength || 0;
    const start = new Uint8Array(Math.min(startBytes, byteLength));
    await fill(s3, version, 0, start, answer.Body as Body);
    const object = byteLength === start.length
      ? openBytes(start)
      : openLarge(s3, version, byteLength, start);
    return { object, version };
  } catch (error) {
    if (isAnswer(error, "NoSuchKey")) return undefined;
    // An empty object has no first byte.
    if (isAnswer(error, 416)) {
      return { object: openBytes(new Uint8Array()), version: { ...location, etag: undefined } };
    }
    throw error;
  }
}

function openLarge(
  s3: Connection,
  version: Version,
  byteLength: number,
  start: Uint8Array,
): OpenObject {
  return {
    byteLength,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      const known = start.subarray(offset, offset + length);
      bytes.set(known);
      await fillAtOnce(s3, version, offset + known.length, bytes.subarray(known.length));
      return bytes.buffer;
    },
    close: () => Promise.resolve(),
  };
}

/** Fills memory with a range of an object, by several requests at once. */
export async function fillAtOnce(
  s3: Connection,
  version: Version,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  let next = 0;
  const readOn = async () => {
    while (next < bytes.length) {
      const at = next;
      next += SEGMENT_BYTES;
      await fill(s3, version, offset + at, bytes.subarray(at, at + SEGMENT_BYTES));
    }
  };
  try {
    await Promise.all(Array.from({ length: SEGMENTS_AT_ONCE }, readOn));
  } finally {
    // Where one failed, the others need not begin another.
    next = bytes.length;
  }
}

/** Fills memory with a range of one version; a body that is cut is asked for again from where it ended. */
async function fill(
  s3: Connection,
  { Bucket, Key, etag }: Version,
  offset: number,
  bytes: Uint8Array,
  firstBody?: Body,
): Promise<void> {
  let body = firstBody;
  for (let done = 0, failures = 0; done < bytes.length; body = undefined) {
    body ??= await send(s3, { Bucket, Key, IfMatch: etag }, offset + done, bytes.length - done);
    const before = done;
    const cut = await pour(body, (chunk) => {
      bytes.set(chunk.subarray(0, bytes.length - done), done);
      done += Math.min(chunk.length, bytes.length - done);
    });
    failures = done > before ? 0 : failures + 1;
    if (failures >= TRIES) throw cut ?? new CodecError("The object is cut off.");
    if (done < bytes.length) await delay(BACK_OFF_MS * 2 ** failures);
  }
}

/** Gives what ended the body too early, if the runtime noticed it. */
async function pour(body: Body, take: (chunk: Uint8Array) => void): Promise<unknown> {
  try {
    for await (const chunk of body) {
      take(chunk);
      release(chunk);
    }
  } catch (error) {
    return error;
  }
}

/** Frees what was received at once: runtimes collect it late, the later the more memory the value itself takes. */
function release({ buffer, byteLength }: Uint8Array): void {
  // Where others may have a part of it, it is left.
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

async function send(
  s3: Connection,
  wanted: { Bucket: string; Key: string; IfMatch: string | undefined },
  offset: number,
  length: number,
): Promise<Body> {
  const Range = `bytes=${offset}-${offset + length - 1}`;
  try {
    const answer = await s3.client.send(new s3.sdk.GetObjectCommand({ ...wanted, Range }));
    return answer.Body as Body;
  } catch (error) {
    if (isAnswer(error, 412, 416, "NoSuchKey")) {
      throw new CodecError("The object was replaced while it was read.", { cause: error });
    }
    throw error;
  }
}
