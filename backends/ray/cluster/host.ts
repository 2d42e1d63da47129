/**
 * What runs in the job, as a child of driver.py: plays the client's part in the cluster.
 *
 * Started with the folder of the package. Standard input and output are the line to the driver; standard error is the job's
 * log, by which the client is told what happens.
 */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { EngineError } from "../../../core/errors.ts";
import { Lookup } from "../../../core/lookup.ts";
import { becomeHosted } from "../../../core/node_context.ts";
import type { Storage, StorageSpec } from "../../../core/storage.ts";
import { unlessAborted } from "../../../core/unless_aborted.ts";
import { watchExits } from "../../shared/exits.ts";
import { hostedRuntime } from "../../shared/hosted.ts";
import { divertOutput, writeAll } from "../../shared/pipes.ts";
import { EventLines, packThrown } from "../../../ray/events.ts";
import { unpackRun } from "../run_record.ts";
import { DriverLink } from "./driver_link.ts";
import { createRayExecutor } from "./executor.ts";
import { runHost } from "./host_run.ts";
import { inPackage } from "./package_urls.ts";
import { checkShared, openPlaces } from "./storages.ts";

const LOG = 2;
// So long a run that has been cancelled may take to end what it has begun.
const LONGEST_END_MS = 20_000;

const [folder] = process.argv.splice(2);
const root = `${pathToFileURL(folder).href.replace(/\/$/, "")}/`;
const lines = new EventLines((line) => writeAll(LOG, new TextEncoder().encode(line)));
const runtime = hostedRuntime((message) => {
  // Modules and nodes that run here write to the log as those in workers do.
  if (message.type !== "log") return;
  lines.add({ ev: "log", node: message.node, text: message.text, worker: "host" });
}, { preload: [] });
const lookup = new Lookup(runtime);
becomeHosted({
  currentTry: () => runtime.currentScope()?.context,
  stopImport: () => lookup.stopImport(),
  runAs: (context, action) => runtime.runIn({ node: -1, context }, action),
});

const cancelling = new AbortController();
const write = process.stdout.write.bind(process.stdout);
divertOutput();
const driver = new DriverLink((pieces) => {
  for (const piece of pieces) write(piece);
});
process.stdin.on("data", (bytes) => driver.receive(bytes as Uint8Array));
process.stdin.on("end", () => {
  driver.ended("It has closed its line.");
  if (isOver) process.exit();
  cancel(
    new EngineError(
      "The run's driver on the Ray cluster has come to an end. Start the run again: with a storage, what is finished is not " +
        "computed again.",
    ),
  );
});
process.on("SIGTERM", () => cancel(new DOMException("The run was stopped.", "AbortError")));
// Ctrl-C is the client's business.
process.on("SIGINT", () => {});

let isOver = false;
watchExits({
  threw: fail,
  exits: (code) =>
    fail(
      new EngineError(
        `The run has come to an end, as a module or a node has ended the process, with exit code ${code}.`,
      ),
    ),
});

try {
  await carryOut();
} catch (error) {
  fail(error);
}
// A module whose import was stopped waits for ever: the process ends when the driver has heard that all is done.
if (driver.end === undefined) driver.stop();
else process.exit();

async function carryOut(): Promise<void> {
  const { head: { folder, node, job }, parts: [bytes] } = await driver.run;
  const run = unpackRun(bytes);
  // While modules are imported.
  const checked = run.storage &&
    unlessAborted(checkShared(run.storage, driver), cancelling.signal);
  checked?.catch(() => {});
  const packed = await runHost(run, {
    lookup,
    root,
    async makeStorage(spec) {
      await checked;
      return await makeStorage(spec);
    },
    createExecutor: (setup) =>
      createRayExecutor(setup, driver, {
        moduleInPackage: (url) => inPackage(url, root),
        onLog: (node = -1, text, worker) => lines.add({ ev: "log", node, text, worker }),
      }),
    say: (event) => lines.add(event),
    signal: cancelling.signal,
  });
  const file = `fuse_result_${job}.bin`;
  await keepResult(join(folder, file), packed);
  isOver = true;
  lines.add({ ev: "result", file, node_id: node, bytes: packed.byteLength });
  lines.flush();
}

/** The client takes it from there. */
async function keepResult(path: string, packed: Uint8Array): Promise<void> {
  try {
    await writeFile(path, packed);
  } catch (error) {
    // What is there of it would only take more of the room that is missing.
    await rm(path, { force: true }).catch(() => {});
    throw new EngineError(
      `The run has come to its end, but its result of ${packed.byteLength} bytes can't be written to ${path} on the machine ` +
        `of the job: ${
          (error as NodeJS.ErrnoException).code ?? error
        }. See to it that there is room in Ray's folder, and ` +
        "start the run again: with a storage, what is finished is not computed again.",
    );
  }
}

/** By its bare name, so that it is the same library that the workflow's modules import. */
async function makeStorage(spec: StorageSpec): Promise<Storage> {
  openPlaces(driver);
  const { storageFactory } = await import("functionfuse/storage");
  return storageFactory(spec as never);
}

function fail(error: unknown): void {
  if (isOver) return;
  isOver = true;
  process.exitCode = 1;
  lines.add({ ev: "failed", thrown: packThrown(error) });
  lines.flush();
}

function cancel(why: Error): void {
  cancelling.abort(why);
  setTimeout(() => process.exit(1), LONGEST_END_MS).unref();
}
