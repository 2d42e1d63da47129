/** Plugins that are carried in different ways: in a module of their own, as other processes import it. */

import { definePlugin } from "functionfuse";

const byValue = definePlugin("by value", (options: { names: string[]; at: Date }) => ({
  localInitialize: (node, position) => ({ of: node.name, position, names: options.names }),
  remoteInitialize(_data: unknown) {},
}));

const calling = definePlugin("by call", (options: { then: () => string; n: number }) => ({
  localInitialize: (_node, position) => position + options.n,
  remoteInitialize(_data: number) {
    options.then();
  },
}));

const watching = definePlugin("quiet", () => ({ onNodeEnd() {} }));

const withData = definePlugin("with data", (give: () => unknown) => ({
  localInitialize: () => give,
}));

export const plainPlugins = {
  byValue,
  byCall: calling({ then: () => "called", n: 3 }),
  quiet: watching(),
  withData,
};
