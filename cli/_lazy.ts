/** Values with parts that were left where they are stored: big arrays and tables. */

import { LazyArray, LazyTable } from "../storage/mod.ts";

/** What of a stored array is shown: its kind, and of its numbers the first. */
export class ArrayPreview {
  constructor(
    readonly array: LazyArray,
    /** As long as the array; only the first are there. */
    readonly numbers: ArrayLike<number | bigint>,
  ) {}
}

type Load = (handle: LazyArray | LazyTable) => Promise<unknown>;

/** The value with all of its arrays, as data and shape, and all of its tables, as lists of records. */
export function readWhole(value: unknown): Promise<unknown> {
  return replaceHandles(
    value,
    (handle) => handle instanceof LazyArray ? handle.read() : handle.rows(),
  );
}

/** The value with the beginnings of its arrays. */
export function readBeginnings(value: unknown): Promise<unknown> {
  return replaceHandles(
    value,
    async (handle) => handle instanceof LazyArray ? await beginningOf(handle) : handle,
  );
}

const MOST_NUMBERS = 20;

async function beginningOf(array: LazyArray): Promise<ArrayPreview> {
  let size = 1;
  // The last axes whole as long as they are short, of the next one its beginning, of the others their first index.
  const selection = array.shape.toReversed().map((length): [number, number] => {
    const wanted = Math.min(length, Math.ceil(MOST_NUMBERS / size));
    size *= length;
    return [0, wanted];
  }).reverse();
  const { data } = await array.get(selection);
  return new ArrayPreview(array, { ...data, length: array.size });
}

/** Looks for handles wherever plain data may hold them; what holds none stays as it is. */
async function replaceHandles(value: unknown, load: Load): Promise<unknown> {
  const handles = new Set<LazyArray | LazyTable>();
  collect(value, handles, new Set());
  if (handles.size === 0) return value;
  const loaded = new Map<unknown, unknown>();
  for (const handle of handles) loaded.set(handle, await load(handle));
  return copy(value, loaded);
}

function collect(value: unknown, handles: Set<LazyArray | LazyTable>, seen: Set<object>): void {
  const open = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    seen.add(next);
    if (next instanceof LazyArray || next instanceof LazyTable) handles.add(next);
    else for (const part of partsOf(next)) open.push(part);
  }
}

function partsOf(thing: object): Iterable<unknown> {
  if (Array.isArray(thing) || thing instanceof Set) return thing;
  if (thing instanceof Map) return [...thing].flat();
  return isPlain(thing) ? Object.values(thing) : [];
}

/** `copies` has what is known already, which is also how a part that leads back to itself is copied. */
function copy(value: unknown, copies: Map<unknown, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  const keep = <T>(made: T): T => {
    copies.set(value, made);
    return made;
  };
  if (Array.isArray(value)) {
    const made = keep(new Array<unknown>(value.length));
    value.forEach((part, i) => made[i] = copy(part, copies));
    return made;
  }
  if (value instanceof Map) {
    const made = keep(new Map());
    for (const [key, part] of value) made.set(copy(key, copies), copy(part, copies));
    return made;
  }
  if (value instanceof Set) {
    const made = keep(new Set());
    for (const part of value) made.add(copy(part, copies));
    return made;
  }
  if (!isPlain(value)) return value;
  const made: Record<string, unknown> = keep({});
  for (const [key, part] of Object.entries(value)) {
    // Defined, as `__proto__` may be a key like others.
    const field = { value: copy(part, copies), enumerable: true, writable: true };
    Object.defineProperty(made, key, { ...field, configurable: true });
  }
  return made;
}

function isPlain(thing: object): boolean {
  return Object.getPrototypeOf(thing) === Object.prototype;
}
