/**
 * One value as bytes, for the way to another process whatever its runtime is: the length of a head as an unsigned 32-bit
 * number (little-endian), the head as JSON, the value's text, and its parts, each at a multiple of eight.
 */

import { CodecError } from "../core/errors.ts";
import { decodeValue, encodeValue } from "./mod.ts";

interface Head {
  readonly encoding: string;
  readonly textBytes: number;
  readonly partBytes: readonly number[];
}

interface Parts {
  readonly encoding: string;
  readonly text: string;
  readonly parts: ArrayBuffer[];
}

const PREFIX_BYTES = 4;
// The strictest alignment of a typed array's elements.
const ALIGNMENT = 8;

/**
 * Packs a value.
 *
 * @throws {CodecError} If a part of it can't be encoded, saying where it is and what it is.
 */
export function packValue(value: unknown): Uint8Array<ArrayBuffer> {
  const { encoding, text, parts } = encodeValue(value);
  const encoder = new TextEncoder();
  const textBytes = encoder.encode(text);
  const partBytes = parts.map(({ byteLength }) => byteLength);
  const head = encoder.encode(
    JSON.stringify({ encoding, textBytes: textBytes.length, partBytes } satisfies Head),
  );
  const start = PREFIX_BYTES + head.length + textBytes.length;
  const length = partBytes.reduce((end, bytes) => aligned(end) + bytes, start);
  const packed = new Uint8Array(length);
  new DataView(packed.buffer).setUint32(0, head.length, true);
  packed.set(head, PREFIX_BYTES);
  packed.set(textBytes, PREFIX_BYTES + head.length);
  let at = start;
  for (const part of parts) {
    at = aligned(at);
    packed.set(part, at);
    at += part.byteLength;
  }
  return packed;
}

/**
 * Unpacks a value; its buffers are its own.
 *
 * @throws {CodecError} If the bytes are not those of a value.
 */
export function unpackValue(packed: Uint8Array): unknown {
  const { encoding, text, parts } = takeApart(packed);
  return decodeValue(encoding, text, parts);
}

function takeApart(packed: Uint8Array): Parts {
  try {
    const decoder = new TextDecoder();
    const headBytes = new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
    const textStart = PREFIX_BYTES + headBytes;
    const head: Head = JSON.parse(decoder.decode(packed.subarray(PREFIX_BYTES, textStart)));
    let at = textStart + head.textBytes;
    const text = decoder.decode(packed.subarray(textStart, at));
    const parts = head.partBytes.map((bytes) => {
      at = aligned(at);
      const part = new Uint8Array(packed.subarray(at, at + bytes)).buffer;
      at += bytes;
      return part;
    });
    if (at === packed.length) return { encoding: head.encoding, text, parts };
  } catch {
    // It is told below.
  }
  throw new CodecError(
    `Cannot read a value out of ${packed.length} bytes: they are not those of one.`,
  );
}

function aligned(at: number): number {
  return Math.ceil(at / ALIGNMENT) * ALIGNMENT;
}
