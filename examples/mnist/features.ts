/** Fewer numbers for a digit than its pixels. */

import { PCA } from "ml-pca";
import { type Digits, SIDE } from "./data.ts";

/** The side of a pooled digit. */
export const POOLED_SIDE = SIDE / 2;
const POOLED = POOLED_SIDE * POOLED_SIDE;

/** Rows of numbers, one for each digit. */
export type Rows = number[][];

/** Each digit in a quarter of its pixels: the means of squares of two by two, from 0 to 1. */
export function pool({ pixels, labels }: Digits): Rows {
  return Array.from(labels, (_, digit) => {
    const row = new Array<number>(POOLED).fill(0);
    for (let y = 0; y < SIDE; y++) {
      for (let x = 0; x < SIDE; x++) {
        row[(y >> 1) * POOLED_SIDE + (x >> 1)] += pixels[(digit * SIDE + y) * SIDE + x] / (4 * 255);
      }
    }
    return row;
  });
}

/** The axes along which training rows differ most: what `project` needs. */
export function principalAxes(rows: Rows, count: number): { means: number[]; axes: Rows } {
  const pca = new PCA(rows, { method: "covarianceMatrix" });
  const model = pca.toJSON() as unknown as { means: number[] };
  return {
    means: model.means,
    axes: pca.getEigenvectors().transpose().to2DArray().slice(0, count),
  };
}

/** Rows by their places along the axes. */
export function project(rows: Rows, { means, axes }: { means: number[]; axes: Rows }): Rows {
  return rows.map((row) =>
    axes.map((axis) => axis.reduce((sum, weight, i) => sum + weight * (row[i] - means[i]), 0))
  );
}
