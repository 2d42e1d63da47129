/** What other machines are told of the way to an S3 server: never how to prove who one is. */

import process from "node:process";
import type { S3ClientConfig } from "./_libraries.ts";
import { cannotTake } from "./serializers/stock.ts";

/** Settings that mean the same everywhere and hold no secret. */
const PORTABLE = new Set([
  "endpoint",
  "region",
  "forcePathStyle",
  "maxAttempts",
  "retryMode",
  "useAccelerateEndpoint",
  "useArnRegion",
  "useDualstackEndpoint",
  "useFipsEndpoint",
  "followRegionRedirects",
  "disableMultiregionAccessPoints",
  "disableS3ExpressSessionAuth",
  "requestChecksumCalculation",
  "responseChecksumValidation",
]);

/**
 * The settings that other machines are told, with what this machine's environment says of the server. They have
 * credentials of their own; a profile is one of this machine's.
 *
 * @throws {UnsupportedError} If the storage can't be the same without what is left out.
 */
export function portableConfig(config: S3ClientConfig, location: string): S3ClientConfig {
  const given = Object.entries(config).filter(([, value]) => value !== undefined);
  const all = { ...fromEnvironment(), ...Object.fromEntries(given), profile: undefined };
  return Object.fromEntries(
    Object.entries(all)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, portableValue(key, value, location)]),
  );
}

function fromEnvironment(): S3ClientConfig {
  const { AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const endpoint = AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL;
  const region = AWS_REGION ?? AWS_DEFAULT_REGION;
  return { ...(endpoint && { endpoint }), ...(region && { region }) };
}

function portableValue(key: string, value: unknown, location: string): unknown {
  if (/credential|token|sign|auth/i.test(key) && !PORTABLE.has(key)) {
    throw cannotTake(
      location,
      `it was given its '${key}', which are never sent: leave them out, so that each machine finds its own, in its ` +
        `environment, its profiles or its role`,
    );
  }
  const plain = key === "endpoint" ? endpointText(value) : value;
  const isPlain = ["string", "number", "boolean"].includes(typeof plain);
  if (!PORTABLE.has(key) || !isPlain) {
    throw cannotTake(location, `its setting '${key}' can't be taken there: leave it out`);
  }
  if (key === "endpoint" && hasUser(plain as string)) {
    throw cannotTake(location, "its endpoint names a user, and such things are never sent");
  }
  return plain;
}

/** The SDK takes URLs too, also in pieces. */
function endpointText(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("hostname" in value)) return value;
  const { protocol = "https:", hostname, port, path, pathname, username, password } =
    value as Record<string, string | number | undefined>;
  const user = username || password ? `${username}:${password}@` : "";
  return `${protocol}//${user}${hostname}${port ? `:${port}` : ""}${path ?? pathname ?? ""}`;
}

function hasUser(endpoint: string): boolean {
  const url = URL.parse(endpoint);
  return url !== null && (url.username !== "" || url.password !== "");
}
