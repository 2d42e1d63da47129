/**
 * The third-party code of the storages, in one place.
 *
 * Deno takes packages by `npm:` specifiers, which also hold where this library is imported by URL and no import map or
 * `package.json` of ours is in force; other runtimes take them from `node_modules`. The versions are those of
 * `package.json`. Types are taken by the same specifiers, so that they hold there, too.
 */

import { rethrow } from "../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** Globs. */
export const { default: picomatch }: typeof import("npm:picomatch@4.0.7") =
  await (isDeno ? import("npm:picomatch@4.0.7").catch(rethrow) : import("picomatch"));

// The heavy ones are loaded by who first needs them.

/** The S3 client. */
export const loadS3 = (): Promise<typeof import("npm:@aws-sdk/client-s3@3.1169.0")> =>
  isDeno ? import("npm:@aws-sdk/client-s3@3.1169.0").catch(rethrow) : import("@aws-sdk/client-s3");

/** The settings of the AWS SDK's S3 client. */
export type S3ClientConfig = NonNullable<
  ConstructorParameters<(typeof import("npm:@aws-sdk/client-s3@3.1169.0"))["S3Client"]>[0]
>;

/** Chunked arrays in the format Zarr. */
export const loadZarr = (): Promise<typeof import("npm:zarrita@0.7.5")> =>
  isDeno ? import("npm:zarrita@0.7.5").catch(rethrow) : import("zarrita");

/** Arrays in the format HDF5. */
export const loadHdf5 = (): Promise<typeof import("npm:h5wasm@0.10.3/node")> =>
  isDeno ? import("npm:h5wasm@0.10.3/node").catch(rethrow) : import("h5wasm/node");

/** Tables in memory and in the format Arrow IPC. */
export const loadArrow = (): Promise<typeof import("npm:apache-arrow@21.2.0")> =>
  isDeno ? import("npm:apache-arrow@21.2.0").catch(rethrow) : import("apache-arrow");

/** A table in memory, as `apache-arrow` has it. */
export type ArrowTable = import("npm:apache-arrow@21.2.0").Table;

/** Reads tables in the format Parquet. */
export const loadParquet = (): Promise<typeof import("npm:hyparquet@1.31.5")> =>
  isDeno ? import("npm:hyparquet@1.31.5").catch(rethrow) : import("hyparquet");

/** Writes tables in the format Parquet. */
export const loadParquetWriter = (): Promise<typeof import("npm:hyparquet-writer@0.17.0")> =>
  isDeno ? import("npm:hyparquet-writer@0.17.0").catch(rethrow) : import("hyparquet-writer");
