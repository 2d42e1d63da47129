/** Names of the places of what serializers keep. Whoever can write to a storage can forge one, so they are looked at. */

import { randomBytes } from "node:crypto";

/** A new name for a place; when it was made can be told from it. */
export function newPlaceId(): string {
  return `${Date.now().toString(36)}-${randomBytes(8).toString("hex")}`;
}

/** Whether it is such a name, and can't lead elsewhere. */
export function isPlaceId(id: unknown): id is string {
  return typeof id === "string" && /^[0-9a-z]{1,12}-[0-9a-f]{16}$/.test(id);
}

/** When a place was named, in milliseconds since 1970. */
export function timeOfPlace(id: string): number {
  return parseInt(id, 36) || 0;
}
