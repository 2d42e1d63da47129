/** The plugin that gives each node a random generator of its own. */

import { definePlugin, type Plugin } from "../core/plugin.ts";
import { replaceRandom, stateFor } from "./_generator.ts";

/** How to seed. */
export interface RandomStateOptions {
  /** Any number; the same gives the same numbers. */
  seed: number;
}

/**
 * Seeds `Math.random` for each node, by the seed and the node's name alone.
 *
 * A graph gives the same numbers on any backend, with any number of workers, in any order, in Deno and in Bun. After the
 * node, `Math.random` is what it was before. The generator is not for secrets.
 *
 * @throws {TypeError} If `seed` is no finite number.
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import { randomState } from "functionfuse/plugins";
 * import assert from "node:assert/strict";
 *
 * const draw = workflow(function draw() {
 *   return Math.random();
 * });
 * const node = draw().setName("draw");
 * const run = () => {
 *   const wf = new LocalWorkflow(node, { workflowName: "demo" });
 *   return wf.setPlugin(undefined, randomState({ seed: 7 })).run();
 * };
 * assert.equal(await run(), await run());
 * ```
 */
export const randomState: (options: RandomStateOptions) => Plugin = definePlugin(
  "randomState",
  ({ seed }: RandomStateOptions) => {
    if (!Number.isFinite(seed)) {
      throw new TypeError(
        `Cannot make the plugin "randomState" as 'seed' must be a finite number: current value is ${seed}.`,
      );
    }
    return {
      localInitialize: (node) => stateFor(`${seed} ${node.name}`),
      remoteInitialize: (state: number[]) => replaceRandom(state),
    };
  },
);
