/**
 * What runs the nodes of a Ray worker process, as its child: the node host, reached by frames.
 *
 * Started by driver.py with the folder of the package and the numbers of the files to read from, to write to, and to read
 * from after a report; standard input and output belong to the nodes.
 */

import { openSync, readSync } from "node:fs";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { NodeServer } from "../../../core/node_server.ts";
import type { LoadItem, NodeMessage, ProgramItem, ReportMessage } from "../../../core/protocol.ts";
import { describeThrown } from "../../../core/thrown.ts";
import { watchExits } from "../../shared/exits.ts";
import { hostedRuntime } from "../../shared/hosted.ts";
import { endWithParent, writeAll } from "../../shared/pipes.ts";
import { readFrom } from "./inlet.ts";
import { NodeRun, Problems } from "./node_run.ts";
import { SHARED_BYTES, SharedMemory } from "./shared_memory.ts";
import { loadSystem } from "./system.ts";
import {
  decodeFrames,
  decodeValue,
  encodeFrame,
  encodeValue,
  type FilePlace,
  type NodeFrame,
  type PartOrder,
  type Received,
  type RunPayload,
  type Where,
  type WorkerFrame,
} from "./wire.ts";

/** How URLs of modules begin that are part of the package. */
const PACKAGE = "package:/";

const [folder, from, to, orders, parent, where] = process.argv.splice(2);
const root = `${pathToFileURL(folder).href.replace(/\/$/, "")}/`;
const place: Where = JSON.parse(where);
const output = openSync(`/dev/fd/${to}`, "w");
const ordered = openSync(`/dev/fd/${orders}`, "r");

const system = loadSystem();
const memory = openMemory();
const runtime = hostedRuntime(takeMessage, { preload: [] });
const server = new NodeServer(runtime);
let toLoad: readonly (LoadItem | ProgramItem)[] = [];
let problems = new Problems([], []);
let run: NodeRun | undefined;
let task = -1;
/** Values to let go of once the calls have run. */
let release: number[] = [];
let hasAsked = false;
let cuts = 0;

process.on("SIGINT", () => {});
watchExits({
  threw: (error) => say({ did: "dying" }, encodeValue(describeThrown(error))),
  exits: () => {},
});
endWithParent(Number(parent));

const receive = decodeFrames<WorkerFrame>(takeFrame);
readFrom(`/dev/fd/${from}`, {
  system,
  isIdle: () => run === undefined,
  receive,
  end: () => process.exit(0),
});

function say(head: NodeFrame, parts?: Uint8Array[]): void {
  for (const bytes of encodeFrame(head, parts)) writeAll(output, bytes);
}

function openMemory(): SharedMemory | undefined {
  try {
    return system && new SharedMemory(system);
  } catch {
    // Then all parts travel through the pipe.
    return undefined;
  }
}

function fileOfWorker(file: string | number): string {
  return `/proc/${parent}/fd/${file}`;
}

function takeFrame({ head, parts }: Received<WorkerFrame>): void {
  switch (head.do) {
    case "load":
      load(decodeValue(parts) as (LoadItem | ProgramItem)[]);
      break;
    case "run":
      start(head, parts);
      break;
    case "abort":
      // It may have ended while this was on its way.
      if (run === undefined) break;
      // One that does not listen would not come to an end.
      if (!hasAsked) process.exit(0);
      server.receive({
        type: "abort",
        reason: describeThrown(new DOMException(head.text, head.name)),
      });
  }
}

function load(items: readonly (LoadItem | ProgramItem)[]): void {
  toLoad = items.map((item) => "program" in item ? item : { ...item, reference: locate(item) });
  server.receive({ type: "reset" });
  cuts = 0;
  server.receive({ type: "load", items: toLoad });
}

/** What is part of the package lies in this machine's own copy of it. */
function locate({ reference }: LoadItem): LoadItem["reference"] {
  const { module } = reference;
  return module.startsWith(PACKAGE)
    ? { ...reference, module: new URL(module.slice(PACKAGE.length), root).href }
    : reference;
}

function start(head: WorkerFrame & { do: "run" }, parts: Uint8Array[]): void {
  const { reads, returns, keeps, payload, maps } = head;
  memory?.begin();
  try {
    for (const [part, file, offset, bytes, pin] of maps) {
      parts[part] = memory!.see(fileOfWorker(file), [offset, bytes], pin);
    }
  } catch {
    return say({ did: "unmappable" });
  }
  const { calls, preparations } = decodeValue(parts.splice(0, payload)) as RunPayload;
  const text = problems.find({ calls, preparations });
  if (text !== undefined) return say({ did: "unknown", text });
  const put = reads.flatMap(([node, count]) => [node, decodeValue(parts.splice(0, count))]);
  task = head.task;
  run = new NodeRun({ calls }, returns);
  hasAsked = false;
  release = [...run.nodes, ...reads.map(([node]) => node)].filter((node) => !keeps.includes(node));
  server.receive({ type: "run", cuts, calls, preparations, put });
}

function takeMessage(message: NodeMessage): void {
  switch (message.type) {
    case "ready":
      say({ did: "ready", isSharing: memory !== undefined });
      break;
    case "loaded":
      problems = new Problems(toLoad, message.problems);
      say({ did: "loaded" });
      break;
    case "asked":
      hasAsked = true;
      break;
    case "log":
      say({ did: "log", node: message.node, text: message.text });
      break;
    case "report":
      takeReport(message);
  }
}

function takeReport(report: ReportMessage): void {
  if (report.isCut) cuts++;
  if (!run?.add(report)) return;
  const { values, parts } = run.write(task, place);
  run = undefined;
  const large = parts.map((part, at) => memory && at > 0 && isLarge(part) ? part : undefined);
  const sizes = large.flatMap((part, at) => part ? [[at, part.byteLength] as const] : []);
  for (const [at] of sizes) parts[at] = new Uint8Array();
  // Instances stay; values have been written down.
  server.receive({ type: "run", cuts, calls: [], release });
  say({ did: "report", values, large: sizes }, parts);
  if (sizes.length > 0) handOver(large);
  if (memory?.isUsed) void tidyUp(memory);
}

/** Does nothing else meanwhile: nobody is to change what was reported. */
function handOver(large: readonly (Uint8Array | undefined)[]): void {
  for (let order = takeOrder(); order; order = takeOrder()) {
    const { part, to } = order;
    say({ did: "handed" }, [to && copy(large[part]!, to) ? new Uint8Array() : large[part]!]);
  }
}

/** The next one comes once the one before has been carried out. */
function takeOrder(): PartOrder | null {
  const bytes = new Uint8Array(1 << 10);
  const count = readSync(ordered, bytes, 0, bytes.byteLength, null);
  if (count === 0) process.exit(0);
  return JSON.parse(new TextDecoder().decode(bytes.subarray(0, count)));
}

function copy(part: Uint8Array, { file, bytes, offset }: FilePlace): boolean {
  try {
    memory!.copy(part, fileOfWorker(file), bytes, offset);
    return true;
  } catch {
    return false;
  }
}

async function tidyUp(memory: SharedMemory): Promise<void> {
  const pins = await memory.end();
  if (pins.length > 0) say({ did: "freed", pins });
}

function isLarge({ byteLength }: Uint8Array): boolean {
  return byteLength >= SHARED_BYTES;
}
