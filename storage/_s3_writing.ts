/** Writing of objects to S3: small ones in one request, large ones in parts. */

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
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

/** In parts, of which each is written again if it fails; whoever reads sees nothing of them before the last one. */
async function upload(
  s3: Connection,
  location: { Bucket: string; Key: string },
  chunks: Chunks,
): Promise<void> {
  const { sdk, client } = s3;
  const mark = randomUUID();
  const { UploadId } = await client.send(
    new sdk.CreateMultipartUploadCommand({
      ...location,
      ChecksumAlgorithm: "CRC32",
      Metadata: { upload: mark },
    }),
  );
  try {
    const Parts = await uploadParts(s3, { ...location, UploadId }, chunks);
    const MultipartUpload = { Parts };
    await client.send(
      new sdk.CompleteMultipartUploadCommand({ ...location, UploadId, MultipartUpload }),
    );
  } catch (error) {
    // The answer to its completion may have been lost: then a second one finds no upload, but the object.
    if (isAnswer(error, "NoSuchUpload") && await hasMark(s3, location, mark)) return;
    await client.send(new sdk.AbortMultipartUploadCommand({ ...location, UploadId }))
      // The first failure says more.
      .catch(() => {});
    throw error;
  }
}

/** All parts but the last are of one size, which some servers ask for. */
async function uploadParts(
  { sdk, client }: Connection,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
  chunks: Chunks,
): Promise<{ PartNumber: number; ETag?: string; ChecksumCRC32?: string }[]> {
  const size = sizeOf(chunks);
  const partBytes = Math.max(PART_BYTES, Math.ceil(size / MOST_PARTS));
  const parts: { PartNumber: number; ETag?: string; ChecksumCRC32?: string }[] = [];
  const sources = slices(chunks, partBytes);
  let failed = false;
  const sendOn = async () => {
    // For parts that are not in one piece; used again and again, as memory that is let go of is not free at once.
    let scratch: Uint8Array | undefined;
    for (const pieces of sources) {
      if (failed) return;
      const PartNumber = parts.push({ PartNumber: parts.length + 1 });
      if (pieces.length > 1) scratch ??= new Uint8Array(partBytes);
      const Body = pieces.length > 1 ? putTogether(pieces, scratch!) : pieces[0];
      const { ETag, ChecksumCRC32 } = await client.send(
        new sdk.UploadPartCommand({ ...upload, PartNumber, Body }),
      );
      parts[PartNumber - 1] = { PartNumber, ETag, ChecksumCRC32 };
    }
  };
  const lanes = Array.from({ length: PARTS_AT_ONCE }, () =>
    sendOn().catch((error) => {
      failed = true;
      throw error;
    }));
  // All of them, so that none sends when the upload is given up.
  for (const lane of await Promise.allSettled(lanes)) {
    if (lane.status === "rejected") throw lane.reason;
  }
  return parts;
}

/** The object in equal lengths, each as the pieces of chunks that it consists of. */
function* slices(chunks: Chunks, sliceBytes: number): Generator<Uint8Array[]> {
  let slice: Uint8Array[] = [];
  let left = sliceBytes;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + left);
      slice.push(piece);
      at += piece.length;
      left -= piece.length;
      if (left > 0) continue;
      yield slice;
      slice = [];
      left = sliceBytes;
    }
  }
  if (slice.length > 0) yield slice;
}

function putTogether(pieces: readonly Uint8Array[], into: Uint8Array): Uint8Array {
  let end = 0;
  for (const piece of pieces) {
    into.set(piece, end);
    end += piece.length;
  }
  return into.subarray(0, end);
}

async function hasMark(
  { sdk, client }: Connection,
  location: { Bucket: string; Key: string },
  mark: string,
): Promise<boolean> {
  const found = await client.send(new sdk.HeadObjectCommand(location)).catch(() => undefined);
  return found?.Metadata?.upload === mark;
}

function sizeOf(chunks: Chunks): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}
