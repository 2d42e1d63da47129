/** Nearest centroid: a digit is what the mean of all digits of its label looks like most. */

import type { Rows } from "./features.ts";
import { type Timed, timed } from "./timed.ts";

/** The mean row of each label. */
export function trainCentroids(rows: Rows, labels: Uint8Array): Timed<Rows> {
  return timed(() =>
    Array.from({ length: 10 }, (_, label) => {
      const own = rows.filter((_, i) => labels[i] === label);
      return own[0].map((_, column) => own.reduce((sum, row) => sum + row[column], 0) / own.length);
    })
  );
}

/** The label of the nearest mean. */
export function predictCentroids(centroids: Rows, rows: Rows): Timed<Uint8Array> {
  return timed(() =>
    Uint8Array.from(rows, (row) => {
      const distances = centroids.map((mean) =>
        mean.reduce((sum, value, column) => sum + (value - row[column]) ** 2, 0)
      );
      return distances.indexOf(Math.min(...distances));
    })
  );
}
