/** Follows a job: what its log tells goes to observers, and its result comes here. */

import { setTimeout as delay } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { EngineError, isFuseError } from "../../core/errors.ts";
import type { Watchers } from "../../core/watchers.ts";
import { unpackValue } from "../../encoding/packed.ts";
import type { RayClient } from "../../ray/client.ts";
import { readLine, type RunEvent, unpackThrown } from "../../ray/events.ts";
import type { RayJob } from "../../ray/jobs.ts";
import { localize } from "./localize.ts";

/** Who is told of a job. */
export interface Followers {
  /** Observers and who takes warnings; asked for when the run starts, and told nothing before. */
  watch(run: RunStarted): Watchers;
  /** Takes a warning. */
  warn(text: string): void;
  /** Takes what nodes print, and what else is to be said of the job. */
  log(line: string): void;
  readonly workflowName: string;
  /** The folder of the user's that was packed, as a URL; `undefined` if that is not known. */
  readonly folderUrl: string | undefined;
}

/** What a run tells of itself first. */
export type RunStarted = RunEvent & { readonly ev: "run" };

const MOST_LAST_LINES = 20;
const LONGEST_STOP_MS = 60_000;
const ASK_AFTER_MS = 300;
// What Ray's own programs tell of every job.
const CHATTER =
  /^\d{4}-\d\d-\d\d [\d:,]+\s+INFO |^Running entrypoint for job |^\s*$|^\(raylet\) Task .* retries remaining/;
// What Ray adds to what it says of a worker that died: where to look, ids, and what may have been.
const ADVICE =
  / To troubleshoot the problem, .*?(?= Worker IP address: | Worker PID: |$)| Worker port: \d+| Worker exit type: \w+|(?<=\.) Some common causes include: .*$/g;

/** A job as far as it has been followed. */
export class FollowedJob {
  /** How many nodes were not run as their stored values are right. */
  reused = 0;
  /** What the run told of itself; `undefined` until it has started. */
  started: RunStarted | undefined;
  readonly #client: RayClient;
  readonly #id: string;
  readonly #followers: Followers;
  readonly #lastLines: string[] = [];
  #watchers: Watchers | undefined;
  #end: RunEvent & { readonly ev: "result" | "failed" } | undefined;

  constructor(client: RayClient, id: string, followers: Followers) {
    this.#client = client;
    this.#id = id;
    this.#followers = followers;
  }

  /**
   * Follows the job to its end, and gives the values of the targets' nodes.
   *
   * @throws What the run has failed with.
   * @throws {EngineError} If the job has ended in another way, or can't be followed.
   */
  async follow(signal: AbortSignal | undefined): Promise<unknown[]> {
    const lines = this.#client.follow(this.#id, { signal });
    while (true) {
      const { done, value } = await lines.next().catch((error) => {
        throw this.#notFollowed(error);
      });
      if (done) return await this.#finish(value, signal);
      for (const line of value) this.#read(line);
    }
  }

  /** Stops the job, and waits until nothing of it runs any more. */
  async stop(): Promise<void> {
    await this.#client.stop(this.#id);
    const deadline = performance.now() + LONGEST_STOP_MS;
    while (!(await this.#client.job(this.#id)).isOver) {
      if (performance.now() > deadline) {
        this.#followers.warn(
          `The Ray job ${this.#id} was stopped but has not ended for ${
            LONGEST_STOP_MS / 1_000
          } s: look at ${this.#client.jobPage(this.#id)}.`,
        );
        return;
      }
      await delay(ASK_AFTER_MS);
    }
  }

  #read(line: string): void {
    const { said, events } = readLine(line);
    if (said !== undefined) this.#note(stripVTControlCharacters(said));
    for (const event of events) this.#take(event);
  }

  #note(said: string): void {
    if (CHATTER.test(said)) return;
    const line = said.startsWith("(raylet) ") ? said.replace(ADVICE, "") : said;
    if (this.#lastLines.push(line) > MOST_LAST_LINES) this.#lastLines.shift();
    this.#followers.log(line);
  }

  #take(event: RunEvent): void {
    switch (event.ev) {
      case "run":
        return this.#start(event);
      case "start":
        return this.#watchers?.nodeStart(event.node);
      case "end": {
        const { ev: _, node, ...end } = event;
        return this.#watchers?.nodeEnd(node, end);
      }
      case "reused":
        return this.#watchers?.nodeReused(event.node);
      case "error": {
        const error = localize(unpackThrown(event.thrown), this.#followers.folderUrl) as Error;
        return this.#watchers?.nodeError(event.node, { error, willRetry: event.willRetry });
      }
      case "warn":
        return this.#followers.warn(event.text);
      case "log":
        return this.#log(event);
      case "over":
        this.reused = event.reused;
        return;
      case "result":
      case "failed":
        this.#end = event;
    }
  }

  #start(event: RunStarted): void {
    this.started = event;
    this.#watchers = this.#followers.watch(event);
    const { toRun, toRead, notNeeded } = event;
    const { workflowName } = this.#followers;
    this.#watchers.runStart({ workflowName, toRun, toRead, notNeeded });
  }

  #log({ node, text, worker }: RunEvent & { ev: "log" }): void {
    // A name may hold anything, also what moves a terminal's cursor.
    const name = (this.started?.names[node] ?? worker).replace(/\p{Cc}/gu, " ");
    for (const line of text.replace(/\n$/, "").split("\n")) {
      this.#followers.log(`[${name}] ${line}`);
      if (node < 0 && this.#lastLines.push(line) > MOST_LAST_LINES) this.#lastLines.shift();
    }
  }

  async #finish(job: RayJob, signal: AbortSignal | undefined): Promise<unknown[]> {
    const end = this.#end;
    if (end?.ev === "failed") throw localize(unpackThrown(end.thrown), this.#followers.folderUrl);
    if (end === undefined) throw this.#unexpected(job);
    const { node_id, file, bytes } = end;
    const packed = await this.#client.download(node_id, file, { bytes, signal });
    return unpackValue(packed) as unknown[];
  }

  #notFollowed(error: unknown): unknown {
    if (!isFuseError(error, "EngineError")) return error;
    const how =
      `fuse run --attach ${this.#id}, or RayWorkflow.attach in a script, tells what became of it`;
    return new EngineError(`${error.message} If the job goes on, ${how}.`, { cause: error });
  }

  #unexpected({ status, message }: RayJob): EngineError {
    const page = this.#client.jobPage(this.#id);
    // Last lines are known here, and may be events.
    const why = message.split(", last available logs")[0].trim().slice(0, 1_000);
    const said = why === "" ? "" : ` Ray says: ${why}`;
    const lines = this.#lastLines.length === 0
      ? ""
      : `\nIts last lines are:\n${this.#lastLines.map((line) => `  ${line}`).join("\n")}`;
    const what = status === "STOPPED"
      ? "was stopped by somebody else"
      : "has ended without a result";
    return new EngineError(`The Ray job ${this.#id} ${what}. See ${page}.${said}${lines}`);
  }
}
