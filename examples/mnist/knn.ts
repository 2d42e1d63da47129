/** k-nearest neighbours, by `ml-knn`. */

import KNN from "ml-knn";
import type { Rows } from "./features.ts";
import { type Timed, timed } from "./timed.ts";

/** What `ml-knn` saves of a model: its rows in a tree. */
export type KnnModel = Parameters<typeof KNN.load>[0];

/** Puts the rows into a tree. */
export function trainKnn(rows: Rows, labels: Uint8Array, k: number): Timed<KnnModel> {
  // Through JSON, as the tree's nodes are instances, and results should be plain data.
  return timed(() => JSON.parse(JSON.stringify(new KNN(rows, Array.from(labels), { k }))));
}

/** The most frequent label among each row's nearest neighbours. */
export function predictKnn(model: KnnModel, rows: Rows): Timed<Uint8Array> {
  return timed(() => Uint8Array.from(KNN.load(model).predict(rows) as number[]));
}
