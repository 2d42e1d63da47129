/**
 * The places of what serializers keep, beside the objects that refer to them.
 *
 * `parts/<object>/<id>/` is a place. Who writes or removes places first says so in `pending/<id>/`, and takes that back when
 * done: whatever a killed process has left is found there, a day later, without a look at everything else.
 */

import { CodecError, isFuseError } from "../core/errors.ts";
import { isPlaceId, newPlaceId, timeOfPlace } from "./_place_ids.ts";
import { type Header, readHeader } from "./codec.ts";
import type { ObjectStore, OpenObject, Place } from "./object_store.ts";

/** Finds out who wrote to the places of an object; what it gives lets them know that these are about to be removed. */
export type FindOwners = (
  object: OpenObject,
  header: Header,
  placeOf: (index: number) => Place,
) => Promise<() => Promise<void>>;

/** The places of an object, and what lets those know who wrote to them. */
interface Owned {
  readonly places: readonly string[];
  tellOwners(): Promise<void>;
}

const NONE: Owned = { places: [], tellOwners: () => Promise.resolve() };

/** An object, and places that are to be removed where it does not refer to them. */
interface Pending {
  readonly object: string;
  readonly places: readonly string[];
}

const PENDING = "pending";
const PENDING_FILE = "places.json";
// A file that stays, so that folders where serializers never wrote are known as such.
const USED_FILE = "used";
const LEFTOVER_AGE_MS = 24 * 60 * 60 * 1_000;

/** Gives, replaces and removes places; none is lost, whenever the process is killed. */
export class PartPlaces {
  readonly #objects: ObjectStore;
  /** Whether there may be places in a folder, as far as that is known. */
  readonly #used = new Map<string, boolean>();

  readonly #findOwners: FindOwners;

  constructor(objects: ObjectStore, findOwners: FindOwners) {
    this.#objects = objects;
    this.#findOwners = findOwners;
  }

  /** A place of an object. */
  at(folder: string, object: string, id: string): Place {
    if (!isPlaceId(id)) throw new CodecError(`It refers to a place of a strange name.`);
    return this.#objects.place(folder, `parts/${object}/${id}`);
  }

  /** Whether a folder has no places for sure. */
  isUnused(folder: string): boolean {
    // Another process may have begun to use some since this one looked.
    const has = this.#objects.hasPlace?.(folder, PENDING) ?? this.#used.get(folder);
    return has === false;
  }

  /**
   * Puts an object and its new places where there may be one already: first the places are written, then the object is
   * put, which counts at once, then the places of the one before are removed.
   */
  async replace<T>(
    folder: string,
    object: string,
    count: number,
    put: (places: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const before = await this.#placesBefore(folder, object);
    const places = Array.from({ length: count }, newPlaceId);
    if (count + before.places.length === 0) return await put(places);
    const done = await this.announce(folder, object, [...places, ...before.places]);
    try {
      const result = await put(places);
      await done(before.places, before.tellOwners);
      return result;
    } catch (error) {
      await done(places);
      throw error;
    }
  }

  /** Removes an object and its places, and gives whether there was one. */
  async removeObject(folder: string, object: string): Promise<boolean> {
    const { places, tellOwners } = await this.#placesBefore(folder, object);
    if (places.length === 0) return await this.#objects.remove(folder, object);
    const done = await this.announce(folder, object, places);
    const isRemoved = await this.#objects.remove(folder, object);
    await done(places, tellOwners);
    return isRemoved;
  }

  /**
   * Notes places that will be removed in a day if the object does not refer to them then. What it returns removes some of
   * them at once, and the note.
   */
  async announce(folder: string, object: string, places: readonly string[]) {
    if (!this.#used.get(folder)) {
      await this.#objects.place(folder, PENDING).write(USED_FILE, new Uint8Array());
      this.#used.set(folder, true);
    }
    const pending: Pending = { object, places };
    const note = this.#objects.place(folder, `${PENDING}/${newPlaceId()}`);
    await note.write(PENDING_FILE, new TextEncoder().encode(JSON.stringify(pending)));
    return async (superfluous: readonly string[], tellOwners?: () => Promise<void>) => {
      try {
        await tellOwners?.();
        await this.#remove(folder, object, superfluous);
        await note.remove();
      } catch {
        // The note is still there: they are left to `removeLeftovers`.
      }
    };
  }

  /** Removes what killed processes have left in a folder. */
  async removeLeftovers(folder: string): Promise<void> {
    const notes = this.#objects.place(folder, PENDING);
    const found = await notes.list();
    this.#used.set(folder, found.has(USED_FILE));
    for (const name of found.keys()) {
      const [id, file] = name.split("/");
      if (file !== PENDING_FILE || Date.now() - timeOfPlace(id) < LEFTOVER_AGE_MS) continue;
      if (!isPlaceId(id)) continue;
      const { object, places } = parsePending(await notes.read(name));
      const referred = object === "" ? NONE : await this.#ownedBy(folder, object);
      if (!referred) continue;
      await this.#remove(folder, object, places.filter((id) => !referred.places.includes(id)));
      await this.#objects.place(folder, `${PENDING}/${id}`).remove();
    }
  }

  /** Forgets what is known of a folder. */
  forget(folder: string): void {
    this.#used.delete(folder);
  }

  async #remove(folder: string, object: string, places: readonly string[]): Promise<void> {
    for (const id of places) await this.at(folder, object, id).remove();
  }

  async #placesBefore(folder: string, object: string): Promise<Owned> {
    const isUsed = this.#used.get(folder) ??
      (await this.#objects.place(folder, PENDING).list()).has(USED_FILE);
    this.#used.set(folder, isUsed);
    return isUsed ? await this.#ownedBy(folder, object) ?? NONE : NONE;
  }

  /** The places that an object refers to; `undefined` if only newer versions can tell. */
  async #ownedBy(folder: string, name: string): Promise<Owned | undefined> {
    const object = await this.#objects.open(folder, name);
    if (!object) return NONE;
    try {
      const header = await readHeader(object);
      const { places = [] } = header;
      if (places.length === 0) return NONE;
      const placeOf = (index: number) => this.at(folder, name, places[index]);
      return { places, tellOwners: await this.#findOwners(object, header, placeOf) };
    } catch (error) {
      if (isFuseError(error, "UnsupportedError")) return undefined;
      if (isFuseError(error, "CodecError")) return NONE;
      throw error;
    } finally {
      await object.close();
    }
  }
}

/** A note that was cut off, or that is none of ours, names nothing: it is written before the places are. */
function parsePending(bytes: Uint8Array | undefined): Pending {
  try {
    const { object, places } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Pending>;
    const isObject = typeof object === "string" && /^[^/\\]+\.fuse$/.test(object);
    if (isObject && Array.isArray(places) && places.every(isPlaceId)) return { object, places };
  } catch {
    // As said above.
  }
  return { object: "", places: [] };
}
