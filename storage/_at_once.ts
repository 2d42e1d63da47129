/** Many requests to a store, some of them at a time. */

// Enough for a store over a network to be busy, few enough for it not to refuse.
const MOST_AT_ONCE = 32;

/** Waits for an action on each name; the first failure is given, and those that have begun go on. */
export async function forEachAtOnce(
  names: readonly string[],
  action: (name: string) => Promise<void>,
): Promise<void> {
  const waiting = names.values();
  const goOn = async () => {
    for (const name of waiting) await action(name);
  };
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, goOn));
}
