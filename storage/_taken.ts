/** What serializers keep of values: found, written and loaded. */

import { CodecError, isFuseError, UnsupportedError } from "../core/errors.ts";
import type { Place } from "./object_store.ts";
import { RecordingPlace, type SealedFile, SealedPlace } from "./_sealed_places.ts";
import type { Finder, Taken as TakenBy } from "../encoding/mod.ts";
import type { Notes, Serializer } from "./serializers/serializer.ts";

type Taken = TakenBy<Serializer>;

/** What an object says of one thing that a serializer keeps: nothing that differs from save to save. */
interface TakenRecord {
  readonly serializer: string;
  readonly notes: Notes;
  readonly files: readonly SealedFile[];
}

/** The serializers of a storage. */
export class Serializers {
  readonly #registered = new Map<string, Serializer>();
  readonly #stock: readonly Serializer[];

  /** `stock` are those that load without being registered. */
  constructor(stock: readonly Serializer[]) {
    this.#stock = stock;
  }

  register(serializers: readonly Serializer[]): void {
    for (const serializer of serializers) {
      checkSerializer(serializer);
      if (this.#registered.has(serializer.name)) {
        throw new TypeError(
          `Cannot register the serializer "${serializer.name}" as one of that name is there already.`,
        );
      }
      this.#registered.set(serializer.name, serializer);
    }
  }

  /** Finds the serializer of a value; `undefined` where there are none, so that nothing is looked for. */
  get finder(): Finder<Serializer> | undefined {
    if (this.#registered.size === 0) return undefined;
    const all = this.registered;
    return (value) => all.find((serializer) => serializer.test(value));
  }

  /** Those that were registered. */
  get registered(): Serializer[] {
    return [...this.#registered.values()];
  }

  /** Whether a serializer has more to remove than its places. */
  get removesMore(): boolean {
    return this.#registered.values().some(({ remove }) => remove !== undefined);
  }

  /** Lets a serializer remove what it keeps beside a place, if it is known here. */
  async remove(name: string, place: Place, notes: Notes): Promise<void> {
    await this.#registered.get(name)?.remove?.(place, notes);
  }

  /** Finds a serializer by its name. */
  find(name: string): Serializer {
    const found = this.#registered.get(name) ?? this.#stock.find((stock) => stock.name === name);
    if (found) return found;
    throw new UnsupportedError(
      `A part of it was saved by the serializer "${name}", which is not known here: ` +
        `make it known by storage.registerSerializers(…).`,
    );
  }
}

/** Has serializers write what they take, and gives what the object will say of it, with the size of all. */
export async function writeTaken(
  taken: readonly Taken[],
  placeOf: (index: number) => Place,
): Promise<{ records: Uint8Array<ArrayBuffer>; bytes: number }> {
  const records: TakenRecord[] = [];
  for (const { index, value, serializer } of taken) {
    const place = new RecordingPlace(placeOf(index));
    const notes = await save(serializer, value, place);
    records.push({ serializer: serializer.name, notes, files: await place.seal() });
  }
  const bytes = records.flatMap(({ files }) => files.map(([, bytes]) => bytes))
    .reduce((sum, bytes) => sum + bytes, 0);
  return { records: new TextEncoder().encode(JSON.stringify(records)), bytes };
}

/**
 * Gives what serializers make of what they kept.
 *
 * @throws {CodecError} If it is not what was written.
 * @throws {UnsupportedError} If a serializer is not there, or fails.
 */
export async function loadTaken(
  text: ArrayBuffer,
  serializers: Serializers,
  { placeOf, setAside }: {
    placeOf(index: number): Place;
    /** Called when a part turns out to be damaged later, when it is read. */
    setAside(): Promise<boolean>;
  },
): Promise<unknown[]> {
  const records: TakenRecord[] = JSON.parse(new TextDecoder().decode(text));
  // Until all is loaded, who reads the value finds out by itself.
  let isLoaded = false;
  const setAsideLater = () => isLoaded ? setAside() : Promise.resolve(false);
  const loaded = await Promise.all(records.map(async (record, index) => {
    const serializer = serializers.find(record.serializer);
    const place = new SealedPlace(placeOf(index), record.files, setAsideLater);
    await place.check();
    return await load(serializer, place, record.notes);
  }));
  isLoaded = true;
  return loaded;
}

/** Lets serializers remove what they kept, before its places go. */
export async function removeTaken(
  text: ArrayBuffer,
  serializers: Serializers,
  placeOf: (index: number) => Place,
): Promise<void> {
  const records: TakenRecord[] = JSON.parse(new TextDecoder().decode(text));
  for (const [index, { serializer, notes }] of records.entries()) {
    await serializers.remove(serializer, placeOf(index), notes);
  }
}

async function save(serializer: Serializer, value: object, place: Place): Promise<Notes> {
  try {
    return await serializer.save(value, place) ?? null;
  } catch (error) {
    if (isFuseError(error)) throw error;
    throw new CodecError(
      `The value can't be stored: the serializer "${serializer.name}" failed: ${error}`,
      { cause: error },
    );
  }
}

async function load(serializer: Serializer, place: Place, notes: Notes): Promise<unknown> {
  try {
    return await serializer.load(place, notes);
  } catch (error) {
    if (isFuseError(error)) throw error;
    // The bytes are what was written, so nothing is damaged.
    throw new UnsupportedError(
      `The serializer "${serializer.name}" can't load what it saved: ${error}`,
      { cause: error },
    );
  }
}

function checkSerializer(serializer: Serializer): void {
  const { name, test, save, load, remove } = serializer ?? {};
  const isName = typeof name === "string" && name !== "";
  const areMethods = [test, save, load, remove ?? load].every((method) =>
    typeof method === "function"
  );
  if (isName && areMethods) return;
  throw new TypeError(
    "Cannot register a serializer as it must have a 'name', which is a text of at least one character, and the " +
      "methods 'test', 'save' and 'load', and may have 'remove'.",
  );
}
