/** The way to an S3 server: made when it is first needed. */

import process from "node:process";
import { Readable } from "node:stream";
import { VERSION } from "../core/version.ts";
import { loadS3, type S3ClientConfig } from "./_libraries.ts";
import { Retries } from "./_s3_retries.ts";

type S3Module = Awaited<ReturnType<typeof loadS3>>;

/** The SDK, and its client. */
export interface Connection {
  readonly sdk: S3Module;
  readonly client: InstanceType<S3Module["S3Client"]>;
  /** Where the last request went. */
  readonly endpoint: string | undefined;
}

const CONNECT_TIMEOUT_MS = 5_000;
// Without a byte in either direction.
const IDLE_TIMEOUT_MS = 60_000;
const LONGEST_WRITE_BYTES = 64 * 1024;
const MAX_ATTEMPTS = 5;
// Where the region does not matter; buckets of other regions are found by following redirects.
const DEFAULT_REGION = "us-east-1";

/** Loads the SDK and makes a client; no request is made. */
export async function connect(config: S3ClientConfig): Promise<Connection> {
  const sdk = await loadS3();
  let client = new sdk.S3Client(withDefaults(config));
  // The SDK looks for a region in the environment and in profiles, and throws if there is none.
  const hasRegion = await client.config.region().then(() => true, () => false);
  if (!hasRegion) client = new sdk.S3Client({ ...withDefaults(config), region: DEFAULT_REGION });
  sendInPieces(client);
  let endpoint: string | undefined;
  client.middlewareStack.add(
    (next) => (step) => {
      const { protocol, hostname, port } = step.request as URL;
      endpoint = `${protocol}//${hostname}${port ? `:${port}` : ""}`;
      return next(step);
    },
    { step: "build", name: "noteEndpoint" },
  );
  return {
    sdk,
    client,
    get endpoint() {
      return endpoint;
    },
  };
}

/** A long body that is sent at once is copied by some runtimes, and kept for long. */
function sendInPieces({ config: { requestHandler } }: Connection["client"]): void {
  const handle = requestHandler.handle.bind(requestHandler);
  requestHandler.handle = (request, options) => {
    const { body } = request;
    if (!(body instanceof Uint8Array) || body.length <= LONGEST_WRITE_BYTES) {
      return handle(request, options);
    }
    // The request itself stays as it is, as it is sent again if this fails.
    const inPieces = Object.assign(Object.create(request), { body: Readable.from(pieces(body)) });
    return handle(inPieces, options);
  };
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LONGEST_WRITE_BYTES) {
    yield bytes.subarray(at, at + LONGEST_WRITE_BYTES);
  }
}

function withDefaults(config: S3ClientConfig): S3ClientConfig {
  const { requestHandler, maxAttempts = MAX_ATTEMPTS, retryMode } = config;
  const isHandler = requestHandler && "handle" in requestHandler;
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_S3 } = process.env;
  return {
    ...retryMode === undefined && { retryStrategy: new Retries(maxAttempts) },
    followRegionRedirects: true,
    // The SDK's own one tells servers about this machine, for which Deno wants another permission.
    defaultUserAgentProvider: () => Promise.resolve([["functionfuse", VERSION]]),
    // Buckets are hosts of their own at Amazon, and hardly anywhere else.
    forcePathStyle: Boolean(config.endpoint ?? AWS_ENDPOINT_URL_S3 ?? AWS_ENDPOINT_URL),
    // Objects have checksums of their own.
    responseChecksumValidation: "WHEN_REQUIRED",
    ...config,
    maxAttempts,
    requestHandler: isHandler ? requestHandler : {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: IDLE_TIMEOUT_MS,
      ...requestHandler,
    },
  };
}
