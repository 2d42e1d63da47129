/** Values as CBOR (RFC 8949): typed arrays by the tags of RFC 8746, maps, sets, dates and big integers as such. */

import { Misfit } from "./_export.ts";

const FLOAT16_LITTLE_ENDIAN = 84;
const FLOAT16_BIG_ENDIAN = 80;

/**
 * A value as CBOR. Bytes without a type become byte strings, an error its name, message and cause.
 *
 * @throws {Misfit} If a part leads back to itself, or is no data.
 */
export async function toCbor(value: unknown): Promise<Uint8Array> {
  const { encode, TypeEncoderMap } = await import("cbor2");
  const types = new TypeEncoderMap();
  const untagged = NaN;
  types.registerEncoder(ArrayBuffer, (buffer) => [untagged, new Uint8Array(buffer)]);
  types.registerEncoder(DataView, (view) => [untagged, bytesOf(view)]);
  const { Float16Array } = globalThis as unknown as { Float16Array?: typeof Float32Array };
  if (Float16Array) types.registerEncoder(Float16Array, (view) => [float16Tag(), bytesOf(view)]);
  for (const ErrorClass of ERROR_CLASSES) {
    types.registerEncoder(ErrorClass as ErrorConstructor, (error) => [untagged, recordOf(error)]);
  }
  try {
    // A big integer stays one, also where a number would hold it.
    return encode(value, { types, collapseBigInts: false });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new Misfit("it is nested too deeply, or a part of it leads back to itself");
    }
    throw new Misfit(`CBOR does not take it (${(error as Error).message})`);
  }
}

const ERROR_CLASSES: readonly unknown[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
];

function recordOf(error: Error): Record<string, unknown> {
  const { name, message, cause } = error;
  const fields = Object.entries(error);
  if (cause !== undefined) fields.unshift(["cause", cause]);
  return Object.fromEntries([["name", name], ["message", message], ...fields]);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function float16Tag(): number {
  const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  return isLittleEndian ? FLOAT16_LITTLE_ENDIAN : FLOAT16_BIG_ENDIAN;
}
