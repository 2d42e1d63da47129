/** Values for people: what kind and how much of it, and of much only the beginning. */

import { LazyTable } from "../storage/mod.ts";
import { shapedArray } from "./_arrays.ts";
import { ArrayPreview } from "./_lazy.ts";
import { cut, escapeControls } from "./_text.ts";

/** How much of a value is shown. */
export interface ShowOptions {
  /** Show everything, however long and deep it is. */
  readonly all?: boolean;
}

const WIDTH = 100;
const INDENT = "  ";
const MOST_LETTERS = 1_000;
const MOST_DEPTH = 4;
// Up to so many elements a list is shown whole; of a longer one, only its first.
const SHORT_LIST = 20;
const FIRST_NUMBERS = 8;
const FIRST_PARTS = 3;
const MOST_KEYS = [60, 30, 20, 10];
// In the first numbers of many, more digits would only take room.
const FEW_DIGITS = 6;

/** A value as text of one or more lines. */
export function showValue(value: unknown, options: ShowOptions = {}): string {
  try {
    return new Shower(options.all ?? false).show(value);
  } catch (error) {
    if (error instanceof RangeError) return "A value that is nested too deeply to be shown.";
    throw error;
  }
}

class Shower {
  readonly #all: boolean;
  readonly #path: unknown[] = [];

  constructor(all: boolean) {
    this.#all = all;
  }

  show(value: unknown): string {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "bigint") return `${value}n`;
    if (Object.is(value, -0)) return "-0";
    if (typeof value === "function") return `[function ${escapeControls(value.name)}]`;
    if (typeof value !== "object" || value === null) return escapeControls(String(value));
    if (this.#path.includes(value)) return "[circular]";
    this.#path.push(value);
    try {
      return this.#object(value);
    } finally {
      this.#path.pop();
    }
  }

