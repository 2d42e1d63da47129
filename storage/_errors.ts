/** The one way in which storages fail. */

import { StorageError, type StorageOperation } from "../core/errors.ts";

/** A `StorageError`, in one line. */
export function storageError(
  operation: StorageOperation,
  reason: StorageError["reason"],
  key: string,
  message: string,
  cause?: unknown,
): StorageError {
  return new StorageError(message, {
    operation,
    key,
    reason,
    ...(cause !== undefined && { cause }),
  });
}
