/** A plugin that takes down how nodes ended. */

import type { NodeEnd, Plugin } from "functionfuse";

/** The plugin, and by names what it was told. */
export function recorder(): { plugin: Plugin; ends: Map<string, NodeEnd> } {
  const ends = new Map<string, NodeEnd>();
  const plugin: Plugin = {
    name: "recorder",
    options: undefined,
    hooks: { onNodeEnd: ({ name }, end) => void ends.set(name, end) },
  };
  return { plugin, ends };
}
