/** Following the log of a job. */

import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { MARK } from "./events.ts";
import type { RayJob } from "./jobs.ts";

// A dashboard's own ways of following don't do: its WebSocket speaks once a second, and takes no token in some runtimes; its
// streams go on in the cluster for ever when a client has gone. So the end of the file is read again and again.

/** How a log is read. */
export interface LogReader {
  /** The job, as it is now. */
  job(): Promise<RayJob>;
  /** The last lines of a file of a node's logs, -1 for all; `undefined` if it can't be had. */
  read(nodeId: string, file: string, lines: number): Promise<Uint8Array | undefined>;
  readonly signal?: AbortSignal;
  /** Told now and then, ever less often, for how long the job has not begun. */
  onPending?(ms: number): void;
}

const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
const GROWTH = 1.4;
const STATUS_AFTER_MS = 1_000;
/** So often the log of an ended job is tried to be read. */
const LAST_READS = 5;
const FIRST_PENDING_MS = 20_000;
/** Lines that are read beside those that are known. */
const FEWEST_LINES = 50;
const MOST_KNOWN_BYTES = 256 * 1024;

/** Gives whole lines as they come, some at once; then the job, when it is over and all is read. */
export async function* followLog(id: string, reader: LogReader): AsyncGenerator<string[], RayJob> {
  const { signal } = reader;
  const log = new GrowingLog();
  const file = `job-driver-${id}.log`;
  let job = await reader.job();
  const startedMs = performance.now();
  let askedMs = startedMs;
  let pendingMs = FIRST_PENDING_MS;
  let pauseMs = SHORTEST_PAUSE_MS;
  let lastReads = LAST_READS;
  while (true) {
    // Asked before the log is read: what an ended job has written is all there.
    if (job.driverNodeId === undefined || performance.now() - askedMs >= STATUS_AFTER_MS) {
      job = await reader.job();
      askedMs = performance.now();
    }
    if (job.status === "PENDING" && askedMs - startedMs >= pendingMs) {
      reader.onPending?.(askedMs - startedMs);
      pendingMs *= 2;
    }
    const nodeId = job.driverNodeId;
    const lines = nodeId === undefined
      ? undefined
      : await log.grow((count) => reader.read(nodeId, file, count));
    if (lines?.length) yield lines;
    // The node may be gone for good.
    if (job.isOver && (lines !== undefined || nodeId === undefined || --lastReads === 0)) {
      const rest = log.end();
      if (rest !== "") yield [rest];
      return job;
    }
    pauseMs = lines?.length ? SHORTEST_PAUSE_MS : Math.min(pauseMs * GROWTH, LONGEST_PAUSE_MS);
    await delay(pauseMs, undefined, { signal }).catch(() => signal!.throwIfAborted());
  }
}

/**
 * A file that grows, of which the last lines can be had, or all. The place where known text ends is found by the last line
 * that begins with the mark of events: these are numbered, so that no two are the same.
 */
class GrowingLog {
  /** How much has been read of the file. */
  #byteLength = 0;
  /** The last marked line and all after it, as far as it has been read; empty if there is none near. */
  #known: Buffer = Buffer.alloc(0);
  #linesAtOnce = FEWEST_LINES;
  /** A line that has no end yet. */
  #partial = "";
  readonly #decoder = new TextDecoder();

  /** Reads on, and gives the new lines; `undefined` if the file can't be had. */
  async grow(read: ReadLines): Promise<string[] | undefined> {
    const fresh = await this.#readOn(read);
    if (fresh === undefined || fresh.byteLength === 0) return fresh && [];
    this.#byteLength += fresh.byteLength;
    this.#remember(fresh);
    this.#linesAtOnce = FEWEST_LINES + 2 * countLines(fresh) + countLines(this.#known);
    const lines = (this.#partial + this.#decoder.decode(fresh, { stream: true })).split("\n");
    this.#partial = lines.pop()!;
    return lines;
  }

  /** What came after the last end of a line. */
  end(): string {
    return this.#partial + this.#decoder.decode();
  }

  async #readOn(read: ReadLines): Promise<Buffer | undefined> {
    const known = this.#known;
    if (known.byteLength > 0) {
      const last = await read(this.#linesAtOnce);
      if (last === undefined) return undefined;
      const at = bufferOf(last).indexOf(known);
      if (at !== -1) return bufferOf(last).subarray(at + known.byteLength);
    }
    const all = await read(-1);
    return all && bufferOf(all).subarray(this.#byteLength);
  }

  #remember(fresh: Buffer): void {
    const all = Buffer.concat([this.#known, fresh]);
    const mark = all.lastIndexOf(MARK);
    const isNear = mark !== -1 && all.byteLength - mark <= MOST_KNOWN_BYTES;
    // Without its number, it is like all others.
    this.#known = isNear && all.includes("[", mark) ? all.subarray(mark) : Buffer.alloc(0);
  }
}

type ReadLines = (lines: number) => Promise<Uint8Array | undefined>;

const bufferOf = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function countLines(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
