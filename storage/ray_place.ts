/**
 * The program at the place of a storage on Ray, as a child of place.py. Started with the folder of the package and that of
 * the files.
 *
 * Messages come by standard input, and their answers go to standard output: the number of a message and its length, each as
 * an unsigned 32-bit number (little-endian), and its bytes.
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import { answerRequests } from "./_ray_messages.ts";
import { PlaceServer } from "./_ray_server.ts";
import { FileObjects } from "./file.ts";

const HEAD_BYTES = 8;
const server = new PlaceServer(new FileObjects(process.argv[3]));
let waiting: Buffer[] = [];
let waitingBytes = 0;
/** How many bytes there must be before there is something to do. */
let wanted = HEAD_BYTES;

process.stdin.on("data", (chunk: Buffer) => {
  waiting.push(chunk);
  waitingBytes += chunk.length;
  while (waitingBytes >= wanted) take();
});
process.stdin.on("end", () => process.exit());
// Its parent says when it is to end.
process.on("SIGINT", () => {});

function take(): void {
  const all = Buffer.concat(waiting);
  const end = HEAD_BYTES + all.readUInt32LE(4);
  waiting = [all];
  wanted = end;
  if (all.length < end) return;
  void answer(all.readUInt32LE(0), all.subarray(HEAD_BYTES, end));
  waiting = [all.subarray(end)];
  waitingBytes = all.length - end;
  wanted = HEAD_BYTES;
}

async function answer(number: number, message: Uint8Array): Promise<void> {
  const bytes = await answerRequests(server, message);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(number, 0);
  head.writeUInt32LE(bytes.length, 4);
  process.stdout.write(head);
  process.stdout.write(bytes);
}
