/** The values of a run's targets, as they are printed. */

import { readWhole } from "./_lazy.ts";
import { formatValues, toJson } from "./_print.ts";
import type { Targets } from "./_targets.ts";

/** Under which name a job of a cluster says how its values are to be shown. */
export const SHOWN = "fuse";

/** How values are shown. */
export interface ShownAs extends Pick<Targets, "shape" | "labels"> {
  /** The names of the targets' nodes, for those that have no label. */
  readonly names: readonly string[];
}

/** For people, or as one JSON document. */
export async function showValues(
  { shape, labels, names }: ShownAs,
  values: readonly unknown[],
  asJson: boolean,
): Promise<string> {
  const labelled = values.map((value, at) => ({ label: labels[at] ?? names[at], value }));
  if (!asJson) return `${await formatValues(labelled, shape === "one")}\n`;
  const document: unknown = shape === "one"
    ? values[0]
    : shape === "list"
    ? values
    : Object.fromEntries(labelled.map(({ label, value }) => [label, value]));
  return `${toJson(await readWhole(document))}\n`;
}
