/**
 * The way to a place from outside of the cluster: a job on that machine, which is uploaded messages, and whose answers are
 * read from the folder of Ray's logs.
 */

import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { RayClient } from "../ray/client.ts";
import { whyFailed } from "../ray/jobs.ts";
import { type CodePackage, packCode } from "../ray/package.ts";
import { areRepeatable, packRequests, type PlaceRequest, unpackAnswers } from "./_ray_messages.ts";
import type { PlaceLink } from "./_ray_objects.ts";
import type { PlaceSetup } from "./ray.ts";

/** So long a job waits for the next message. */
const IDLE_S = 10;
/** So long after its last answer a job is counted on. */
const KEPT_MS = 7_000;
const SHORTEST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 250;
const GROWTH = 1.3;
const ASK_AFTER_MS = 1_000;
/** An answer begins with its length. */
const LENGTH_BYTES = 8;
/** Dashboards take messages of up to 100 MiB. */
const MOST_BYTES = 64 * 1024 * 1024;

/** A job at the place. */
interface Job {
  readonly client: RayClient;
  readonly id: string;
  /** What its messages and answers are called. */
  readonly session: string;
  /** The Ray node that it is on, as soon as that is known. */
  nodeId: string | undefined;
  /** The number of the next message. */
  next: number;
  answeredMs: number;
}

interface Waiting {
  readonly requests: readonly PlaceRequest[];
  resolve(answers: (() => unknown)[]): void;
  reject(error: unknown): void;
}

/** The library alone, which such jobs run; the same for all of this process. */
let library: Promise<CodePackage> | undefined;

/** Hands requests to a job, those that are made at the same time together. */
export class PlaceSession implements PlaceLink {
  readonly #setup: PlaceSetup;
  #waiting: Waiting[] = [];
  #job: Job | undefined;
  #isBusy = false;

  constructor(setup: PlaceSetup) {
    this.#setup = setup;
  }

  ask(requests: readonly PlaceRequest[]): Promise<(() => unknown)[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ requests, resolve, reject });
      if (this.#isBusy) return;
      this.#isBusy = true;
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    // What is asked in the same moment comes along.
    await delay(0);
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        const answers = await this.#send(batch.flatMap(({ requests }) => requests));
        for (const { requests, resolve } of batch) resolve(answers.splice(0, requests.length));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isBusy = false;
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    const count = this.#waiting.findIndex(({ requests }, at) => {
      bytes += requests.flat().reduce<number>((sum, arg) => sum + sizeOf(arg), 0);
      return at > 0 && bytes > MOST_BYTES;
    });
    return this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
  }

  async #send(requests: readonly PlaceRequest[]): Promise<(() => unknown)[]> {
    const message = packRequests(requests);
    const known = this.#job;
    const isKept = known !== undefined && performance.now() - known.answeredMs < KEPT_MS;
    const answer = isKept ? await this.#sendTo(known, message) : undefined;
    // One that has ended may have done it before.
    const mayBegin = !isKept || areRepeatable(requests);
    const bytes = answer ??
      (mayBegin ? await this.#sendTo(this.#job = await startJob(this.#setup), message) : undefined);
    if (bytes) return unpackAnswers(bytes);
    throw new Error("The job that does what is asked for ended before it told of it: try again.");
  }

  /** The answer; `undefined` if the job has ended before. */
  async #sendTo(job: Job, message: Uint8Array<ArrayBuffer>): Promise<Uint8Array | undefined> {
    const { client, session } = job;
    const number = job.next++;
    const name = `${session}${number.toString(16).padStart(8, "0")}`;
    try {
      await client.uploadPackage(`gcs://_ray_pkg_${name}.zip`, message);
      const answer = await receive(job, `fuse_stored_${session}_${number}.bin`);
      job.answeredMs = performance.now();
      return answer;
    } catch (error) {
      this.#job = undefined;
      throw error;
    }
  }
}

function sizeOf(arg: unknown): number {
  return arg instanceof Uint8Array ? arg.byteLength : 0;
}

async function startJob(setup: PlaceSetup): Promise<Job> {
  const { address, token, headers, path, remoteArgs, deno } = setup;
  library ??= packCode({
    ...{ modules: [], files: [], folder: ".", mostBytes: Infinity },
    warn: () => {},
  });
  const [code, client] = await Promise.all([
    library,
    RayClient.connect({ address, token, headers }),
  ]);
  const { numCpus, numGpus, memory, resources } = remoteArgs;
  const [isThere] = await Promise.all([
    client.hasPackage(code.uri),
    client.findMachine({ CPU: numCpus, GPU: numGpus, memory, ...resources }),
  ]);
  if (!isThere) await client.uploadPackage(code.uri, code.bytes);
  const session = randomBytes(12).toString("hex");
  const id = `fuse-storage-${session.slice(0, 10)}`;
  const what = JSON.stringify({ session, path, idleSeconds: IDLE_S });
  await client.submit({
    id,
    entrypoint: "python place.py",
    runtimeEnv: {
      working_dir: code.uri,
      env_vars: { FUSE_RAY_PLACE: what },
      ...(deno === "pip" && { pip: ["deno"] }),
    },
    metadata: { storage: path },
    resources: { numCpus, numGpus, memoryBytes: memory && Math.ceil(memory), custom: resources },
  });
  return { client, id, session, nodeId: undefined, next: 0, answeredMs: performance.now() };
}

/** Waits for a file of the job; `undefined` if the job has come to its end without it. */
async function receive(job: Job, file: string): Promise<Uint8Array | undefined> {
  const { client, id } = job;
  let pauseMs = SHORTEST_PAUSE_MS;
  let askedMs = performance.now();
  let isOver = false;
  while (true) {
    if (!isOver && (job.nodeId === undefined || performance.now() - askedMs > ASK_AFTER_MS)) {
      const found = await client.job(id);
      if (found.status === "FAILED" || found.status === "STOPPED") {
        throw new Error(`The job ${id} at the place has ended: ${whyFailed(found)}.`);
      }
      isOver = found.isOver;
      job.nodeId = found.driverNodeId;
      askedMs = performance.now();
    }
    const { nodeId } = job;
    const bytes = nodeId === undefined ? undefined : await client.findFile(nodeId, file);
    if (bytes && isWhole(bytes)) return bytes.subarray(LENGTH_BYTES);
    if (isOver) return undefined;
    await delay(pauseMs);
    pauseMs = Math.min(pauseMs * GROWTH, LONGEST_PAUSE_MS);
  }
}

/** Dashboards give nothing of a file that isn't there yet, or an error. */
function isWhole(bytes: Uint8Array): boolean {
  if (bytes.length < LENGTH_BYTES) return false;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  return BigInt(bytes.length) === BigInt(LENGTH_BYTES) + length;
}
