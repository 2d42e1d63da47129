/** The plugin that stands for several. */

import type { Plugin } from "../core/plugin.ts";

/**
 * Several plugins as one: they are set, called and undone as if they had been set one after the other.
 *
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import { initializer, pluginCollection, randomState } from "functionfuse/plugins";
 * import assert from "node:assert/strict";
 *
 * let note = "";
 * const draw = workflow(function draw() {
 *   return `${note} ${Math.random() < 1}`;
 * });
 * const both = pluginCollection(
 *   randomState({ seed: 1 }),
 *   initializer({ remote: () => void (note = "ready") }),
 * );
 * const wf = new LocalWorkflow(draw(), { workflowName: "demo", plugins: [both] });
 * assert.equal(await wf.run(), "ready true");
 * ```
 */
export function pluginCollection(...plugins: readonly Plugin[]): Plugin {
  return { name: "pluginCollection", options: plugins, hooks: {}, parts: plugins };
}
