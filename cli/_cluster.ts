/** Which Ray cluster is meant. */

import type { RaySettings } from "../config.ts";
import { findAddress, findHeaders, findToken } from "../ray/address.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";

/**
 * Gives the URL of the cluster's dashboard, before anybody is talked to.
 *
 * @throws {CommandError} If what leads to the cluster, or opens it, can't do so.
 */
export function checkCluster(
  { address, token, headers }: Pick<RaySettings, "address" | "token" | "headers">,
): string {
  try {
    findToken(token);
    findHeaders(headers);
    return findAddress(address);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new CommandError(error.message, EXIT_USAGE);
  }
}

/** Whether that is this machine, as far as the URL tells. */
export function isThisMachine(url: string): boolean {
  return /^(?:127\.[\d.]+|localhost|\[::1\])$/.test(new URL(url).hostname);
}
