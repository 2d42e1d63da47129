/**
 * Four classifiers of handwritten digits, trained on the same split and compared.
 *
 * Run it with `fuse run examples/mnist/workflow.ts`; with `--param seed=2`, say, the digits are shuffled otherwise.
 */

import { type Arg, workflow } from "functionfuse";
import { predictCentroids, trainCentroids } from "./centroid.ts";
import { load, shuffle, split } from "./data.ts";
import { compare, evaluate } from "./evaluate.ts";
import { pool, principalAxes, project } from "./features.ts";
import { predictForest, trainForest } from "./forest.ts";
import { predictKnn, trainKnn } from "./knn.ts";
import { SoftmaxRegression } from "./softmax.ts";
import type { Timed } from "./timed.ts";

// The plain functions stay usable and testable as they are; here they become nodes.
const fuse = {
  load: workflow(load),
  shuffle: workflow(shuffle),
  split: workflow(split),
  pool: workflow(pool),
  principalAxes: workflow(principalAxes),
  project: workflow(project),
  trainKnn: workflow(trainKnn),
  predictKnn: workflow(predictKnn),
  trainCentroids: workflow(trainCentroids),
  predictCentroids: workflow(predictCentroids),
  trainForest: workflow(trainForest),
  predictForest: workflow(predictForest),
  SoftmaxRegression: workflow(SoftmaxRegression),
  evaluate: workflow(evaluate),
  compare: workflow(compare),
};

export const workflowName = "mnist";

export default function classifiers({ seed = 7 }: { seed?: number } = {}) {
  const digits = fuse.shuffle(fuse.load().setName("load"), seed).setName("shuffle");
  const { train, test } = fuse.split(digits, 0.8).setName("split");

  const trainRows = fuse.pool(train).setName("pool_train");
  const testRows = fuse.pool(test).setName("pool_test");
  const axes = fuse.principalAxes(trainRows, 25).setName("principal_axes");
  const trainPlaces = fuse.project(trainRows, axes).setName("project_train");
  const testPlaces = fuse.project(testRows, axes).setName("project_test");

  const report = (
    classifier: string,
    trainSeconds: Arg<number>[],
    predicted: Arg<Timed<Uint8Array>>,
  ) => fuse.evaluate({ classifier, trainSeconds, predicted, truth: test.labels });

  const knn = fuse.trainKnn(trainPlaces, train.labels, 5).setName("knn_train");
  const knnLabels = fuse.predictKnn(knn.value, testPlaces).setName("knn_predict");

  const centroids = fuse.trainCentroids(trainRows, train.labels).setName("centroid_train");
  const centroidLabels = fuse.predictCentroids(centroids.value, testRows)
    .setName("centroid_predict");

  const forest = fuse.trainForest(trainRows, train.labels, { trees: 40, seed })
    .setName("forest_train");
  const forestLabels = fuse.predictForest(forest.value, testRows).setName("forest_predict");

  const softmax = new fuse.SoftmaxRegression(train, seed).setName("softmax");
  const fits = [1, 2, 3].map((round) => softmax.fit(5).setName(`softmax_fit_${round}`));
  const softmaxLabels = softmax.predict(test).setName("softmax_predict");

  return fuse.compare([
    report("k-nearest neighbours", [knn.seconds], knnLabels).setName("knn_evaluate"),
    report("softmax regression", fits.map((fit) => fit.seconds), softmaxLabels)
      .setName("softmax_evaluate"),
    report("nearest centroid", [centroids.seconds], centroidLabels).setName("centroid_evaluate"),
    report("random forest", [forest.seconds], forestLabels).setName("forest_evaluate"),
  ]).setName("compare");
}
