/** The way to an S3 server: made when it is first needed. */

import { loadS3 } from "./_libraries.ts";

type S3Module = Awaited<ReturnType<typeof loadS3>>;

/** The settings of the AWS SDK's S3 client. */
export type S3ClientConfig = NonNullable<ConstructorParameters<S3Module["S3Client"]>[0]>;

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

function withDefaults(config: S3ClientConfig): S3ClientConfig {
  const { requestHandler } = config;
  const isHandler = requestHandler && "handle" in requestHandler;
  return {
    maxAttempts: MAX_ATTEMPTS,
    followRegionRedirects: true,
    // Objects have checksums of their own.
    responseChecksumValidation: "WHEN_REQUIRED",
    ...config,
    requestHandler: isHandler ? requestHandler : {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: IDLE_TIMEOUT_MS,
      ...requestHandler,
    },
  };
}
