/**
 * What survives the way to another process: what structured clone keeps.
 *
 * Structured clone silently drops the class of an instance and the fields of an error, and refuses functions. A value with
 * such a part is not moved, as its readers would get something else than on a serial backend.
 */

const PLAIN_CLASSES: ReadonlySet<object | null> = new Set([
  null,
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Set.prototype,
  Date.prototype,
  RegExp.prototype,
  ArrayBuffer.prototype,
  SharedArrayBuffer.prototype,
  DataView.prototype,
  Boolean.prototype,
  Number.prototype,
  String.prototype,
  ...[
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
  ].map((type) => type.prototype as object),
  ...[Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((type) =>
    type.prototype
  ),
]);
// JavaScriptCore notes places in fields, and its structured clone drops causes.
const KEPT_OF_ERRORS = new Set([
  ...["message", "stack", "line", "column", "sourceURL", "originalLine", "originalColumn"],
  ...(structuredClone(new Error("", { cause: 1 })).cause === 1 ? ["cause"] : []),
]);

/**
 * Finds the first part of a value that would not arrive as it is, such as `value.model (an instance of KNN)`.
 *
 * @returns `undefined` if all of it arrives.
 */
export function findUnmovable(value: unknown): string | undefined {
  const simple = unmovableLeaf(value);
  if (simple !== undefined) return `value (${simple})`;
  if (typeof value !== "object" || value === null) return undefined;
  const seen = new Map<object, [parent: object | undefined, key: string]>([[value, [
    undefined,
    "",
  ]]]);
  const open: object[] = [value];
  for (let object = open.pop(); object; object = open.pop()) {
    let found: string | undefined;
    forEachPart(object, (part, key) => {
      if (typeof part !== "object" && typeof part !== "function" && typeof part !== "symbol") {
        return;
      }
      const problem = unmovableLeaf(part);
      if (problem !== undefined) found ??= `${pathOf(seen, object, key)} (${problem})`;
      else if (part !== null && typeof part === "object" && !seen.has(part)) {
        seen.set(part, [object, key]);
        open.push(part);
      }
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

function unmovableLeaf(value: unknown): string | undefined {
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value !== "object" || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  if (!PLAIN_CLASSES.has(prototype)) {
    const name = prototype.constructor?.name;
    return typeof name === "string" && name !== ""
      ? `an instance of ${name}`
      : "an object of a class";
  }
  if (value instanceof Error) {
    const extra = Object.getOwnPropertyNames(value).find((key) => !KEPT_OF_ERRORS.has(key));
    if (extra !== undefined) return `an error with the field "${extra}"`;
  } else if (!Array.isArray(value) && !ArrayBuffer.isView(value)) {
    for (const key of Object.keys(value)) {
      if (Object.getOwnPropertyDescriptor(value, key)!.get) {
        return `an object with the getter "${key}"`;
      }
    }
  }
  return undefined;
}

function forEachPart(object: object, visit: (part: unknown, key: string) => void): void {
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return;
  if (Array.isArray(object)) {
    // Faster than by keys; what else an array has is looked at only if there is something.
    for (let i = 0; i < object.length; i++) visit(object[i], `[${i}]`);
    return;
  }
  if (object instanceof Map) {
    for (const [key, part] of object) {
      visit(key, ".key");
      visit(part, ".get(…)");
    }
  } else if (object instanceof Set) {
    for (const part of object) visit(part, ".item");
  } else if (object instanceof Error) {
    if ("cause" in object) visit(object.cause, ".cause");
  }
  for (const key of Object.keys(object)) visit(object[key as keyof typeof object], `.${key}`);
}

function pathOf(
  seen: ReadonlyMap<object, readonly [parent: object | undefined, key: string]>,
  object: object,
  key: string,
): string {
  const keys = [key];
  for (let at: object | undefined = object; at;) {
    const [parent, name]: readonly [object | undefined, string] = seen.get(at)!;
    keys.push(name);
    at = parent;
  }
  return `value${keys.reverse().join("")}`;
}

// A smaller buffer is cloned about as fast as it is handed over.
const WORTH_HANDING_OVER = 64 * 1024;
const MOST_LOOKED_AT = 2_000;

/** What is large in a value. */
export interface Bulk {
  /** About how many bytes it has. */
  readonly bytes: number;
  /** The buffers that are worth handing over instead of cloning. */
  readonly buffers: readonly ArrayBuffer[];
  /** Whether all parts were looked at; if not, there may be more buffers. */
  readonly isWhole: boolean;
}

const NOTHING: Bulk = { bytes: 0, buffers: [], isWhole: true };

/** Weighs a value, looking at a limited number of its parts. */
export function weigh(value: unknown): Bulk {
  if (typeof value === "string") return { ...NOTHING, bytes: value.length };
  if (typeof value !== "object" || value === null) return NOTHING;
  const buffers = new Set<ArrayBuffer>();
  const seen = new Set<object>([value]);
  const open: object[] = [value];
  let bytes = 0;
  let looked = 0;
  let isWhole = true;
  for (let object = open.pop(); object; object = open.pop()) {
    const buffer = ArrayBuffer.isView(object) ? object.buffer : object;
    if (buffer instanceof ArrayBuffer) {
      if (!buffers.has(buffer)) bytes += buffer.byteLength;
      if (buffer.byteLength >= WORTH_HANDING_OVER) buffers.add(buffer);
      continue;
    }
    if (Array.isArray(object) && isOfPrimitives(object)) {
      bytes += 8 * object.length;
      continue;
    }
    forEachPart(object, (part) => {
      bytes += typeof part === "string" ? part.length : 8;
      if (typeof part !== "object" || part === null || seen.has(part)) return;
      if (++looked > MOST_LOOKED_AT) isWhole = false;
      else {
        seen.add(part);
        open.push(part);
      }
    });
  }
  return { bytes, buffers: [...buffers], isWhole };
}

/** By a few samples and a whole look only where those say yes: long arrays are mostly of one kind. */
function isOfPrimitives(array: readonly unknown[]): boolean {
  const isPrimitive = (part: unknown) => typeof part !== "object" || part === null;
  return isPrimitive(array[0]) && isPrimitive(array[array.length >> 1]) && array.every(isPrimitive);
}
