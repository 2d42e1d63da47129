/** What runs in a child process: the node host, reached by frames on standard input and output. */

import { writeSync } from "node:fs";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { NodeServer } from "../../core/node_server.ts";
import type { HostMessage } from "../../core/protocol.ts";
import { describeThrown } from "../../core/thrown.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import { CHILD_VARIABLE, type ChildBegin } from "./bundle.ts";
import { watchExits } from "./exits.ts";
import { hostedRuntime } from "./hosted.ts";

const { preload, host }: ChildBegin = JSON.parse(process.env[CHILD_VARIABLE]!);
delete process.env[CHILD_VARIABLE];

/** At once, as a node that computes lets nothing else happen. */
function writeAll(bytes: Uint8Array): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at, bytes.length - at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
      // The host has to read first.
      Atomics.wait(pause, 0, 0, 1);
    }
  }
}

const runtime = hostedRuntime((message) => writeAll(encodeFrame(message)), { preload });
const server = new NodeServer(runtime);
const receive = decodeFrames((message) => server.receive(message as HostMessage), () => {});
process.stdin.on("data", receive);
process.stdin.on("end", () => process.exit(0));
// What a node writes to standard output would be taken for messages.
process.stdout.write = process.stderr.write.bind(process.stderr);
// Ctrl-C reaches all processes of a terminal: the host decides what it means.
process.on("SIGINT", () => {});

watchExits({
  threw: (error) => runtime.post({ type: "dying", thrown: describeThrown(error) }),
  exits: () => {},
});

// A node that computes does not see that the host is gone: a thread beside it does.
const watch = `
import process from "node:process";
setInterval(() => process.ppid === ${host} || process.kill(process.pid, "SIGKILL"), 500);
`;
new Worker(new URL(`data:text/javascript,${encodeURIComponent(watch)}`)).unref();
