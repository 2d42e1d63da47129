/** Arrays of numbers in NumPy's format. */

import type { DType } from "npyjs";
import { arrayOf, type NumericArray } from "./_arrays.ts";
import { Misfit } from "./_export.ts";

/**
 * An array as NPY, in the order of rows: typed arrays keep their type, lists of numbers are float64, of big integers
 * int64, of truth values bool.
 *
 * @throws {Misfit} If the value is no such array.
 */
export async function toNpy(value: unknown): Promise<Uint8Array> {
  const array = arrayOf(value);
  if (!array) {
    throw new Misfit(
      "NPY takes typed arrays, records of data and shape, and lists of numbers that are equally long",
    );
  }
  const { dump } = await import("npyjs");
  const { data, shape } = array;
  return new Uint8Array(dump(data as Float64Array, [...shape], { dtype: dtypeOf(array) }));
}

/** The types that the library can't tell from the array; it writes bytes as they are. */
function dtypeOf({ data, areTruths }: NumericArray): DType | undefined {
  if (areTruths) return "b1";
  return Object.prototype.toString.call(data) === "[object Float16Array]" ? "f2" : undefined;
}
