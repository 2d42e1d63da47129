/** Writing of objects to S3: small ones in one request, large ones in parts. */

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { loadS3Upload } from "./_libraries.ts";
import type { Connection } from "./_s3_connection.ts";
import { isAnswer } from "./_s3_errors.ts";

type Chunks = readonly Uint8Array<ArrayBuffer>[];

const SMALL_BYTES = 8 * 1024 * 1024;
const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;
const MOST_PARTS = 10_000;

/** What is to be written: a copy where that is cheap, so that the caller may go on with its memory. */
export function contentOf(chunks: Chunks): Buffer | Chunks {
  return sizeOf(chunks) <= SMALL_BYTES ? Buffer.concat(chunks) : chunks;
}

/** Writes an object as a whole. */
export async function writeToS3(
  s3: Connection,
  location: { Bucket: string; Key: string },
  content: Buffer | Chunks,
): Promise<void> {
  if (Buffer.isBuffer(content)) {
    await s3.client.send(new s3.sdk.PutObjectCommand({ ...location, Body: content }));
  } else {
    await upload(s3, location, content);
  }
}

async function upload(
  s3: Connection,
  location: { Bucket: string; Key: string },
  chunks: Chunks,
): Promise<void> {
  const { Upload } = await loadS3Upload();
  const ContentLength = sizeOf(chunks);
  const mark = randomUUID();
  // Few pieces ahead, as each keeps memory.
  const Body = Readable.from(pieces(chunks), { objectMode: true, highWaterMark: 1 });
  try {
    await new Upload({
      client: s3.client,
      params: { ...location, Body, ContentLength, Metadata: { upload: mark } },
      partSize: Math.max(PART_BYTES, Math.ceil(ContentLength / MOST_PARTS)),
      queueSize: PARTS_AT_ONCE,
    }).done();
  } catch (error) {
    // The answer to its completion may have been lost: then a second one finds no upload, but the object.
    if (!isAnswer(error, "NoSuchUpload")) throw error;
    const found = await s3.client.send(new s3.sdk.HeadObjectCommand(location)).catch(() => null);
    if (found?.Metadata?.upload !== mark) throw error;
  }
}

/** Parts of the chunks that are not too long to be put together anew. */
function* pieces(chunks: Chunks): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += PART_BYTES) {
      yield chunk.subarray(at, at + PART_BYTES);
    }
  }
}

function sizeOf(chunks: Chunks): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
