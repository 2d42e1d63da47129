/** What storages' failures must be like. */

import { isFuseError, type StorageError } from "functionfuse";
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { CREDENTIALS } from "./s3_servers.ts";

/** The failure of an action: a `StorageError` in one line, which shows no secret however it is looked at. */
export async function oneLineFailure(action: Promise<unknown>): Promise<StorageError> {
  try {
    await action;
  } catch (error) {
    assert.ok(isFuseError(error, "StorageError"), inspect(error));
    assert.doesNotMatch(error.message, /\n/);
    const shown = inspect(error, { depth: 9, showHidden: true });
    for (const secret of [CREDENTIALS.secretAccessKey, "wrong-secret"]) {
      assert.ok(!shown.includes(secret), shown);
    }
    return error;
  }
  throw new assert.AssertionError({ message: "It did not fail." });
}
