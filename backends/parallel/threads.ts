/** Workers that are threads: what the host does to start and reach one. */

import process from "node:process";
import { Worker } from "node:worker_threads";
import { CONTROL, type NodeMessage } from "../../core/protocol.ts";
import { isBundled } from "./bundle.ts";
import { LastLines, type LinkEvents, type WorkerLink } from "./link.ts";

/** What a thread is started with. */
export interface ThreadData {
  readonly functionfuse: {
    readonly port: MessagePort;
    readonly control: Int32Array;
    readonly preload: readonly string[];
  };
}

/** Starts a thread, which imports the modules of `preload` first. */
export function openThread(events: LinkEvents, preload: readonly string[]): WorkerLink {
  // A channel of its own: that of the worker is slow with large messages in Deno.
  const { port1, port2 } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(CONTROL.SIZE * 4));
  const workerData: ThreadData = { functionfuse: { port: port2, control, preload } };
  const worker = new Worker(entry(), {
    workerData,
    transferList: [port2 as never],
    stderr: true,
    name: "functionfuse",
  });
  const lastLines = new LastLines();
  worker.stderr.on("data", (data) => {
    lastLines.add(String(data));
    process.stderr.write(data);
  });
  let isOver = false;
  let error: unknown;
  const end = (exitCode?: number) => {
    port1.close();
    if (isOver) return;
    isOver = true;
    events.ended({ exitCode, error });
  };
  const ended = new Promise<void>((done) => {
    worker.on("error", (thrown) => error ??= thrown);
    worker.on("exit", (code) => {
      // What it said last may still be on its way.
      setTimeout(() => {
        end(code);
        done();
      }, 0);
    });
  });
  port1.onmessage = ({ data }: MessageEvent<NodeMessage>) => {
    if (data.type === "dying") error = data.thrown;
    else events.message(data);
  };
  return {
    control,
    post: (message, handedOver = []) => port1.postMessage(message, handedOver),
    async kill() {
      isOver = true;
      port1.close();
      await worker.terminate();
      await ended;
    },
    lastLines: () => lastLines.lines,
    noteLine: (line) => lastLines.add(line),
  };
}

/** The module that a thread runs first: in a bundle, which has no other, the bundle itself. */
function entry(): URL {
  if (isBundled) return new URL(import.meta.url);
  const url = new URL("./thread.ts", import.meta.url);
  if (url.protocol === "file:") return url;
  // Threads start from files; this one goes on from there.
  return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(url)};`)}`);
}
