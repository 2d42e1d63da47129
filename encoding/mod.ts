/**
 * Values as text and binary parts, and back: everything that structured clone keeps.
 *
 * A value that JSON keeps as it is becomes JSON; one that JSON keeps but for some dates and the like, JSON with tags. Any
 * other goes through devalue, which knows cycles, shared references and
 * JavaScript's own types; what is added here are binary parts for buffers and long lists of numbers, and errors.
 */

import { Buffer } from "node:buffer";
import { DevalueError, parse, stringify } from "./_libraries.ts";
import { CodecError, UnsupportedError } from "../core/errors.ts";
import { fillShells, makeShell, type Shell } from "./_shells.ts";
import {
  type Finder,
  isJson,
  isLongNumberList,
  type Survey,
  survey,
  type Taken,
} from "./_survey.ts";
import { decodeTagged, encodeTagged } from "./_tagged.ts";

export type { Finder, Taken } from "./_survey.ts";

/** How the text is to be read. */
export type Encoding = "json" | "tagged" | "devalue";

/** A value in pieces. */
export interface EncodedValue<S = unknown> {
  readonly encoding: Encoding;
  readonly text: string;
  readonly parts: readonly Uint8Array<ArrayBuffer>[];
  /** What serializers keep, in the order of the numbers that stand for it in the text. */
  readonly taken: readonly Taken<S>[];
}

type View = ArrayBufferView<ArrayBuffer>;
type ViewClass = new (buffer: ArrayBuffer, byteOffset: number, length: number) => View;
// Type, part, byte offset within the part, length in elements.
type ViewPayload = [type: string, part: number, byteOffset: number, length: number];

/**
 * Takes a value apart; what `find` finds a serializer for is left to that.
 *
 * @throws {CodecError} If a part of it can't be stored, saying where it is and what it is.
 */
export function encodeValue<S = never>(value: unknown, find?: Finder<S>): EncodedValue<S> {
  try {
    if (isJson(value, find)) {
      return { encoding: "json", text: JSON.stringify(value), parts: [], taken: [] };
    }
    const tagged = encodeTagged(value, find);
    if (tagged !== undefined) return { encoding: "tagged", text: tagged, parts: [], taken: [] };
    return encodeWithParts(value, survey(value, find));
  } catch (error) {
    throw explain(error);
  }
}

/** Puts a value together from its pieces and from what serializers gave; the parts' buffers become the value's own. */
export function decodeValue(
  encoding: string,
  text: string,
  parts: readonly ArrayBuffer[],
  loaded: readonly unknown[] = [],
): unknown {
  if (encoding === "json") return JSON.parse(text);
  if (encoding === "tagged") return decodeTagged(text);
  if (encoding !== "devalue") {
    throw new UnsupportedError(`The encoding "${encoding}" is not known: use a newer version.`);
  }
  const shells: unknown[] = [];
  const part = (index: number) => {
    if (index in parts) return parts[index];
    throw new CodecError(`Part ${index} is not there.`);
  };
  const [value, contents] = parse(text, {
    Taken: ([index]: [number]) => {
      if (index in loaded) return loaded[index];
      throw new CodecError(`What a serializer kept, number ${index}, is not there.`);
    },
    Buffer: ([index]: [number]) => part(index),
    View: ([type, index, byteOffset, length]: ViewPayload) =>
      type === "Buffer"
        ? Buffer.from(part(index), byteOffset, length)
        : new (viewClass(type))(part(index), byteOffset, length),
    Numbers: ([index]: [number]) => Array.from(new Float64Array(part(index))),
    Shell: ([index, kind]: [number, string]) => shells[index] ??= makeShell(kind),
  });
  fillShells(shells as object[], contents);
  return value;
}

function encodeWithParts<S>(value: unknown, { shells, ranges, taken }: Survey<S>): EncodedValue<S> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const placed = new Map<ArrayBufferLike, { part: number; start: number }>();
  const place = (buffer: ArrayBufferLike) => {
    let place = placed.get(buffer);
    if (!place) {
      const { start, end } = ranges.get(buffer)!;
      place = { part: parts.length, start };
      parts.push(copyIfShared(buffer, start, end));
      placed.set(buffer, place);
    }
    return place;
  };
  const contents = [...shells.values()].map((shell) => shell.fields);
  const text = stringify([value, contents], {
    Taken: (thing) => taken.has(thing) && [taken.get(thing)!.index],
    Buffer: (thing) => isBuffer(thing) && [place(thing).part],
    View: (thing) => {
      if (!ArrayBuffer.isView(thing)) return false;
      const { part, start } = place(thing.buffer);
      return [viewName(thing), part, thing.byteOffset - start, viewLength(thing)];
    },
    Numbers: (thing) => isLongNumberList(thing) && [parts.push(float64Bytes(thing)) - 1],
    Shell: (thing) => {
      const shell: Shell | undefined = shells.get(thing);
      return shell && [shell.index, shell.kind];
    },
  });
  return { encoding: "devalue", text, parts, taken: [...taken.values()] };
}

function float64Bytes(numbers: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Float64Array.from(numbers).buffer);
}

function isBuffer(thing: unknown): thing is ArrayBufferLike {
  return thing instanceof ArrayBuffer || thing instanceof SharedArrayBuffer;
}

function copyIfShared(
  buffer: ArrayBufferLike,
  start: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(buffer, start, end - start);
  return bytes.buffer instanceof ArrayBuffer ? bytes as Uint8Array<ArrayBuffer> : bytes.slice();
}

/** The name of a view's class; of one that extends a standard class, that one's. */
function viewName(view: ArrayBufferView): string {
  if (Buffer.isBuffer(view)) return "Buffer";
  return Object.prototype.toString.call(view).slice("[object ".length, -1);
}

function viewLength(view: ArrayBufferView): number {
  return view instanceof DataView ? view.byteLength : (view as Uint8Array).length;
}

function viewClass(type: string): ViewClass {
  const found = (globalThis as Record<string, unknown>)[type];
  const isView = /^(DataView|(Big)?(Int|Uint|Float)\d+(Clamped)?Array)$/.test(type);
  if (isView && typeof found === "function") return found as ViewClass;
  throw new UnsupportedError(`This runtime has no ${type}.`);
}

function explain(error: unknown): CodecError {
  if (error instanceof CodecError) return error;
  if (error instanceof DevalueError) {
    const path = error.path.replace(/^\[0\]|^\[1\].*?(?=\.|$)/, "");
    return new CodecError(
      `The value can't be stored: ${path ? `value${path}` : "it"} is ${describe(error.value)}. ` +
        `Return plain data, such as numbers, texts, arrays, typed arrays and plain objects.`,
      { cause: error },
    );
  }
  const reason = error instanceof RangeError
    ? "it is nested too deeply, or its text is too long. Return large data as typed arrays"
    : String(error);
  return new CodecError(`The value can't be stored: ${reason}.`, { cause: error });
}

function describe(thing: unknown): string {
  if (typeof thing === "function") return `the function ${thing.name || "(without a name)"}`;
  if (typeof thing === "symbol") return "a symbol";
  const name = Object.getPrototypeOf(thing)?.constructor?.name;
  return name && name !== "Object" ? `an instance of ${name}` : "an object with symbols as keys";
}
