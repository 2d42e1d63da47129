/**
 * How the digits are classified by `fuse run examples/mnist/workflow.ts`: the engineer's side, of which the workflow knows
 * nothing. Flags beat it: with `--resource memory=4e9`, say, up to eight models are made at a time.
 */

import { definePlugin } from "functionfuse";
import { defineConfig } from "functionfuse/config";
import { randomState } from "functionfuse/plugins";

/** Tells at the end of a run which nodes took the longest. */
const slowest = definePlugin("slowest", (options: { count: number }) => {
  const tookMs = new Map<string, number>();
  return {
    onNodeEnd({ name }, { durationMs, isStored }) {
      if (!isStored) tookMs.set(name, durationMs);
    },
    onRunEnd() {
      const slowest = [...tookMs].sort(([, a], [, b]) => b - a).slice(0, options.count);
      if (slowest.length === 0) return;
      const shown = slowest.map(([name, ms]) => `${name} (${(ms / 1_000).toFixed(1)} s)`);
      console.log(`Most time went into ${shown.join(", ")}.`);
    },
  };
});

const MODELS = "forest_train|softmax_fit_.*|principal_axes|knn_predict";

export default defineConfig({
  // However many cores there are, memory has room for four models at a time. Machines of a cluster know how much they have.
  resources: { memory: 2e9 },
  observers: [slowest({ count: 3 })],
  rules: [
    { query: MODELS, remoteArgs: { memory: 5e8, maxRetries: 1 } },
    // The package of digits may be on its way to the disk.
    { query: "load", remoteArgs: { maxRetries: 3, retryDelayMs: 1_000 } },
    // Training draws by generators of its own. Should a library ever ask Math.random, runs still agree.
    { query: /(?:knn|centroid|forest)_train|softmax.*/, plugins: [randomState({ seed: 7 })] },
  ],
});
