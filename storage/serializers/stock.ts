/** The serializers of this library: what they saved is loaded without their being registered. */

import { UnsupportedError } from "../../core/errors.ts";
import { findUnmovable } from "../../core/movable.ts";
import type { StorageSpec } from "../../core/storage.ts";
import { arrowSerializer } from "./arrow.ts";
import { hdf5Serializer } from "./hdf5.ts";
import { parquetSerializer } from "./parquet.ts";
import type { Serializer } from "./serializer.ts";
import { zarrSerializer } from "./zarr.ts";

const MAKERS: Readonly<Record<string, (options?: object) => Serializer>> = {
  zarr: zarrSerializer,
  hdf5: hdf5Serializer,
  arrow: arrowSerializer,
  parquet: parquetSerializer,
};

/** One of each kind. */
export const stockSerializers: readonly Serializer[] = Object.values(MAKERS).map((make) => make());

/** How another process makes a serializer of this library. */
export interface SerializerSpec {
  readonly name: string;
  readonly options: object;
}

/** Describes a serializer. */
function specOf({ name, options }: Serializer, location: string): SerializerSpec {
  if (options !== undefined && Object.hasOwn(MAKERS, name)) {
    const problem = findUnmovable(options);
    if (problem === undefined) return { name, options };
    throw cannotTake(
      location,
      `the options of its serializer "${name}" are no plain data: ${
        problem.replace(/^value/, "options")
      }. Give a list in the place of a function`,
    );
  }
  throw cannotTake(
    location,
    `its serializer "${name}" is none of this library, so no other machine has it: use one of ${
      Object.keys(MAKERS).join(", ")
    }, or none`,
  );
}

/**
 * Describes a storage: its place, and what is set beside that.
 *
 * @throws {UnsupportedError} If a serializer is none of this library, or its options are no plain data.
 */
export function storageSpec(
  { kind, options }: StorageSpec,
  { alwaysRead, registered, location }: {
    readonly alwaysRead: boolean;
    readonly registered: readonly Serializer[];
    readonly location: string;
  },
): StorageSpec {
  const serializers = registered.map((serializer) => specOf(serializer, location));
  return {
    kind,
    options: {
      ...options as object,
      ...(alwaysRead && { alwaysRead }),
      ...(serializers.length > 0 && { serializers }),
    },
  };
}

/** Options of a storage, with serializers in the places of those that are only described. */
export function withSerializers<O extends { serializers?: readonly Serializer[] }>(options: O): O {
  if (!Array.isArray(options?.serializers)) return options;
  const serializers = options.serializers.map((given: Serializer | SerializerSpec) =>
    given && !("test" in given) && Object.hasOwn(MAKERS, given.name)
      ? MAKERS[given.name](given.options)
      : given
  );
  return { ...options, serializers };
}

/** Why other processes can't make a storage. */
export function cannotTake(location: string, why: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot use the storage ${JSON.stringify(location)} on other machines, as ${why}.`,
  );
}
