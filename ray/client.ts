/** A client of the API by which clusters of Ray take jobs. */

import { setTimeout as delay } from "node:timers/promises";
import { EngineError } from "../core/errors.ts";
import { unlessAborted } from "../core/unless_aborted.ts";
import { type Environment, findAddress, findHeaders, findToken } from "./address.ts";
import { isBusy, isPassing, RayConnection } from "./connection.ts";
import { notRay, notReached, refused, tooOld, tooSlow, unknownJob } from "./errors.ts";
import type { HttpReply } from "./http.ts";
import { followLog, type LogReader } from "./job_log.ts";
import { chooseMachine, type Machine, readMachines } from "./machines.ts";
import {
  describeJob,
  isOlder,
  type RayJob,
  type RayJobRequest,
  type RayVersion,
  readJob,
  readObject,
  readVersion,
} from "./jobs.ts";

/** The oldest Ray that this library works with: what older ones give of a file begins with a byte of their own. */
export const OLDEST_RAY = "2.46.0";
/** Dashboards take no larger package. */
export const LARGEST_PACKAGE_BYTES: number = 100 * 1024 * 1024;

const LONGEST_SUBMISSION_MS = 120_000;
const SUBMISSIONS = 3;
const SUBMISSION_PAUSE_MS = 500;
const SLOWEST_UPLOAD_BYTES_PER_MS = 50;
const LONGEST_DOWNLOAD_S = 3_600;
// So long a dashboard that is away is waited for while a job is followed, which goes on meanwhile.
const FOLLOWING_PATIENCE_MS = 60_000;

/** How a cluster is reached. */
export interface RayClientOptions {
  /** See {@link findAddress}. */
  readonly address?: string;
  /** See {@link findToken}. */
  readonly token?: string;
  /** Sent with each request: what a login in front of the dashboard wants. `RAY_JOB_HEADERS` (JSON) if left out. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Where all of these are looked for; `process.env` if left out. */
  readonly env?: Environment;
}

/** What may be given up; what the cluster does by then is not undone. */
export interface RayCallOptions {
  readonly signal?: AbortSignal;
}

/** A cluster of Ray, by its dashboard. */
export class RayClient {
  /** The URL of its dashboard. */
  readonly address: string;
  /** Its version of Ray. */
  readonly rayVersion: string;
  /** Its name since the head was started. */
  readonly sessionName: string;
  readonly #connection: RayConnection;

  private constructor(connection: RayConnection, { version, session }: RayVersion) {
    this.#connection = connection;
    this.address = connection.address;
    this.rayVersion = version;
    this.sessionName = session;
  }

  /**
   * Finds the dashboard, and sees that it is one that can be worked with.
   *
   * @throws {TypeError} If an option makes no sense.
   * @throws {EngineError} If there is no dashboard, it wants another token, or its Ray is older than {@link OLDEST_RAY}.
   */
  static async connect(options: RayClientOptions = {}, { signal }: RayCallOptions = {}): Promise<
    RayClient
  > {
    const connection = new RayConnection(
      findAddress(options.address, options.env),
      findToken(options.token, options.env),
      findHeaders(options.headers, options.env),
    );
    const reply = await connection.ask({
      ...{ doing: "reach the cluster", path: "/api/version", signal },
      ...{ timeoutMs: 15_000, patienceMs: 3_000, accepted: [400, 404, 405, 426] },
    });
    const found = readVersion(reply);
    if (found === undefined) throw notRay(connection, reply);
    if (isOlder(found.version, OLDEST_RAY)) throw tooOld(connection, found.version, OLDEST_RAY);
    return new RayClient(connection, found);
  }

  /** The page of a job, for people. */
  jobPage(id: string): string {
    return `${this.address}/#/jobs/${encodeURIComponent(id)}`;
  }

