/**
 * What the programs of a run tell each other inside the cluster: `host.ts`, `driver.py` and `node.ts`.
 *
 * A frame is `u32le length of the rest | u32le length of the head | head: JSON | body`. The head's `parts` are the lengths of
 * the pieces of the body. Values are pieces too: what `encodeValue` gives, which Python only hands on.
 *
 * | host.ts says | body | comes back |
 * |---|---|---|
 * | `hello` (at any time, also again) | | `cluster` |
 * | `load` a set of things to look up | `LoadItem[]` | |
 * | `task` a node, or several in order | `RunPayload` | `started`?, `done` or `failed` |
 * | `actor` makes an actor and its instance | `RunPayload` of the constructor | the same |
 * | `call` calls of an actor, run in the order in which they are sent | `RunPayload` | the same |
 * | `put` a value that the host has, for nodes that read it | value | |
 * | `get` a value | | `value` or `lost` |
 * | `drop` values, `dropActor` | | |
 * | `store`: a message to the program that keeps files at a place | message | `stored` |
 * | `see`: on which machines a file is | | `seen` |
 * | `cancel` a task | | `failed` with `cancelled`, or `done` if it was quicker |
 * | `stop`: what runs is stopped; then the driver closes the host's standard input | | |
 *
 * | driver.py says | body |
 * |---|---|
 * | `run`, first of all: what to run, and where results are to be written | as `packRun` of run_record.ts wrote it |
 * | `cluster` what there is | |
 * | `started` a node has been running for a while (quick ones are only told as `done`) | |
 * | `log` what a node printed, or its worker wrote to standard error | |
 * | `done` all calls ran, or one threw (then the report has a `failure`) | `ReportMessage` |
 * | `failed` the task brought no report | |
 * | `value`, `lost` | value |
 * | `stored`, or why not | answer |
 * | `seen` | |
 *
 * Each task's `returns` names nodes whose values are kept in the object store, if they are not instances; their calls are
 * encoded with `isWanted`. Of these, small ones come along in the report; `held` tells the sizes of all others, whose
 * place in the report is `undefined`, and `unsendable` which have no place anywhere. Any node of `returns` may be in the
 * `reads` of a later task, even before its own task is done. A worker that goes over to another `load` forgets the one
 * before; an actor stays with the one that it was made with.
 */

import { Buffer } from "node:buffer";
import v8 from "node:v8";
import { weigh } from "../../../core/movable.ts";
import type { Preparation } from "../../../core/protocol.ts";

/** Values of a task up to so many bytes altogether come along in its report. */
export const INLINE_BYTES = 100 * 1024;

/** What a task runs; travels as a value. */
export interface RunPayload {
  /** As `encodeCall` wrote them. */
  readonly calls: readonly unknown[];
  /** Environments of those nodes that have one, by the node's number. */
  readonly preparations?: ReadonlyMap<number, Preparation>;
}

/** Options of Ray's tasks and actors, by Ray's own names. */
export interface RayOptions {
  readonly num_cpus?: number;
  readonly num_gpus?: number;
  /** Bytes. */
  readonly memory?: number;
  readonly resources?: Readonly<Record<string, number>>;
  /** How often Ray runs a task again whose worker died; of tasks only. */
  readonly max_retries?: number;
}

interface TaskParts {
  /** A number of the host's choice, which answers carry. */
  readonly task: number;
  /** What Ray shows. */
  readonly name: string;
  /** The nodes whose values the calls read and don't bring along. */
  readonly reads: readonly number[];
  readonly returns: readonly number[];
  readonly timeoutMs?: number;
}

/** What host.ts says. */
export type HostFrame =
  | { readonly op: "hello" | "stop" }
  | { readonly op: "load"; readonly load: number }
  | TaskParts & { readonly op: "task"; readonly load: number; readonly options: RayOptions }
  | TaskParts & {
    readonly op: "actor";
    /** The number of the constructor's node. */
    readonly actor: number;
    readonly load: number;
    readonly options: RayOptions;
  }
  | TaskParts & { readonly op: "call"; readonly actor: number }
  | { readonly op: "put" | "get"; readonly node: number }
  | { readonly op: "drop"; readonly nodes: readonly number[] }
  | { readonly op: "dropActor"; readonly actor: number }
  | { readonly op: "store"; readonly number: number; readonly place: StoragePlace }
  | { readonly op: "see"; readonly path: string }
  | { readonly op: "cancel"; readonly task: number };

/** Where files are kept: on a machine that has what the options ask for. */
export interface StoragePlace {
  readonly path: string;
  readonly options: RayOptions;
}

/** Where something ran. */
export interface Where {
  /** Ray's id of its node. */
  readonly node: string;
  readonly ip: string;
  readonly pid: number;
}

