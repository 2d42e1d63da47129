/**
 * Where the payload of an executable is: at its end, after the program, as the files in one compressed piece, the manifest,
 * and a trailer of fixed length.
 */

import * as fs from "node:fs";
import { CommandError } from "./_errors.ts";

/** What an executable has with it. Paths are relative to the folder of all, with slashes. */
export interface Manifest {
  readonly workflow: string;
  readonly config?: string;
  /** Paths and sizes, in the order in which the files follow one another. */
  readonly files: readonly (readonly [path: string, bytes: number])[];
  /** Links to other folders in it, and where they lead to from where they are. */
  readonly links: readonly (readonly [path: string, target: string])[];
  /** Of all of it. */
  readonly digest: string;
}

const MAGIC = "function-fuse/1\n";
const TRAILER_BYTES = 16 + MAGIC.length;

/** What follows the files and the manifest. */
export function trailerOf(body: number, manifest: number): Uint8Array {
  const trailer = Buffer.alloc(TRAILER_BYTES);
  trailer.writeBigUInt64LE(BigInt(body), 0);
  trailer.writeBigUInt64LE(BigInt(manifest), 8);
  trailer.write(MAGIC, 16);
  return trailer;
}

/** The manifest at the end of an executable; `undefined` if it has none. */
export function readManifest(program: string): Manifest | undefined {
  return openEnd(program, (end) => end && JSON.parse(String(end.read(end.body, end.manifest))));
}

/** The end of an executable. */
export interface End {
  /** Lengths in bytes. */
  readonly body: number;
  readonly manifest: number;
  /** Reads from the beginning of the body on. */
  read(from: number, length: number): Uint8Array;
}

/** Opens an executable for what is at its end; there is nothing if it has no payload. */
export function openEnd<T>(program: string, action: (end: End | undefined) => T): T {
  const file = fs.openSync(program, "r");
  try {
    const { size } = fs.fstatSync(file);
    const readAt = (at: number, length: number) => {
      const bytes = Buffer.alloc(length);
      for (let done = 0; done < length;) {
        const count = fs.readSync(file, bytes, done, length - done, at + done);
        if (count === 0) throw new CommandError(`${program} ends before it should.`);
        done += count;
      }
      return bytes;
    };
    const trailer = readAt(Math.max(0, size - TRAILER_BYTES), Math.min(size, TRAILER_BYTES));
    if (trailer.subarray(16).toString("latin1") !== MAGIC) return action(undefined);
    const body = Number(trailer.readBigUInt64LE(0));
    const manifest = Number(trailer.readBigUInt64LE(8));
    const start = size - TRAILER_BYTES - manifest - body;
    return action({ body, manifest, read: (from, length) => readAt(start + from, length) });
  } finally {
    fs.closeSync(file);
  }
}
