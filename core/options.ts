/** Options: what nobody knows is refused, as it is mostly a known one misspelled. */

/**
 * Refuses unknown keys.
 *
 * @throws {TypeError} Naming the key and those that are known.
 */
export function checkKeys(
  what: string,
  options: object | undefined,
  known: readonly string[],
): void {
  for (const key of Object.keys(options ?? {})) {
    if (known.includes(key)) continue;
    throw new TypeError(`Cannot ${what} as '${key}' is no option: known are ${known.join(", ")}.`);
  }
}