/** A machine, or a part of one, that belongs to the cluster. */
export interface ClusterNode {
  readonly id: string;
  readonly address: string;
  readonly alive: boolean;
  /** What it has altogether, such as `CPU`, `GPU`, `memory` and custom ones. */
  readonly resources: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Why a task brought no report.
 *
 * - `died`: the worker, the process in it or the machine; Ray has used up its own retries
 * - `lost`: values that it reads are gone (`lost`), and Ray can't make them again
 * - `timeout`: it took longer than `timeoutMs`
 * - `cancelled`: on the host's demand
 * - `setup`: its environment can't be made, such as when there is no Deno
 * - `code`: what it calls can't be looked up there
 * - `refused`: Ray does not accept it as it is, such as for its options
 */
export type FailureKind =
  | "died"
  | "lost"
  | "timeout"
  | "cancelled"
  | "setup"
  | "code"
  | "refused";

/** A task that brought no report. */
export interface FailedFrame {
  readonly ev: "failed";
  readonly task: number;
  readonly kind: FailureKind;
  /** One sentence. */
  readonly text: string;
  /** The last lines that the worker's Deno wrote to standard error. */
  readonly lines: readonly string[];
  /** Of a Deno process that ended by itself while its worker lived, how it ended. */
  readonly exitCode?: number;
  readonly signal?: string;
  /** Nodes whose values are gone; of an actor that is no more, its instance's. */
  readonly lost: readonly number[];
  readonly where?: Where;
}

/** What driver.py says. */
export type DriverFrame =
  | {
    readonly ev: "run";
    /** A folder of this machine that the dashboard gives files of: the one of the session's logs. */
    readonly folder: string;
    /** Ray's id of this machine's node. */
    readonly node: string;
    /** The job's id, for names of files. */
    readonly job: string;
  }
  | {
    readonly ev: "cluster";
    readonly ray: string;
    readonly nodes: readonly ClusterNode[];
    /** What nobody uses now of what they have altogether. */
    readonly free: Readonly<Record<string, number>>;
  }
  | { readonly ev: "started"; readonly task: number; readonly at: number; readonly where: Where }
  /** `node` is -1 for what a worker says outside a node. */
  | { readonly ev: "log"; readonly node: number; readonly text: string; readonly where: Where }
  | {
    readonly ev: "done";
    readonly task: number;
    /** When the first call began: milliseconds since 1970, by the clock there. */
    readonly at: number;
    readonly where: Where;
    /** Nodes of `returns` whose values are only in the object store, and their sizes in bytes. */
    readonly held: readonly (readonly [node: number, bytes: number])[];
  }
  | FailedFrame
  | { readonly ev: "value"; readonly node: number }
  | { readonly ev: "lost"; readonly nodes: readonly number[]; readonly text: string }
  | {
    readonly ev: "stored";
    readonly number: number;
    /** Why there is no answer. */
    readonly problem?: string;
    /** Whether the program has died: then the next message starts another one, if there is a machine for it. */
    readonly isGone?: boolean;
  }
  /** The addresses of the machines that don't have the file. */
  | { readonly ev: "seen"; readonly path: string; readonly blind: readonly string[] };

/** A place in a file of the worker's, which has so many bytes. */
export interface FilePlace {
  readonly file: number;
  readonly bytes: number;
  readonly offset: number;
}

/** What driver.py says of a large part after a report, as JSON: it is to be copied to a place, or sent. `null` at the end. */
export interface PartOrder {
  readonly part: number;
  readonly to: FilePlace | null;
}

/** What driver.py says to node.ts, in a worker. */
export type WorkerFrame =
  /** Body: `LoadItem[]`. */
  | { readonly do: "load" }
  | {
    readonly do: "run";
    readonly task: number;
    /** How many of the parts are the payload. */
    readonly payload: number;
    /** Of each node that is read, how many of the parts after that are its value. */
    readonly reads: readonly (readonly [node: number, parts: number])[];
    readonly returns: readonly number[];
    /** The instance to keep, if this makes one. */
    readonly keeps: readonly number[];
    /** Parts that are empty here, as they are to be mapped: which, from which of the worker's files, and a number. */
    readonly maps: readonly (readonly [
      part: number,
      file: number,
      offset: number,
      bytes: number,
      pin: number,
    ])[];
  }
  | { readonly do: "abort"; readonly name: "TimeoutError" | "AbortError"; readonly text: string };

/** What node.ts says to driver.py, in a worker. */
export type NodeFrame =
  /** `isSharing`: large parts may be mapped. */
  | { readonly did: "ready"; readonly isSharing: boolean }
  | { readonly did: "loaded" }
  | {
    /** Body: the whole frame for the host, and values. */
    readonly did: "report";
    /** Of each of `returns`, how many of the parts after the first are its value: none if there is no such value. */
    readonly values: readonly number[];
    /** Parts that are empty here, as they are yet to be handed over. */
    readonly large: readonly (readonly [part: number, bytes: number])[];
  }
  /** Body: the part, unless it is where it was to be. */
  | { readonly did: "handed" }
  /** What was mapped and is not seen any more. */
  | { readonly did: "freed"; readonly pins: readonly number[] }
  /** What is to be mapped can't be: the worker says it again with all its parts, and maps nothing from then on. */
  | { readonly did: "unmappable" }
  /** What is to be run can't be looked up. */
  | { readonly did: "unknown"; readonly text: string }
  /** `node` is -1 outside a node. */
  | { readonly did: "log"; readonly node: number; readonly text: string }
  /** Body: what was thrown and not caught, a `ThrownRecord`. */
  | { readonly did: "dying" };

/** A frame that has arrived. */
export interface Received<Head> {
  readonly head: Head;
  readonly parts: Uint8Array[];
}

const PREFIX_BYTES = 8;
const LONGEST = 2 ** 32 - 1;
// What is written at once is read at once.
const SMALL_BYTES = 64 * 1024;

/** The bytes of a frame; if it is large, in several pieces, so that its parts are not copied. */
export function encodeFrame(head: object, parts: readonly Uint8Array[] = []): Uint8Array[] {
  const lengths = parts.map(({ byteLength }) => byteLength);
  const text = Buffer.from(JSON.stringify({ ...head, parts: lengths }));
  const length = lengths.reduce((sum, length) => sum + length, 4 + text.byteLength);
  if (length > LONGEST) {
    throw new RangeError(`Cannot send ${length} bytes in one piece: 4 GiB is the most.`);
  }
  const start = Buffer.allocUnsafe(PREFIX_BYTES + text.byteLength);
  start.writeUInt32LE(length, 0);
  start.writeUInt32LE(text.byteLength, 4);
  text.copy(start, PREFIX_BYTES);
  return length <= SMALL_BYTES ? [Buffer.concat([start, ...parts])] : [start, ...parts];
}

/** Takes bytes as they come, in pieces of any size, and gives whole frames. */
export function decodeFrames<Head>(
  receive: (frame: Received<Head>) => void,
): (bytes: Uint8Array) => void {
  // What there is of a frame whose length is not known yet, or of one that is.
  let start: Buffer = Buffer.alloc(0);
  let frame: Buffer | undefined;
  let filled = 0;
  return (piece) => {
    let bytes: Buffer = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (frame) {
      const taken = bytes.copy(frame, filled);
      filled += taken;
      if (filled < frame.length) return;
      bytes = bytes.subarray(taken);
      receive(readFrame(frame));
      frame = undefined;
    } else if (start.length > 0) bytes = Buffer.concat([start, bytes]);
    while (bytes.length >= 4) {
      const end = 4 + bytes.readUInt32LE(0);
      if (bytes.length < end) {
        frame = Buffer.allocUnsafeSlow(end);
        filled = bytes.copy(frame);
        start = bytes.subarray(0, 0);
        return;
      }
      receive(readFrame(bytes.subarray(0, end)));
      bytes = bytes.subarray(end);
    }
    start = bytes;
  };
}

function readFrame<Head>(bytes: Buffer): Received<Head> {
  let at = PREFIX_BYTES + bytes.readUInt32LE(4);
  const head = JSON.parse(bytes.toString("utf8", PREFIX_BYTES, at)) as Head & { parts: number[] };
  const parts = head.parts.map((length) => bytes.subarray(at, at += length));
  return { head, parts };
}

/**
 * A value as pieces of bytes: how the runtime serializes it, and its large buffers as they are, which are not copied.
 *
 * @throws {Error} If it has a part that can't leave the process.
 */
export function encodeValue(value: unknown): Uint8Array[] {
  const serializer = new v8.Serializer();
  const { buffers } = weigh(value);
  buffers.forEach((buffer, id) => serializer.transferArrayBuffer(id, buffer));
  serializer.writeHeader();
  serializer.writeValue(value);
  return [serializer.releaseBuffer(), ...buffers.map((buffer) => new Uint8Array(buffer))];
}

/** The value again. A piece that is the whole of its buffer becomes part of the value; others are copied. */
export function decodeValue([bytes, ...parts]: readonly Uint8Array[]): unknown {
  const deserializer = new v8.Deserializer(bytes);
  parts.forEach(({ buffer, byteOffset, byteLength }, id) => {
    const isWhole = byteLength === buffer.byteLength;
    const own = isWhole ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
    deserializer.transferArrayBuffer(id, own as ArrayBuffer);
  });
  deserializer.readHeader();
  return deserializer.readValue();
}
