/** What runs in a thread: the node host, reached by a message port. */

import { NodeServer } from "../../core/node_server.ts";
import { describeThrown } from "../../core/thrown.ts";
import { watchExits } from "../shared/exits.ts";
import { hostedRuntime } from "../shared/hosted.ts";
import { bundleUrl, isBundled } from "./bundle.ts";
import type { ThreadData } from "./threads.ts";

// A web worker is told by its first message; a thread of Node.js, as a bundle's always is, has it when it starts.
const { port, control, preload } = (await receiveData()).functionfuse;
const post: typeof runtime.post = (message, handedOver = []) =>
  port.postMessage(message, handedOver);
const runtime = hostedRuntime(post, { control, main: bundleUrl, preload });
watchExits({
  threw: (error) => post({ type: "dying", thrown: describeThrown(error) }),
  exits: (exitCode) => post({ type: "dying", exitCode }),
});
const server = new NodeServer(runtime);
port.onmessage = ({ data }) => server.receive(data);

async function receiveData(): Promise<ThreadData> {
  if (isBundled || typeof self === "undefined") {
    return (await import("node:worker_threads")).workerData;
  }
  return await new Promise((resolve) => {
    const take = (event: Event) => resolve((event as MessageEvent<ThreadData>).data);
    self.addEventListener("message", take as never, { once: true });
  });
}