  /** Whether the cluster has a package (`gcs://_ray_pkg_….zip`); it is then kept for ten minutes at least. */
  async hasPackage(uri: string, { signal }: RayCallOptions = {}): Promise<boolean> {
    const doing = "look for the package in the cluster";
    const reply = await this.#connection.ask({
      ...{ doing, path: packagePath(uri), signal, accepted: [404] },
    });
    return reply.status !== 404;
  }

  /**
   * Uploads a package, under a name that says what is in it.
   *
   * @throws {EngineError} If it is too large.
   */
  async uploadPackage(
    uri: string,
    bytes: Uint8Array<ArrayBuffer>,
    { signal }: RayCallOptions = {},
  ): Promise<void> {
    const size = `${(bytes.byteLength / 1024 / 1024).toFixed(1)} MiB`;
    if (bytes.byteLength >= LARGEST_PACKAGE_BYTES) {
      throw new EngineError(
        `Can't upload the package of ${size}: clusters take less than 100 MiB. Keep large files out of it, and have nodes read them from where all machines reach them.`,
      );
    }
    await this.#connection.ask({
      ...{ doing: `upload the package of ${size}`, path: packagePath(uri), method: "PUT" },
      ...{ body: bytes, signal },
      timeoutMs: 60_000 + bytes.byteLength / SLOWEST_UPLOAD_BYTES_PER_MS,
    });
  }

  /**
   * Starts a job. This can't be given up: a request that is cut off may leave a job that never starts and never ends. Who
   * has lost interest stops the job.
   *
   * @throws {EngineError} If the cluster refuses it.
   */
  async submit(job: RayJobRequest): Promise<void> {
    const doing = `submit the job ${job.id}`;
    jobPath(job.id);
    for (let tries = 1;; tries++) {
      const failed = await this.#submitOnce(doing, job);
      if (failed === undefined) return;
      // It may have come to the cluster, and the answer was lost; unless there was such a job before.
      const isTaken = tries === 1 && /already exists/.test(failed.error.message);
      if (!isTaken && await this.findJob(job.id).catch(() => undefined)) return;
      if (!failed.isPassing || tries === SUBMISSIONS) throw failed.error;
      await delay(SUBMISSION_PAUSE_MS);
    }
  }

  async #submitOnce(
    doing: string,
    job: RayJobRequest,
  ): Promise<{ readonly error: EngineError; readonly isPassing: boolean } | undefined> {
    const waited = AbortSignal.timeout(LONGEST_SUBMISSION_MS);
    const asked = this.#connection.askOnce({
      ...{ doing, path: "/api/jobs/", method: "POST", timeoutMs: Infinity },
      json: describeJob(job),
    });
    try {
      const reply = await unlessAborted(asked, waited);
      if (reply.status === 200) return undefined;
      const error = refused(doing, this.#connection, reply);
      // A head that has just been started doesn't run jobs at once.
      return { error, isPassing: isBusy(reply) || /try again later/.test(error.message) };
    } catch (error) {
      return waited.aborted
        ? { error: tooSlow(doing, this.#connection, LONGEST_SUBMISSION_MS), isPassing: false }
        : { error: notReached(doing, this.#connection, error), isPassing: isPassing(error) };
    }
  }

  /**
   * What the cluster knows of a job.
   *
   * @throws {EngineError} If it knows none of this id.
   */
  async job(id: string, options: RayCallOptions = {}): Promise<RayJob> {
    const job = await this.findJob(id, options);
    if (job === undefined) throw unknownJob(id, this.#connection);
    return job;
  }

  /** What the cluster knows of a job, or `undefined` if there is none of this id. */
  async findJob(id: string, { signal }: RayCallOptions = {}): Promise<RayJob | undefined> {
    return await this.#findJob(id, { signal });
  }

  async #findJob(
    id: string,
    options: RayCallOptions & { readonly patienceMs?: number },
  ): Promise<RayJob | undefined> {
    const reply = await this.#connection.ask({
      ...{ doing: `ask for the job ${id}`, path: jobPath(id), accepted: [404], ...options },
    });
    return reply.status === 404 ? undefined : readJob(id, reply);
  }

  /** Stops a job; one that has ended stays as it is. Ray gives its processes a few seconds to end by themselves. */
  async stop(id: string, { signal }: RayCallOptions = {}): Promise<void> {
    await this.#ofJob(id, {
      ...{ doing: `stop the job ${id}`, path: `${jobPath(id)}/stop`, method: "POST", signal },
    });
  }

  /** Makes the cluster forget a job that has ended. */
  async remove(id: string, { signal }: RayCallOptions = {}): Promise<void> {
    await this.job(id, { signal });
    await this.#connection.ask({
      ...{ doing: `remove the job ${id}`, path: jobPath(id), method: "DELETE", signal },
      // A request that had to be repeated may have been heard the first time.
      accepted: [404],
    });
  }

  /** All that a job has written so far. */
  async log(id: string, { signal }: RayCallOptions = {}): Promise<string> {
    const reply = await this.#ofJob(id, {
      ...{ doing: `read the log of the job ${id}`, path: `${jobPath(id)}/logs`, signal },
    });
    return String(readObject(reply).logs ?? "");
  }

  /**
   * Follows what a job writes, from its first line on: gives lines as they come, some at once, until the job has ended.
   * A dashboard that is away for a while is waited for.
   *
   * @returns What the cluster knows of the job at its end.
   */
  follow(
    id: string,
    { signal, onPending }: RayCallOptions & Pick<LogReader, "onPending"> = {},
  ): AsyncGenerator<string[], RayJob> {
    return followLog(id, {
      onPending,
      job: async () => {
        const job = await this.#findJob(id, { signal, patienceMs: FOLLOWING_PATIENCE_MS });
        if (job === undefined) throw unknownJob(id, this.#connection);
        return job;
      },
      read: (nodeId, file, lines) => this.#readLines(nodeId, file, { lines, signal }),
      signal,
    });
  }

  /**
   * Reads a file of the session's logs.
   *
   * @param file Its name in the folder of the logs of a Ray node.
   * @throws {EngineError} If it isn't there, or has not `bytes` bytes.
   */
  async download(
    nodeId: string,
    file: string,
    { bytes, signal }: RayCallOptions & { readonly bytes?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const doing = `read ${file} of the Ray node ${nodeId}`;
    const reply = await this.#connection.ask({
      ...{ doing, path: filePath(nodeId, file, -1), signal },
    });
    const found = reply.body.byteLength;
    if (bytes === undefined || found === bytes) return reply.body;
    throw new EngineError(`Can't ${doing}: it has ${found} bytes, not ${bytes}.`);
  }

  /** All of such a file, or `undefined` where it isn't there yet. */
  findFile(
    nodeId: string,
    file: string,
    { signal }: RayCallOptions = {},
  ): Promise<Uint8Array | undefined> {
    return this.#readLines(nodeId, file, { lines: -1, signal });
  }

  /** The machines of the cluster that are alive. */
  async machines({ signal }: RayCallOptions = {}): Promise<Machine[]> {
    const doing = "ask what machines the cluster has";
    const path = "/api/v0/nodes?detail=true&limit=10000";
    return readMachines(await this.#connection.ask({ doing, path, signal }));
  }

  /**
   * Finds the machine that has what is asked for.
   *
   * @throws {EngineError} If none can ever have it, or several do.
   */
  async findMachine(
    wanted: Readonly<Record<string, number | undefined>>,
    options: RayCallOptions = {},
  ): Promise<string> {
    return chooseMachine(await this.machines(options), wanted);
  }

  /** The last lines of a file, or `undefined` where its node doesn't give it (yet, or any more). */
  async #readLines(
    nodeId: string,
    file: string,
    { lines, signal }: RayCallOptions & { readonly lines: number },
  ): Promise<Uint8Array | undefined> {
    const reply = await this.#connection.ask({
      ...{ doing: "follow the job's log", path: filePath(nodeId, file, lines), signal },
      ...{ accepted: [500], patienceMs: FOLLOWING_PATIENCE_MS },
    });
    return reply.status === 500 ? undefined : reply.body;
  }

  async #ofJob(id: string, request: Parameters<RayConnection["ask"]>[0]): Promise<HttpReply> {
    const reply = await this.#connection.ask({ ...request, accepted: [404] });
    if (reply.status === 404) throw unknownJob(id, this.#connection);
    return reply;
  }
}

function jobPath(id: string): string {
  // An empty one would be the list of all; and the log's name has it.
  if (/^\w[\w.-]*$/.test(id)) return `/api/jobs/${id}`;
  throw new TypeError(
    `The id of a job must be of letters, digits, "_", "-" and ".", not ${JSON.stringify(id)}.`,
  );
}

const packagePath = (uri: string) => `/api/packages/${uri.replace("://", "/")}`;

const filePath = (nodeId: string, file: string, lines: number) =>
  `/api/v0/logs/file?${new URLSearchParams({
    ...{ node_id: nodeId, filename: file },
    ...{ lines: String(lines), timeout: String(LONGEST_DOWNLOAD_S) },
  })}`;
