/** Long lists that are mostly numbers, as arrays that take little room in memory and in bytes. */

/** A list in flat arrays. */
export interface FlatList {
  /** The entries; anything where one is no number. */
  readonly numbers: Float64Array;
  /** The positions of those that are no numbers. */
  readonly at: Int32Array;
  /** What is there. */
  readonly others: readonly unknown[];
}

/** Takes a list apart. */
export function flatten(list: readonly unknown[]): FlatList {
  const numbers = new Float64Array(list.length);
  let count = 0;
  for (const entry of list) if (typeof entry !== "number") count++;
  const at = new Int32Array(count);
  const others = new Array<unknown>(count);
  let next = 0;
  for (let i = 0; i < list.length; i++) {
    const entry = list[i];
    if (typeof entry === "number") numbers[i] = entry;
    else {
      at[next] = i;
      others[next++] = entry;
    }
  }
  return { numbers, at, others };
}

/** Puts it together again. */
export function unflatten({ numbers, at, others }: FlatList): unknown[] {
  const list: unknown[] = Array.from(numbers);
  for (let k = 0; k < at.length; k++) list[at[k]] = others[k];
  return list;
}
