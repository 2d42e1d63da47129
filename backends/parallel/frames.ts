/**
 * Messages on a stream of bytes: a mark, the length in bytes as an unsigned 32-bit number (little-endian), and the message
 * as the runtime serializes it, which keeps what structured clone keeps. Both ends are the same runtime.
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import v8 from "node:v8";

const MARK = Buffer.from("FUSE");
const HEADER_BYTES = MARK.length + 4;
const LONGEST = 2 ** 32 - 1;

// Deno's `serialize` gives back arrays that are views of the whole message; its `Serializer` does not. Bun has only the
// former, which there is exact.
const hasSerializer = process.versions.deno !== undefined;

function serialize(value: unknown): Buffer {
  if (!hasSerializer) return v8.serialize(value);
  const serializer = new v8.Serializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

function deserialize(bytes: Buffer): unknown {
  if (!hasSerializer) return v8.deserialize(bytes);
  const deserializer = new v8.Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

/** The bytes of a message. */
export function encodeFrame(message: unknown): Buffer {
  const payload = serialize(message);
  if (payload.length > LONGEST) {
    throw new RangeError(
      `Cannot send a value of ${payload.length} bytes to another process: 4 GiB is the most.`,
    );
  }
  const header = Buffer.alloc(HEADER_BYTES);
  MARK.copy(header);
  header.writeUInt32LE(payload.length, MARK.length);
  return Buffer.concat([header, payload]);
}

/** Takes bytes as they come, in pieces of any size, and gives whole messages. */
export function decodeFrames(receive: (message: unknown) => void): (bytes: Uint8Array) => void {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let wanted = HEADER_BYTES;
  return (bytes) => {
    pieces.push(bytes);
    length += bytes.length;
    while (length >= wanted) {
      const all = pieces.length === 1 ? Buffer.from(pieces[0]) : Buffer.concat(pieces);
      if (!all.subarray(0, MARK.length).equals(MARK)) {
        throw new TypeError(
          `What arrived is no message but ${JSON.stringify(String(all.subarray(0, 80)))}: ` +
            `write to standard error instead of standard output.`,
        );
      }
      const end = HEADER_BYTES + all.readUInt32LE(MARK.length);
      pieces = [all];
      wanted = end;
      if (length < end) return;
      pieces = [all.subarray(end)];
      length -= end;
      wanted = HEADER_BYTES;
      receive(deserialize(all.subarray(HEADER_BYTES, end)));
    }
  };
}
