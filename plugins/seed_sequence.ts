/** The plugin that gives nodes consecutive seeds. */

import { definePlugin, type NodeInfo, type Plugin, type Undo } from "../core/plugin.ts";
import { replaceRandom, stateFor } from "./_generator.ts";

/** Which seeds, and what to do with them. */
export interface SeedSequenceOptions {
  /** The smallest seed, a whole number. Default: 0. */
  minimum?: number;
  /** The largest seed; after it comes the smallest again. Default: 2^32 - 1. */
  maximum?: number;
  /** The first node's seed. Default: the smallest. */
  start?: number;
  /** Called with the seed where the node runs, just before it; may return what undoes it. Default: seeds `Math.random`. */
  seed?(seed: number, node: NodeInfo): void | Undo | Promise<void | Undo>;
}

const LARGEST = 2 ** 32 - 1;
// So that sums of seeds and positions stay exact.
const FURTHEST = 2 ** 51;

const define: (options: SeedSequenceOptions) => Plugin = definePlugin(
  "seedSequence",
  (options: SeedSequenceOptions) => {
    const { minimum = 0, maximum = LARGEST, start = minimum, seed = seedMath } = options;
    check({ minimum, maximum, start });
    const count = maximum - minimum + 1;
    return {
      localInitialize: (_node, position) => minimum + (start - minimum + position) % count,
      remoteInitialize: (current: number, node) => seed(current, node),
    };
  },
);

/**
 * Gives each node the next seed of a sequence, in graph order: the first node `start`, the second one more, and so on.
 *
 * A seed depends on the place of the node among those that the plugin was set for; where it should depend on the node's
 * name alone, take `randomState`. Each run begins with `start`.
 *
 * A `seed` function can't be copied to workers, which find the plugin by the place of this call: make it at the top level
 * of a module, before `run()`.
 *
 * @throws {TypeError | RangeError} If a number is not whole, or `start` does not lie between the others.
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import { seedSequence } from "functionfuse/plugins";
 * import assert from "node:assert/strict";
 *
 * let current = 0;
 * const seedOf = workflow(function seedOf() {
 *   return current;
 * });
 * const plugin = seedSequence({ minimum: 1, maximum: 3, start: 2, seed: (s) => void (current = s) });
 * const wf = new LocalWorkflow([seedOf(), seedOf(), seedOf()], {
 *   workflowName: "demo",
 *   plugins: [plugin],
 * });
 * assert.deepEqual(await wf.run(), [2, 3, 1]);
 * ```
 */
export function seedSequence(options: SeedSequenceOptions = {}): Plugin {
  return define(options);
}

function seedMath(seed: number): Undo {
  return replaceRandom(stateFor(String(seed)));
}

function check(numbers: { minimum: number; maximum: number; start: number }): void {
  for (const [key, value] of Object.entries(numbers)) {
    if (Number.isSafeInteger(value) && Math.abs(value) <= FURTHEST) continue;
    throw new TypeError(
      `Cannot make the plugin "seedSequence" as '${key}' must be a whole number within ±2^51: current value is ${value}.`,
    );
  }
  const { minimum, maximum, start } = numbers;
  if (minimum <= start && start <= maximum) return;
  throw new RangeError(
    `Cannot make the plugin "seedSequence" as 'start' must lie between 'minimum' and 'maximum': ` +
      `current values are ${minimum}, ${start} and ${maximum}.`,
  );
}
