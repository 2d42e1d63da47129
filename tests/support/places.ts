/** Storages whose places tests can look into. */

import { FileStorage, type Place, TaskStorage } from "functionfuse/storage";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { FilePlace } from "../../storage/_places.ts";
import { MemoryObjects } from "../../storage/memory.ts";
import type { TestedPlaces } from "../contract/serializer.ts";

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

/** A folder that is removed when all tests of a file have run. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "functionfuse-places-"));
  folders.push(folder);
  return folder;
}

/** A folder's files as a place. */
export function placeOf(path: string): Place {
  return new FilePlace(path, async (_operation, _path, action) => await action());
}

/** A storage in a new folder. */
export function openFiles(path: string = temporaryFolder()): TestedPlaces {
  return {
    storage: new FileStorage({ path }),
    place: (name) => placeOf(join(path, "w", name)),
  };
}

/** A storage in memory. */
export function openMemory(): TestedPlaces {
  const objects = new MemoryObjects();
  return { storage: new TaskStorage(objects), place: (name) => objects.place("w", name) };
}

/** A place that notes what is read from it. */
export class CountingPlace implements Place {
  readonly path: string | undefined;
  readonly location: string;
  readonly #place: Place;
  /** The names of files, each as often as it was read. */
  reads: string[] = [];
  bytes = 0;

  constructor(place: Place) {
    this.#place = place;
    this.path = place.path;
    this.location = place.location;
  }

  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#place.write(name, bytes);
  }

  size(name: string): Promise<number | undefined> {
    return this.#place.size(name);
  }

  async read(name: string, range?: { offset: number; length: number }) {
    const bytes = await this.#place.read(name, range);
    this.reads.push(name);
    this.bytes += bytes?.length ?? 0;
    return bytes;
  }

  list(): Promise<Map<string, number>> {
    return this.#place.list();
  }

  remove(): Promise<void> {
    return this.#place.remove();
  }

  /** What was read by an action: names of files, and bytes. */
  async during(action: () => Promise<unknown>): Promise<{ reads: string[]; bytes: number }> {
    this.reads = [];
    this.bytes = 0;
    await action();
    return { reads: this.reads.toSorted(), bytes: this.bytes };
  }
}
