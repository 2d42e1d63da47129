/** What exact reuse needs to know of code and arguments. */

import { createHash } from "node:crypto";
import * as crypto from "node:crypto";
import type { RecipeReader } from "../core/storage.ts";
import { CodecError, isFuseError } from "../core/errors.ts";
import { readCode } from "../code/mod.ts";
import { encodeValue } from "../encoding/mod.ts";
import { LazyArray } from "./serializers/lazy_array.ts";
import { LazyTable } from "./serializers/lazy_table.ts";

/** Reads recipes in the way of all storages of this library. */
export const recipes: RecipeReader = { digest, digestValue, readCode };

function digest(...texts: readonly string[]): string {
  // With lengths, so that texts put together otherwise are others.
  return crypto.hash("sha256", texts.map((text) => `${text.length} ${text}`).join(""));
}

function digestValue(value: unknown): { digest: string; unfollowed?: string } {
  try {
    return { digest: digestPlain(value) };
  } catch (error) {
    if (!isFuseError(error, "CodecError")) throw error;
    // Its cause is a text or a number that is too long, or nesting that is too deep.
    if (error.cause instanceof RangeError) throw error;
    const copier = new DescribingCopier();
    return { digest: digestPlain(copier.copy(value)), unfollowed: copier.unfollowed };
  }
}

function digestPlain(value: unknown): string {
  const { encoding, text, parts } = encodeValue(value);
  if (parts.length === 0) return digest(encoding, text);
  const hash = createHash("sha256").update(encoding).update("\u0000").update(text);
  for (const part of parts) hash.update(`\u0000${part.length}\u0000`).update(part);
  return hash.digest("hex");
}

// Far from where the stack ends.
const DEEPEST = 1_000;

/** Copies a value with descriptions in the places of functions and instances, which can't be stored. */
class DescribingCopier {
  unfollowed: string | undefined;
  readonly #copies = new Map<object, unknown>();
  #depth = 0;

  copy(value: unknown): unknown {
    if (typeof value === "function") {
      this.unfollowed = "a function among its arguments is compared by its own text alone";
      return { "\u0000function": sourceOf(value as AnyCode) };
    }
    if (typeof value === "symbol") return { "\u0000symbol": String(value) };
    if (typeof value !== "object" || value === null) return value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    if (++this.#depth > DEEPEST) throw new CodecError("It is nested too deeply to be compared.");
    const copy = Array.isArray(value) ? this.#fill(value, []) : this.#copyObject(value);
    this.#depth--;
    return copy;
  }

  #copyObject(value: object): unknown {
    if (value instanceof Map) {
      const entries = new Map();
      this.#copies.set(value, entries);
      for (const [key, entry] of value) entries.set(this.copy(key), this.copy(entry));
      return entries;
    }
    if (value instanceof Set) {
      const entries = new Set();
      this.#copies.set(value, entries);
      for (const entry of value) entries.add(this.copy(entry));
      return entries;
    }
    const { constructor } = Object.getPrototypeOf(value) ?? {};
    if (constructor === Object || constructor === undefined) return this.#fill(value, {});
    if (value instanceof LazyArray || value instanceof LazyTable) {
      return { "\u0000handle": value.identity };
    }
    // Dates, typed arrays and others that are kept as they are.
    if (isStorable(value)) return value;
    const source = sourcesOf(constructor);
    if (/#[\p{ID_Start}$_]/u.test(source)) {
      throw new CodecError(
        `An instance of ${constructor.name} has private fields, which can't be compared.`,
      );
    }
    this.unfollowed = `an instance of ${constructor.name} among its arguments is compared by ` +
      "its fields and the text of its class alone";
    return this.#fill(value, { "\u0000class": source });
  }

  #fill(from: object, to: object): object {
    this.#copies.set(from, to);
    for (const key of Object.keys(from)) {
      const value = this.copy(from[key as never]);
      Object.defineProperty(to, key, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return to;
  }
}

function isStorable(value: object): boolean {
  try {
    encodeValue(value);
    return true;
  } catch {
    return false;
  }
}

/** The text of a class and of those that it extends. */
function sourcesOf(constructor: AnyCode): string {
  const sources: string[] = [];
  for (let code = constructor; code !== Function.prototype; code = Object.getPrototypeOf(code)) {
    sources.push(sourceOf(code));
  }
  return sources.join("\n");
}

type AnyCode = (...args: never[]) => unknown;

function sourceOf(code: AnyCode): string {
  const source = Function.prototype.toString.call(code);
  if (!source.includes("[native code]")) return source;
  throw new CodecError(
    `Nothing tells ${
      code.name ? `${code.name}, which is` : ""
    } a function of the runtime or one with bound arguments, from others.`,
  );
}
