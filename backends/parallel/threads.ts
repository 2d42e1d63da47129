/** Workers that are threads: what the host does to start and reach one. */

import { explainDenied } from "../../core/denied.ts";
import { CONTROL, type NodeMessage } from "../../core/protocol.ts";
import type { ThrownRecord } from "../../core/thrown.ts";
import { isBundled } from "./bundle.ts";
import { LastLines, type LinkEvents, type WorkerLink } from "./link.ts";

/** What a thread is started with. */
export interface ThreadData {
  readonly functionfuse: {
    readonly port: MessagePort;
    readonly control: Int32Array;
    readonly preload: readonly string[];
  };
}

/** What a started thread tells of its end. */
interface ThreadEvents {
  failed(error: unknown): void;
  exited(exitCode: number): void;
}

/** Starts a thread; gives what ends it. */
export type StartThread = (
  data: ThreadData,
  port: MessagePort,
  events: ThreadEvents,
) => () => Promise<unknown>;

/**
 * Threads as web workers. They start fastest; but in Deno one that computes without a pause does not end when it is told
 * to, and keeps the process from ending.
 */
export const startWebWorker: StartThread = (data, port, { failed, exited }) => {
  // Deno's have the arguments of the command line by themselves.
  const options: WorkerOptions & { argv?: readonly string[] } = { type: "module" };
  if (!isSilent) options.argv = commandLine();
  const worker = new Worker(entry(), options);
  worker.onerror = (event) => {
    event.preventDefault();
    // Bun tells what was thrown as it would print it: lines of code, and below them the message.
    const [, message] = /^(?:\w*[eE]rror): (.*)$/m.exec(event.message) ?? [];
    failed(event.error ?? new Error(message ?? event.message));
    // Deno ends the worker then, and says nothing else.
    if (isSilent) exited(1);
  };
  worker.addEventListener("close", (event) => exited((event as unknown as { code: number }).code));
  worker.postMessage(data, [port]);
  return () => Promise.resolve(worker.terminate());
};

const isSilent = "Deno" in globalThis;

/** What nodes read from the command line is to be there too. */
function commandLine(): readonly string[] {
  return hostProcess().argv.slice(2);
}

function hostProcess(): NodeJS.Process {
  return (globalThis as unknown as { process: NodeJS.Process }).process;
}

/** Threads as Node.js knows them: slower to start, but when they are ended the process can end, whatever they do. */
export async function startNodeWorkers(): Promise<StartThread> {
  const { Worker } = await import("node:worker_threads");
  return (data, port, { failed, exited }) => {
    const worker = new Worker(entry(), {
      workerData: data,
      transferList: [port as never],
      argv: [...commandLine()],
    });
    worker.on("error", failed);
    worker.on("exit", exited);
    return () => worker.terminate();
  };
}

const LAST_WORDS_MS = 20;

/** Starts a thread, which imports the modules of `preload` first. */
export function openThread(
  events: LinkEvents,
  start: StartThread,
  preload: readonly string[],
): WorkerLink {
  checkAccess();
  // A channel of its own: it is alike for both kinds of threads, and those of Node.js have a slow one in Deno.
  const { port1, port2 } = new MessageChannel();
  const control = new Int32Array(new SharedArrayBuffer(CONTROL.SIZE * 4));
  const lastLines = new LastLines();
  let isOver = false;
  let error: unknown;
  let isExiting = false;
  const exited = (exitCode: number) => {
    if (isExiting || isOver) return;
    isExiting = true;
    // What it said last may still be on its way.
    setTimeout(() => {
      port1.close();
      if (isOver) return;
      isOver = true;
      events.ended({ exitCode, error });
    }, LAST_WORDS_MS);
  };
  const failed = (thrown: unknown) => error ??= thrown;
  port1.onmessage = ({ data }: MessageEvent<NodeMessage>) => {
    if (data.type !== "dying") return void (isOver || events.message(data));
    if (data.thrown) error = data.thrown satisfies ThrownRecord;
    if (data.exitCode !== undefined) exited(data.exitCode);
  };
  const data: ThreadData = { functionfuse: { port: port2, control, preload } };
  const terminate = start(data, port2, { failed, exited });
  return {
    control,
    post: (message, handedOver = []) => port1.postMessage(message, handedOver),
    async kill() {
      isOver = true;
      port1.close();
      await terminate();
    },
    lastLines: () => lastLines.lines,
    noteLine: (line) => lastLines.add(line),
  };
}

/** Throws what a thread that may not read its own module would only say on standard error. */
function checkAccess(): void {
  const url = entry();
  if (!isSilent || url.protocol !== "file:") return;
  try {
    hostProcess().getBuiltinModule("node:fs").statSync(url);
  } catch (error) {
    if (explainDenied(error)) throw error;
  }
}

/** The module that a thread runs first: in a bundle, which has no other, the bundle itself. */
function entry(): URL {
  if (isBundled) return new URL(import.meta.url);
  const url = new URL("./thread.ts", import.meta.url);
  if (url.protocol === "file:") return url;
  // Threads of Node.js start from files; this one goes on from there.
  return new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(url)};`)}`);
}
