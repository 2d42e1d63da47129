/** The plugin that calls functions of your own. */

import { definePlugin, type NodeInfo, type Plugin, type Undo } from "../core/plugin.ts";

/** What to call. */
export interface InitializerOptions<D = unknown> {
  /** Called on the host once for each node, in graph order; gives the data for `remote`, which must be cloneable. */
  local?(node: NodeInfo): D;
  /** Called where the node runs, just before it; may return a function that undoes it after the node. */
  remote(data: D, node: NodeInfo): void | Undo | Promise<void | Undo>;
}

const define: (options: InitializerOptions) => Plugin = definePlugin(
  "initializer",
  ({ local, remote }: InitializerOptions) => ({
    ...(local ? { localInitialize: local } : {}),
    remoteInitialize: remote,
  }),
);

/**
 * Calls functions of your own before nodes: `remote` where the node runs, with what `local` gave on the host.
 *
 * Functions can't be copied to workers, which find the plugin by the place of this call: make it at the top level of a
 * module, before `run()`.
 *
 * @example
 * ```ts
 * import { LocalWorkflow, workflow } from "functionfuse";
 * import { initializer } from "functionfuse/plugins";
 * import assert from "node:assert/strict";
 *
 * const settings = { verbose: false };
 * const isVerbose = workflow(function isVerbose() {
 *   return settings.verbose;
 * });
 * const verbose = initializer({
 *   remote() {
 *     settings.verbose = true;
 *     return () => void (settings.verbose = false);
 *   },
 * });
 * const wf = new LocalWorkflow(isVerbose(), { workflowName: "demo", plugins: [verbose] });
 * assert.equal(await wf.run(), true);
 * ```
 */
export const initializer = define as <D>(options: InitializerOptions<D>) => Plugin;