  #object(value: object): string {
    if (value instanceof Date) {
      return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    }
    if (value instanceof RegExp) return escapeControls(String(value));
    if (value instanceof Error) return this.#error(value);
    if (value instanceof ArrayBuffer) return this.#numbers("ArrayBuffer", new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return this.#view(value);
    if (Array.isArray(value)) return this.#array(value);
    if (value instanceof Set) return this.#list(`Set(${amount(value.size)})`, value.size, value);
    if (value instanceof Map) return this.#map(value);
    if (value instanceof ArrayPreview) return this.#stored(value);
    if (value instanceof LazyTable) return this.#table(value);
    const boxed = value.valueOf();
    if (boxed !== value && typeof boxed !== "object") return `[boxed ${this.show(boxed)}]`;
    return this.#record(value);
  }

  #text(text: string): string {
    const shown = JSON.stringify(this.#all ? text : text.slice(0, MOST_LETTERS));
    const rest = this.#all ? 0 : text.length - MOST_LETTERS;
    // JSON leaves some that terminals act on.
    return escapeControls(shown) + (rest > 0 ? `… and ${amount(rest)} more characters` : "");
  }

  #view(view: ArrayBufferView): string {
    if (view instanceof DataView) {
      return this.#numbers(
        "DataView",
        new Uint8Array(view.buffer, view.byteOffset, view.byteLength),
      );
    }
    const numbers = view as Float64Array;
    return this.#numbers(classOf(view), numbers);
  }

  #numbers(kind: string, numbers: ArrayLike<number | bigint>): string {
    const isWhole = this.#all || numbers.length <= SHORT_LIST;
    const first = Array.from(
      { length: isWhole ? numbers.length : FIRST_NUMBERS },
      (_, i) => showNumber(numbers[i], isWhole),
    );
    const head = `${kind}(${amount(numbers.length)})`;
    return `${head} ${this.#wrap("[", isWhole ? first : [...first, "…"], "]")}`;
  }

  #array(list: readonly unknown[]): string {
    const areNumbers = list.length > SHORT_LIST && !this.#all && list.slice(0, FIRST_NUMBERS)
      .every((element, i) => i in list && typeof element === "number");
    if (areNumbers) return this.#numbers("Array", list as number[]);
    const head = list.length > SHORT_LIST ? `Array(${amount(list.length)}) ` : "";
    const elements = Object.keys(list).length === list.length ? list : withHoles(list);
    return this.#list(head.trimEnd(), list.length, elements, "[", "]");
  }

  #list(
    head: string,
    length: number,
    elements: Iterable<unknown>,
    open = "{",
    close = "}",
  ): string {
    if (length > 0 && this.#isTooDeep()) return `${head || `Array(${amount(length)})`} …`;
    const isWhole = this.#all || length <= SHORT_LIST;
    const parts: string[] = [];
    let isSimple = true;
    for (const element of elements) {
      if (!isWhole && parts.length === (isSimple ? FIRST_NUMBERS : FIRST_PARTS)) break;
      isSimple &&= typeof element !== "object" || element === null;
      parts.push(element === HOLE ? "(empty)" : this.show(element));
    }
    if (!isWhole) parts.push("…");
    return [head, this.#wrap(open, parts, close)].filter(Boolean).join(" ");
  }

  #map(map: ReadonlyMap<unknown, unknown>): string {
    const head = `Map(${amount(map.size)})`;
    if (map.size > 0 && this.#isTooDeep()) return `${head} …`;
    const entries = this.#firstOf(map);
    const parts = entries.map(([key, value]) => `${this.show(key)} → ${this.show(value)}`);
    return `${head} ${this.#wrap("{", this.#withRest(parts, map.size), "}")}`;
  }

  #record(record: object): string {
    const array = shapedArray(record);
    if (array) {
      const { shape, data } = array;
      return `${axes(shape)} ${this.#numbers(classOf(data), data)}`.trimStart();
    }
    const kind = kindOf(record);
    const keys = Object.keys(record);
    if (keys.length > 0 && this.#isTooDeep()) {
      return `${kind}{${cut(keys.map(showKey).join(", "), 40)}}`;
    }
    const parts = this.#firstOf(keys).map((key) =>
      `${showKey(key)}: ${this.show((record as Record<string, unknown>)[key])}`
    );
    return kind + this.#wrap("{", this.#withRest(parts, keys.length), "}");
  }

  #stored({ array: { shape, dtype, chunks }, numbers }: ArrayPreview): string {
    const isOne = chunks.every((length, axis) => length >= shape[axis]);
    const where = isOne ? "one chunk" : `chunks of ${axes(chunks)}`;
    return `${axes(shape)} ${this.#numbers(dtype, numbers)} stored in ${where}`.trimStart();
  }

  #table({ columns, numRows }: LazyTable): string {
    const parts = this.#firstOf(columns).map(({ name, type }) => `${showKey(name)}: ${type}`);
    const shown = this.#wrap("{", this.#withRest(parts, columns.length), "}");
    return `table of ${amount(numRows)} rows ${shown}`;
  }

  #error(error: Error): string {
    const fields = Object.keys(error).filter((key) => !["stack", "message", "name"].includes(key));
    const own = error as unknown as Record<string, unknown>;
    const parts = fields.map((key) => `${showKey(key)}: ${this.show(own[key])}`);
    if (error.cause !== undefined) parts.push(`cause: ${this.show(error.cause)}`);
    const head = escapeControls(`${error.name}: ${error.message}`);
    return parts.length > 0 ? `${head} ${this.#wrap("{", parts, "}")}` : head;
  }

  #isTooDeep(): boolean {
    return !this.#all && this.#path.length > MOST_DEPTH;
  }

  #firstOf<T>(entries: Iterable<T>): T[] {
    const most = this.#mostKeys();
    const first: T[] = [];
    for (const entry of entries) {
      if (first.length === most) break;
      first.push(entry);
    }
    return first;
  }

  #withRest(parts: string[], size: number): string[] {
    const rest = size - parts.length;
    return rest > 0 ? [...parts, `… and ${amount(rest)} more`] : parts;
  }

  #mostKeys(): number {
    return this.#all ? Infinity : MOST_KEYS[Math.min(this.#path.length, MOST_KEYS.length) - 1];
  }

  /** On one line if there is room; else numbers fill lines, and other parts have lines of their own. */
  #wrap(open: string, parts: readonly string[], close: string): string {
    if (parts.length === 0) return open + close;
    const room = WIDTH - INDENT.length * (this.#path.length - 1);
    const line = parts.join(", ");
    const pad = open === "{" ? " " : "";
    if (line.length <= room && !line.includes("\n")) return open + pad + line + pad + close;
    const areShort = parts.every((part) => part.length < 30 && !/[\n:→]/.test(part));
    const lines = areShort ? fillLines(parts, room) : parts.map((part) => `${part},`);
    const inner = lines.join("\n").replace(/^/gm, INDENT).replace(/,$/, "");
    return `${open}\n${inner}\n${close}`;
  }
}

function fillLines(parts: readonly string[], room: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const part of parts) {
    if (line.length + part.length + 2 > room) {
      lines.push(line.trimEnd());
      line = "";
    }
    line += `${part}, `;
  }
  return [...lines, line.trimEnd()];
}

const HOLE = Symbol("hole");

function* withHoles(list: readonly unknown[]): Iterable<unknown> {
  for (let i = 0; i < list.length; i++) yield i in list ? list[i] : HOLE;
}

function showNumber(number: number | bigint, isExact: boolean): string {
  if (typeof number === "bigint") return `${number}n`;
  if (Object.is(number, -0)) return "-0";
  return String(isExact ? number : Number(number.toPrecision(FEW_DIGITS)));
}

function classOf(thing: unknown): string {
  return Object.prototype.toString.call(thing).slice("[object ".length, -1);
}

function kindOf(thing: object): string {
  const name = Object.getPrototypeOf(thing)?.constructor?.name;
  return name === undefined || name === "Object" ? "" : `${name} `;
}

function showKey(key: string): string {
  return /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)
    ? cut(key, 100)
    : escapeControls(JSON.stringify(cut(key, 100)));
}

function axes(lengths: readonly number[]): string {
  return lengths.map(amount).join(" × ");
}

function amount(n: number): string {
  return n.toLocaleString("en");
}
