/** How good the classifiers are. */

import type { Timed } from "./timed.ts";

/** What one classifier reached on the test digits. */
export interface Evaluation {
  classifier: string;
  /** The share of digits that it got right. */
  accuracy: number;
  /** How many digits of each true label (row) were given each label (column). */
  confusion: number[][];
  trainSeconds: number;
  predictSeconds: number;
}

/** Compares predicted labels with the true ones. */
export function evaluate({ classifier, trainSeconds, predicted, truth }: {
  classifier: string;
  trainSeconds: number[];
  predicted: Timed<Uint8Array>;
  truth: Uint8Array;
}): Evaluation {
  const confusion = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  predicted.value.forEach((label, i) => confusion[truth[i]][label]++);
  const right = confusion.reduce((sum, row, label) => sum + row[label], 0);
  return {
    classifier,
    accuracy: right / truth.length,
    confusion,
    trainSeconds: trainSeconds.reduce((sum, seconds) => sum + seconds, 0),
    predictSeconds: predicted.seconds,
  };
}

/** A row for each classifier, the best one first. */
export function compare(evaluations: Evaluation[]) {
  return evaluations.toSorted((a, b) => b.accuracy - a.accuracy).map((evaluation) => ({
    classifier: evaluation.classifier,
    accuracy: evaluation.accuracy,
    "training, s": Number(evaluation.trainSeconds.toFixed(2)),
    "prediction, s": Number(evaluation.predictSeconds.toFixed(2)),
  }));
}
