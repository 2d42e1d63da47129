/**
 * The journal of a run: one JSON object a line, kept in the storage.
 *
 * | `event` | fields |
 * |---|---|
 * | `"start"` | `at`, `version`, `toRun`, `toRead`, `notNeeded` |
 * | `"node"` | `node`, `definition`, `start`, `end`, `reuse` (`"stored"` or `"ran"`), `worker`, `reason`, `bytes`, `error` |
 * | `"end"` | `at`, `durationMs`, `ran`, `read`, `reused`, `error` |
 *
 * All have `run`, and times are ISO texts. What a node got, gave or wrote into an error's message is no business of it.
 */

import type { NodeInfo, Plugin } from "./plugin.ts";
import type { Storage } from "./storage.ts";
import { isFuseError } from "./errors.ts";
import { toHex } from "./hex.ts";
import { VERSION } from "./version.ts";

const FLUSH_AFTER_MS = 500;

/** The journal of one run, as an observer of it. */
export class Journal {
  readonly id: string;
  readonly #storage: Storage;
  readonly #workflow: string;
  readonly #warn: (message: string) => void;
  #lines: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(storage: Storage, workflow: string, warn: (message: string) => void) {
    this.id = newRunId();
    this.#storage = storage;
    this.#workflow = workflow;
    this.#warn = warn;
  }

  /** What takes note of everything. */
  get plugin(): Plugin {
    const at = () => new Date().toISOString();
    return {
      name: "journal",
      options: undefined,
      hooks: {
        onRunStart: ({ toRun, toRead, notNeeded }) =>
          this.#add({ event: "start", at: at(), version: VERSION, toRun, toRead, notNeeded }),
        onNodeEnd: (node, { durationMs, isStored, worker, reason, bytes }) =>
          this.#addNode(node, durationMs, {
            reuse: isStored ? "stored" : "ran",
            worker,
            reason,
            bytes,
          }),
        onNodeError: (node, { error, willRetry }) =>
          this.#addNode(node, 0, { reuse: "ran", error: nameOf(error), willRetry }),
        onRunEnd: ({ durationMs, ran, read, reused, error }) => {
          const name = error === undefined ? undefined : nameOf(error);
          this.#add({ event: "end", at: at(), durationMs, ran, read, reused, error: name });
        },
      },
    };
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#flush();
    await this.#writing;
  }

  #addNode({ name, definition }: NodeInfo, durationMs: number, fields: object): void {
    const end = Date.now();
    this.#add({
      event: "node",
      node: name,
      definition,
      start: new Date(end - durationMs).toISOString(),
      end: new Date(end).toISOString(),
      ...fields,
    });
  }

  #add(fields: object): void {
    this.#lines.push(JSON.stringify({ run: this.id, ...fields }) + "\n");
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#lines.length === 0 || this.#hasFailed) return;
    const lines = this.#lines.splice(0).join("");
    this.#writing = this.#writing
      .then(() => this.#storage.addToJournal!(this.#workflow, this.id, lines))
      .catch((error) => {
        // The results are what counts: if these can't be saved either, the run says so.
        if (!this.#hasFailed) this.#warn(`The run's journal is not kept. ${error.message}`);
        this.#hasFailed = true;
      });
  }
}

let latestId = 0;

/** Sorts by time, also the runs of one process within a millisecond; those of two processes differ. */
function newRunId(): string {
  latestId = Math.max(Date.now(), latestId + 1);
  const random = toHex(crypto.getRandomValues(new Uint8Array(3)));
  return `${new Date(latestId).toISOString().replaceAll(/[:.]/g, "-")}-${random}`;
}

/** What kind of error it was; its message may tell what is not to be told. */
function nameOf(error: unknown): string {
  if (isFuseError(error, "NodeError")) return `${error.phase}: ${nameOf(error.cause)}`;
  return error instanceof Error ? error.name : typeof error;
}
