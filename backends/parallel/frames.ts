/**
 * Messages on a stream of bytes: a mark, the length in bytes as an unsigned 32-bit number (little-endian), and the message
 * as the runtime serializes it, which keeps what structured clone keeps. Both ends are the same runtime.
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import v8 from "node:v8";

// Nothing that a program would print.
const MARK = Buffer.from([0, 0x46, 0x55, 0x53, 0x45, 0xff, 0xfe, 1]);
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

/**
 * Takes bytes as they come, in pieces of any size, and gives whole messages. What lies between them, as when a node lets
 * another program write to the same stream, goes to `other`.
 */
export function decodeFrames(
  receive: (message: unknown) => void,
  other: (bytes: Uint8Array) => void,
): (bytes: Uint8Array) => void {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let wanted = HEADER_BYTES;
  return (bytes) => {
    pieces.push(bytes);
    length += bytes.length;
    while (length >= wanted) {
      let all = pieces.length === 1 ? Buffer.from(pieces[0]) : Buffer.concat(pieces);
      const start = startOf(all);
      if (start > 0) other(all.subarray(0, start));
      all = all.subarray(start);
      pieces = [all];
      length = all.length;
      wanted = HEADER_BYTES;
      if (length < wanted) return;
      wanted += all.readUInt32LE(MARK.length);
      if (length < wanted) return;
      pieces = [all.subarray(wanted)];
      length -= wanted;
      const payload = all.subarray(HEADER_BYTES, wanted);
      wanted = HEADER_BYTES;
      receive(deserialize(payload));
    }
  };
}

/** Where the first mark begins, or what may turn out to be one; else the end. */
function startOf(bytes: Buffer): number {
  const found = bytes.indexOf(MARK);
  if (found >= 0) return found;
  for (let at = Math.max(0, bytes.length - MARK.length + 1); at < bytes.length; at++) {
    if (bytes.subarray(at).equals(MARK.subarray(0, bytes.length - at))) return at;
  }
  return bytes.length;
}
