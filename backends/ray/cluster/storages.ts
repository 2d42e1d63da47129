/** The storages of a run, where it is carried out. */

import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StorageError } from "../../../core/errors.ts";
import type { StorageSpec } from "../../../core/storage.ts";
import type { DriverLink, Stored } from "./driver_link.ts";
import type { StoragePlace } from "./wire.ts";

/** By which a storage on a machine of the cluster finds the way to it; it belongs to another copy of this library. */
const PLACES = Symbol.for("functionfuse.places");

/** Lets storages on machines of the cluster reach these. */
export function openPlaces(driver: DriverLink): void {
  const ask = (place: StoragePlace, message: Uint8Array): Promise<Stored> =>
    driver.store(place, message);
  Object.assign(globalThis, { [PLACES]: ask });
}

/**
 * Refuses a folder that not all machines share: a run would not find its results again when its driver is on another one.
 *
 * @throws {StorageError} If there is such a machine.
 */
export async function checkShared(
  { kind, options }: StorageSpec,
  driver: Pick<DriverLink, "findBlind">,
): Promise<void> {
  if (kind !== "file") return;
  const { path } = options as { path: string };
  const mark = join(path, `.${randomUUID()}.seen`);
  try {
    mkdirSync(path, { recursive: true });
    writeFileSync(mark, "");
  } catch {
    // It says so itself when it is opened.
    return;
  }
  let blind: readonly string[];
  try {
    blind = await driver.findBlind(mark);
  } finally {
    rmSync(mark, { force: true });
  }
  if (blind.length === 0) return;
  throw new StorageError(
    `Cannot keep results in ${path}, as not all machines of the cluster share this folder: it is not that of ${
      blind.join(", ")
    }. Use a folder that they share, a storage of the kind "S3", or one of the kind "ray", which is on one of them.`,
    { operation: "open", key: path, reason: "unavailable" },
  );
}
