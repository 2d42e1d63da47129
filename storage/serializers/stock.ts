/** The serializers of this library: what they saved is loaded without their being registered. */

import { hdf5Serializer } from "./hdf5.ts";
import type { Serializer } from "./serializer.ts";
import { zarrSerializer } from "./zarr.ts";

/** One of each kind. */
export const stockSerializers: readonly Serializer[] = [
  zarrSerializer(),
  hdf5Serializer(),
];
