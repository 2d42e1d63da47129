/** What runs in a child process: the node host, reached by frames on standard input and output. */

import process from "node:process";
import { NodeServer } from "../../core/node_server.ts";
import type { HostMessage } from "../../core/protocol.ts";
import { describeThrown } from "../../core/thrown.ts";
import { watchExits } from "../shared/exits.ts";
import { divertOutput, endWithParent, writeAll } from "../shared/pipes.ts";
import { hostedRuntime } from "../shared/hosted.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import { bundleUrl, CHILD_VARIABLE, type ChildBegin } from "./bundle.ts";

const { preload, host }: ChildBegin = JSON.parse(process.env[CHILD_VARIABLE]!);
delete process.env[CHILD_VARIABLE];

const STDOUT = 1;
const runtime = hostedRuntime((message) => writeAll(STDOUT, encodeFrame(message)), {
  main: bundleUrl,
  preload,
});
const server = new NodeServer(runtime);
const receive = decodeFrames((message) => server.receive(message as HostMessage), () => {});
process.stdin.on("data", receive);
process.stdin.on("end", () => process.exit(0));
divertOutput();
// Ctrl-C reaches all processes of a terminal: the host decides what it means.
process.on("SIGINT", () => {});

watchExits({
  threw: (error) => runtime.post({ type: "dying", thrown: describeThrown(error) }),
  exits: () => {},
});

endWithParent(host);
