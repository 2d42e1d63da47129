/** The serializers of this library: what they saved is loaded without their being registered. */

import { arrowSerializer } from "./arrow.ts";
import { hdf5Serializer } from "./hdf5.ts";
import { parquetSerializer } from "./parquet.ts";
import type { Serializer } from "./serializer.ts";
import { zarrSerializer } from "./zarr.ts";

/** One of each kind. */
export const stockSerializers: readonly Serializer[] = [
  zarrSerializer(),
  hdf5Serializer(),
  arrowSerializer(),
  parquetSerializer(),
];
