/** What every process that runs nodes has: imports, a scope for what a node starts, and a console that names the node. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { NodeRuntime, NodeScope } from "../../core/node_server.ts";
import type { NodeMessage } from "../../core/protocol.ts";

/** What differs between kinds of processes. */
export interface HostedOptions {
  readonly control?: Int32Array;
  /** Where the code is part of a bundle: the URL of that, which is evaluated without being asked to be. */
  readonly main?: string;
  /** Modules to import before any other. */
  readonly preload: readonly string[];
}

/** Makes the runtime of this process, and turns its console to the host. */
export function hostedRuntime(
  post: (message: NodeMessage, handedOver?: ArrayBuffer[]) => void,
  { control, main, preload }: HostedOptions,
): NodeRuntime {
  const scopes = new AsyncLocalStorage<NodeScope>();
  let imports = main === undefined ? 0 : 1;
  let preloaded: Promise<unknown> | undefined;
  turnConsole((text) => {
    const scope = scopes.getStore();
    // What a module says when it is imported, it has said on the host already.
    if (scope || imports === 0) post({ type: "log", node: scope?.node ?? -1, text });
  });
  return {
    post,
    control,
    main,
    async load(url) {
      imports++;
      try {
        preloaded ??= importAll(preload);
        await preloaded;
        return await import(url);
      } finally {
        imports--;
      }
    },
    runIn: (scope, action) => scopes.run(scope, action),
    currentScope: () => scopes.getStore(),
  };
}

async function importAll(urls: readonly string[]): Promise<void> {
  for (const url of urls) await import(url);
}

/** The console that writes is made when it is first used, as most nodes print nothing and it takes a while. */
function turnConsole(write: (text: string) => void): void {
  let turned: Console | undefined;
  const make = () => {
    const { process } = globalThis as unknown as { process: NodeJS.Process };
    const { Console } = process.getBuiltinModule("node:console");
    const { Writable } = process.getBuiltinModule("node:stream");
    const lines = new Writable({
      write(chunk, _encoding, done) {
        write(String(chunk).replace(/\n$/, ""));
        done();
      },
    });
    return new Console({ stdout: lines, stderr: lines }) as Console;
  };
  // Its functions one by one: the runtime itself looks at the console while it makes what ours is made of.
  const methods = console as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const key of Object.keys(methods)) {
    // Not the class of consoles, which is of the runtime's own making.
    if (typeof methods[key] !== "function" || key === "Console") continue;
    methods[key] = (...args) => {
      turned ??= make();
      return (turned as unknown as typeof methods)[key]?.(...args);
    };
  }
}
