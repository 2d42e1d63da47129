/** What went wrong at an S3 server, in one line and without a secret. */

import { explainDenied } from "../core/denied.ts";
import type { StorageError, StorageOperation, StorageReason } from "../core/errors.ts";
import { storageError } from "./_errors.ts";

/** Where a request went. */
export interface Target {
  readonly bucket: string;
  /** The server's URL, if a request has been made. */
  readonly endpoint: string | undefined;
}

/** What the SDK's errors have, and those of sockets. */
interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly Code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

const REFUSED_CREDENTIALS = new Set([
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "ExpiredToken",
  "InvalidToken",
  "InvalidSecurity",
  "RequestTimeTooSkewed",
  "TokenRefreshRequired",
  // Versity's, for a key that nobody has.
  "XAdminUserNotFound",
]);
const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
]);
const CUT = new Set(["ECONNRESET", "ECONNABORTED", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);
const FULL = new Set(["InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"]);
const LONGEST_DETAIL = 200;

/** Whether a failure is an answer of this status or code. */
export function isAnswer(error: unknown, ...kinds: readonly (number | string)[]): boolean {
  const { name, $metadata } = error as Failure;
  return kinds.includes(name) || kinds.includes($metadata?.httpStatusCode ?? name);
}

/** A failure as the storage's own error. */
export function explainS3(
  operation: StorageOperation,
  location: string,
  error: unknown,
  target: Target,
): StorageError {
  const [reason, advice] = explain(error as Failure, target);
  const message = `Cannot ${operation} ${location}: ${advice}`;
  return storageError(operation, reason, location, message, plain(error as Failure));
}

function explain(error: Failure, { bucket, endpoint }: Target): [StorageReason, string] {
  const server = endpoint ?? "the S3 server";
  const status = error.$metadata?.httpStatusCode;
  const code = codeOf(error);
  const tries = error.$metadata?.attempts;
  const inTries = tries && tries > 1 ? `, in ${tries} tries` : "";
  const denied = explainDenied(error);
  if (denied) return ["denied", denied];
  if (/Credentials|TokenProvider/.test(error.name)) {
    return [
      "denied",
      "no usable credentials were found in 'client', AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile " +
      "(AWS_PROFILE, ~/.aws/credentials, ~/.aws/config) or this machine's role. Set one of them.",
    ];
  }
  if (REFUSED_CREDENTIALS.has(code)) {
    return [
      "denied",
      `${server} does not accept the credentials (${code}). Check the access key, its secret and token, and the clock.`,
    ];
  }
  if (code === "NoSuchBucket") {
    return [
      "unavailable",
      `there is no bucket "${bucket}" at ${server}. Create it, or mend the path.`,
    ];
  }
  if (status === 301 || code === "AuthorizationHeaderMalformed") {
    return [
      "unavailable",
      `the bucket "${bucket}" is in another region (${code}). Set 'client.region' or AWS_REGION to its region.`,
    ];
  }
  if (status === 401 || status === 403) {
    return [
      "denied",
      `these credentials may not do this at ${server} (${code}). Check them, and allow s3:GetObject, s3:PutObject, ` +
      `s3:DeleteObject and s3:ListBucket there.`,
    ];
  }
  if (FULL.has(code) || status === 507) {
    return ["full", `${server} has no room left (${code}). Make room, and run again.`];
  }
  if (UNREACHABLE.has(code)) {
    return [
      "unavailable",
      `${server} can't be reached (${code})${inTries}. Check the endpoint, and whether its server runs.`,
    ];
  }
  // First, as the SDK calls these time-outs.
  if (CUT.has(code)) {
    return [
      "unavailable",
      `the connection to ${server} was cut (${code})${inTries}. Check the network, and run again.`,
    ];
  }
  if (error.name === "TimeoutError" || code === "ETIMEDOUT") {
    return [
      "unavailable",
      `${server} did not answer in time${inTries}. Check the endpoint and the network, and run again.`,
    ];
  }
  if (status === 429 || (status !== undefined && status >= 500)) {
    return [
      "unavailable",
      `${server} was busy or out of order (${status} ${code})${inTries}. Run again later.`,
    ];
  }
  if (error.message.includes("Deserialization error")) {
    return ["unavailable", `${server} does not answer as an S3 server does. Check the endpoint.`];
  }
  return ["unavailable", `${server} failed: ${detail(error, code)}.`];
}

/** The server's code or the system's; some runtimes give their own names for the latter. */
function codeOf(error: Failure): string {
  // An answer without a body has no code.
  const status = error.name === "Unknown" ? error.$metadata?.httpStatusCode : undefined;
  const code = error.code ?? error.Code ?? String(status ?? error.name);
  if (/connectionrefused|failedtoopensocket/i.test(code)) return "ECONNREFUSED";
  if (/connectionclosed|socket hang up/i.test(`${code} ${error.message}`)) return "ECONNRESET";
  return code;
}

function detail(error: Failure, code: string): string {
  const line = `${code}: ${error.message}`.replace(/\s+/g, " ").replace(/[.\s]+$/, "");
  return line.length > LONGEST_DETAIL ? `${line.slice(0, LONGEST_DETAIL)}…` : line;
}

/** The failure without what the SDK hangs on it: requests, responses and what was signed. */
function plain(error: Failure): Error {
  // What a credential process was called with may be secret.
  const isSecret = /Credentials|TokenProvider/.test(error.name);
  const status = error.$metadata?.httpStatusCode;
  return Object.assign(new Error(isSecret ? "" : error.message), {
    name: String(error.name),
    code: codeOf(error),
    ...(status !== undefined && { status }),
  });
}
