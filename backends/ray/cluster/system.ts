/** Functions of the operating system that no module of the runtime has. */

const LIBRARY = "libc.so.6";

/** An address; `null` is that of nothing. */
export type Pointer = object | null;

/** The functions. */
export interface System {
  open(path: Uint8Array, flags: number): number;
  mmap(
    at: Pointer,
    bytes: bigint,
    protection: number,
    flags: number,
    file: number,
    offset: bigint,
  ): Pointer;
  munmap(pointer: Pointer, bytes: bigint): number;
  poll(files: Uint8Array, count: bigint, ms: number): number;
}

/** What is used of the runtime's own API. */
interface Runtime {
  readonly UnsafePointer: { value(pointer: Pointer): number | bigint };
  readonly UnsafePointerView: {
    getArrayBuffer(pointer: Pointer, bytes: number, offset?: number): ArrayBuffer;
  };
  dlopen(library: string, symbols: object): { readonly symbols: System };
}

const { Deno: runtime } = globalThis as unknown as { Deno: Runtime };

/** Loads them; gives `undefined` where there are none of these names. */
export function loadSystem(): System | undefined {
  try {
    return runtime.dlopen(LIBRARY, {
      open: { parameters: ["buffer", "i32"], result: "i32" },
      mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
      munmap: { parameters: ["pointer", "usize"], result: "i32" },
      poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
    }).symbols;
  } catch {
    return undefined;
  }
}

/** The number of an address. */
export function addressOf(pointer: Pointer): bigint {
  return BigInt(runtime.UnsafePointer.value(pointer));
}

/** The memory from an address on; it is not kept there by that. */
export function bufferAt(pointer: Pointer, bytes: number, offset = 0): ArrayBuffer {
  return runtime.UnsafePointerView.getArrayBuffer(pointer, bytes, offset);
}

/** Opens a file, until the process ends. */
export function openFile(system: System, path: string, flags: number): number {
  const CLOSE_ON_EXEC = 0o2000000;
  const file = system.open(new TextEncoder().encode(`${path}\0`), flags | CLOSE_ON_EXEC);
  if (file < 0) throw new Error(`${path} can't be opened.`);
  return file;
}
