/** Files and folders of users as places. */

import { basename, dirname, resolve } from "node:path";
import type { Place } from "../object_store.ts";
import { FilePlace } from "../_places.ts";

/** A folder as a place. */
export function placeOfFolder(path: string): Place {
  return new FilePlace(resolve(path), async (_operation, _path, action) => await action());
}

/** A file's folder as a place, and its name there. */
export function placeOfFile(path: string): { place: Place; name: string } {
  return { place: placeOfFolder(dirname(resolve(path))), name: basename(path) };
}
