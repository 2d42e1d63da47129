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
