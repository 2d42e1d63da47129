/** Progress on standard error: a bar and the running nodes on a terminal, plain lines elsewhere. */

import process from "node:process";
import { clearLine, cursorTo } from "node:readline";
import { Console } from "node:console";
import { Writable } from "node:stream";
import { definePlugin, type Plugin, type RunEnd, type RunStart } from "../core/plugin.ts";
import { count, endSentence, showDuration } from "./_text.ts";

/** Shows a run, and keeps what nodes print away from it. */
export interface Progress {
  /** The observer to be set for all nodes. */
  readonly plugin: Plugin;
  /** Prints a line above the bar. */
  log(line: string): void;
  /** Takes the bar away. */
  stop(): void;
}

/** What to show. */
export interface ProgressOptions {
  /** Tells where results are kept, for the summary; `undefined` if nowhere. Left out where that is not known. */
  location?(): string | undefined;
}

// Why a node of a first run runs.
const NOT_NEWS = "nothing is stored of it";
const BAR_WIDTH = 28;
const REDRAW_MS = 80;
const SHORTEST_REDRAW_MS = 10;
// More nodes than this would flood a log: then a line a second is enough.
const MOST_LINES = 100;
const LINE_EVERY_MS = 1_000;

/** Makes the progress that fits standard error. */
export function createProgress(options: ProgressOptions): Progress {
  const state = new ProgressState(options);
  const screen = process.stderr.isTTY ? createBar(state) : createLines(state);
  const plugin = definePlugin("progress", () => ({
    onRunStart(run: RunStart) {
      state.start(run);
      screen.draw();
    },
    onNodeStart({ name }) {
      state.running.add(name);
      // More than was planned may run, as where a call of an instance turns out to need the earlier ones.
      state.total = Math.max(state.total, state.done + state.running.size);
      screen.draw();
    },
    onNodeEnd({ name }, { durationMs, isStored, reason }) {
      state.running.delete(name);
      state.done++;
      const why = reason === undefined || reason === NOT_NEWS ? "" : `, as ${reason}`;
      screen.nodeEnd(name, `${isStored ? "read" : "ran"} in ${showDuration(durationMs)}${why}`);
    },
    onNodeReused() {
      state.total--;
    },
    onNodeError({ name }, { error, willRetry }) {
      if (willRetry) screen.log(`${endSentence(error.message)} Trying again.`);
      state.running.delete(name);
    },
    onRunEnd(end) {
      screen.stop();
      const line = end.error === undefined ? state.summary(end) : state.stopped(end.ran);
      if (line !== undefined) screen.log(line);
    },
  }))();
  return { plugin, log: (line) => screen.log(line), stop: () => screen.stop() };
}

/** Turns the console to standard error, above the bar, as standard output is for values. */
export function redirectConsole(log: (line: string) => void): void {
  const lines = new Writable({
    write(chunk, _encoding, done) {
      log(String(chunk).replace(/\n$/, ""));
      done();
    },
  });
  globalThis.console = new Console({ stdout: lines, stderr: lines });
}

interface Screen {
  draw(): void;
  nodeEnd(name: string, how: string): void;
  log(line: string): void;
  stop(): void;
}

class ProgressState {
  readonly running = new Set<string>();
  readonly #options: ProgressOptions;
  started = performance.now();
  done = 0;
  total = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  start(run: RunStart): void {
    this.started = performance.now();
    this.total = this.done + run.toRun + run.toRead;
  }

  get #location(): string | undefined {
    return this.#options.location?.();
  }

  summary({ durationMs, ran, read, reused }: RunEnd): string {
    const took = showDuration(durationMs);
    if (this.#location === undefined) {
      const kept = this.#options.location ? "; nothing is stored" : "";
      return `${count(ran, "node")} ran in ${took}${kept}.`;
    }
    if (ran === 0) {
      const all = reused === 1 ? "its result is" : `all ${count(reused, "result")} are`;
      return `Nothing had to run: ${all} in storage ` +
        `(${this.#location}), ${read} needed reading (${took}).`;
    }
    const stored = reused > 0
      ? `, ${count(reused, "result")} ${reused === 1 ? "was" : "were"} in storage`
      : "";
    return `${
      count(ran, "node")
    } ran${stored} in ${took}; results are stored in ${this.#location}.`;
  }

  stopped(ran: number): string | undefined {
    if (ran === 0) return undefined;
    const kept = this.#location === undefined
      ? ""
      : `; results so far are stored in ${this.#location}, and the next run goes on from here`;
    return `Stopped after ${count(ran, "node")}${kept}.`;
  }
}

function createBar(state: ProgressState): Screen {
  const { stderr } = process;
  let lastDraw = 0;
  const clear = () => {
    cursorTo(stderr, 0);
    clearLine(stderr, 0);
  };
  const render = () => {
    lastDraw = performance.now();
    const share = state.total > 0 ? state.done / state.total : 0;
    const filled = Math.round(share * BAR_WIDTH);
    const bar = "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
    const took = showDuration(performance.now() - state.started);
    const names = [...state.running].join(", ");
    clear();
    stderr.write(shorten(`${bar} ${state.done}/${state.total}  ${took}  ${names}`));
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  return {
    // When a node starts, as nothing is drawn while a synchronous one runs.
    draw() {
      timer ??= setInterval(render, REDRAW_MS);
      if (performance.now() - lastDraw > SHORTEST_REDRAW_MS) render();
    },
    nodeEnd() {},
    log(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

function createLines(state: ProgressState): Screen {
  let lastLine = 0;
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  return {
    draw() {},
    nodeEnd(name, how) {
      const now = performance.now();
      if (state.total > MOST_LINES && now - lastLine < LINE_EVERY_MS) return;
      lastLine = now;
      log(`[${state.done}/${state.total}] ${printable(name)} ${how}`);
    },
    log,
    stop() {},
  };
}

/** One line of the terminal, as only one can be drawn over. */
function shorten(line: string): string {
  const room = (process.stderr.columns || 80) - 1;
  const plain = printable(line);
  return plain.length > room ? `${plain.slice(0, room - 1)}…` : plain;
}

/** A name may hold anything, also what moves a terminal's cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, " ");
}
