/** What runs in a thread: the node host, reached by a message port. */

import process from "node:process";
import { workerData } from "node:worker_threads";
import { NodeServer } from "../../core/node_server.ts";
import { describeThrown } from "../../core/thrown.ts";
import { hostedRuntime } from "./hosted.ts";
import type { ThreadData } from "./threads.ts";

const { port, control, preload } = (workerData as ThreadData).functionfuse;
const runtime = hostedRuntime((message, handedOver = []) => port.postMessage(message, handedOver), {
  control,
  preload,
});
const server = new NodeServer(runtime);
port.onmessage = ({ data }) => server.receive(data);

const die = (error: unknown) => {
  runtime.post({ type: "dying", thrown: describeThrown(error) });
  process.exit(1);
};
process.on("uncaughtException", die);
process.on("unhandledRejection", die);
