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
const LONGEST_PENDING_STOP_MS = 5_000;
const ASK_AFTER_MS = 300;
// What Ray's own programs tell of every job.
const CHATTER =
  /^\d{4}-\d\d-\d\d [\d:,]+\s+INFO |^Running entrypoint for job |^\s*$|^\(raylet\) Task .* retries remaining/;
// What Ray adds to what it says of a worker that died: where to look, ids, and what may have been.
const ADVICE =
  / To troubleshoot the problem, .*?(?= Worker IP address: | Worker PID: |$)| Worker port: \d+| Worker exit type: \w+|(?<=\.) Some common causes include: .*$/g;

// The same of the program that a job is started by: ids, and what may have been.
const DETAILS = /^\t\w+: .*\n|(?<=\.) Some common causes include: [^]*$/gm;

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
    const lines = this.#client.follow(this.#id, {
      signal,
      onPending: (ms) => this.#tellPending(ms),
    });
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
    const stoppedMs = performance.now();
    while (true) {
      const { isOver, status } = await this.#client.job(this.#id);
      if (isOver) return;
      const ms = performance.now() - stoppedMs;
      // Ray itself can't stop what it has not begun.
      if (ms > (status === "PENDING" ? LONGEST_PENDING_STOP_MS : LONGEST_STOP_MS)) break;
      await delay(ASK_AFTER_MS);
    }
    this.#followers.warn(
      `The Ray job ${this.#id} was stopped but has not ended yet: look at ${
        this.#client.jobPage(this.#id)
      }. One that has not begun ends as soon as Ray has what it waits for, or gives up.`,
    );
  }

  #tellPending(ms: number): void {
    this.#followers.warn(
      `The Ray job ${this.#id} has not begun for ${
        Math.round(ms / 1_000)
      } s: it waits for what 'driverArgs' asks for, or for what 'runtimeEnv' has installed. See \`ray status\` and ${
        this.#client.jobPage(this.#id)
      }.`,
    );
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
    if (end?.ev === "failed") {
      const thrown = unpackThrown(end.thrown);
      // It was told to stop, and not by this client: that would not be here any more.
      if ((thrown as Error | undefined)?.name === "AbortError") throw this.#stopped();
      throw localize(thrown, this.#followers.folderUrl);
    }
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

  #stopped(): EngineError {
    return new EngineError(
      `The Ray job ${this.#id} was stopped: by \`ray job stop\`, in the dashboard, or by the client that had started it. Start the run again: ` +
        `with a storage, what is finished is not computed again. See ${
          this.#client.jobPage(this.#id)
        }.`,
    );
  }

  #unexpected({ status, message }: RayJob): EngineError {
    if (status === "STOPPED") return this.#stopped();
    // Last lines are known here, and may be events.
    const [first] = message.split(", last available logs");
    const words = first.replaceAll(DETAILS, "").trim().slice(0, 1_000);
    const said = words === "" ? "" : ` Ray says: ${words}`;
    const why = message.startsWith("Job supervisor actor died")
      ? " Memory may have run out on that machine, or room on its disk."
      : "";
    const lines = this.#lastLines.length === 0
      ? ""
      : `\nIts last lines are:\n${this.#lastLines.map((line) => `  ${line}`).join("\n")}`;
    return new EngineError(
      `The Ray job ${this.#id} has ended without a result. See ${
        this.#client.jobPage(this.#id)
      }.${said}${why}${lines}`,
    );
  }
}
