/** The host of a run on Ray, but for Ray: nodes run in its own process. Its arguments are files: the run, the package, the result. */

import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { EventLines, packThrown } from "../../ray/events.ts";
import { runHost } from "../../backends/ray/cluster/host_run.ts";
import { unpackRun } from "../../backends/ray/run_record.ts";
import { hostedRuntime } from "../../backends/shared/hosted.ts";
import { InPlace } from "../../core/in_place.ts";
import { Lookup } from "../../core/lookup.ts";
import { becomeHosted } from "../../core/node_context.ts";
import { storageFactory } from "../../storage/mod.ts";

const [run, root, result] = process.argv.splice(2);
const lines = new EventLines((line) => process.stderr.write(line));
const runtime = hostedRuntime((message) => {
  if (message.type !== "log") return;
  lines.add({ ev: "log", node: message.node, text: message.text, worker: "host" });
}, { preload: [] });
const lookup = new Lookup(runtime);
becomeHosted({
  currentTry: () => runtime.currentScope()?.context,
  stopImport: () => lookup.stopImport(),
  runAs: (context, action) => runtime.runIn({ node: -1, context }, action),
});
const cancelling = new AbortController();
process.on("SIGTERM", () => cancelling.abort(new DOMException("It was stopped.", "AbortError")));
try {
  const packed = await runHost(unpackRun(readFileSync(run)), {
    lookup,
    root,
    makeStorage: (spec) => storageFactory(spec as never),
    createExecutor({ graph, initializations }) {
      const inPlace = new InPlace(graph, initializations);
      return {
        slots: 1,
        execute: (i, values) => inPlace.execute(i, values),
        abandon: (i, reason) => inPlace.abandon(i, reason),
        cancel: (reason) => inPlace.cancel(reason),
        workerOf: (i) => `worker ${i}`,
      };
    },
    say: (event) => lines.add(event),
    signal: cancelling.signal,
  });
  writeFileSync(result, packed);
  const { byteLength: bytes } = packed;
  lines.add({ ev: "result", file: result, node_id: "here", bytes });
} catch (error) {
  lines.add({ ev: "failed", thrown: packThrown(error) });
  process.exitCode = 1;
}
lines.flush();
// A module whose import was stopped waits for ever.
process.exit();
