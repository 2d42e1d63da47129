/** Workers that are child processes: what the host does to start and reach one. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { NodeMessage } from "../../core/protocol.ts";
import { CHILD_VARIABLE, type ChildBegin, isBundled, isStandalone } from "./bundle.ts";
import { decodeFrames, encodeFrame } from "./frames.ts";
import { LastLines, type LinkEvents, type WorkerLink } from "./link.ts";

/** Starts a child process, which imports the modules of `preload` first. */
export function openProcess(events: LinkEvents, preload: readonly string[]): WorkerLink {
  const begin: ChildBegin = { preload, host: process.pid };
  const child = spawn(process.execPath, [...childArguments(), ...process.argv.slice(2)], {
    env: { ...process.env, [CHILD_VARIABLE]: JSON.stringify(begin) },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const lastLines = new LastLines();
  let isOver = false;
  let error: unknown;
  const ended = new Promise<void>((done) => {
    const end = (exitCode?: number, signal?: string) => {
      done();
      if (isOver) return;
      isOver = true;
      events.ended({ exitCode, signal, error });
    };
    child.on("error", (thrown) => {
      error = thrown;
      end();
    });
    child.on("close", (code, signal) => end(code ?? undefined, signal ?? undefined));
  });
  const print = (data: Uint8Array) => {
    lastLines.add(String(data));
    process.stderr.write(data);
  };
  child.stderr.on("data", print);
  const receive = decodeFrames((message) => {
    const said = message as NodeMessage;
    if (said.type === "dying") error = said.thrown;
    else if (!isOver) events.message(said);
  }, print);
  child.stdout.on("data", receive);
  // A child that is gone says so by its end; what is still written to it is of no interest.
  child.stdin.on("error", () => {});
  // By its id: Deno loses the signal of a child that is ended by its own method.
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(child.pid, "SIGKILL");
    } catch {
      // It is gone already, or Deno may run only this program, which does not allow to end others by their ids.
      child.kill("SIGKILL");
    }
  };
  return {
    control: undefined,
    post: (message) => void child.stdin.write(encodeFrame(message)),
    kill() {
      isOver = true;
      kill();
      return ended;
    },
    lastLines: () => lastLines.lines,
    noteLine: (line) => lastLines.add(line),
  };
}

function childArguments(): string[] {
  // A compiled program runs itself: its own code then finds the variable.
  if (isStandalone) return [];
  if (isBundled) return process.argv.slice(1, 2).filter((path) => existsSync(path));
  const entry = new URL("./child.ts", import.meta.url);
  const program = entry.protocol === "file:" ? fileURLToPath(entry) : entry.href;
  return process.versions.deno ? ["run", "-A", "--quiet", ...configFlags(), program] : [program];
}

/** Deno looks for its configuration beside the program that it runs: here that must be the user's. */
function configFlags(): string[] {
  let folder = dirname(process.argv[1] ?? "");
  for (let above = ""; folder !== above; above = folder, folder = dirname(folder)) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = join(folder, name);
      if (isThere(path)) return ["--config", path];
    }
    if (folder === dirname(folder)) break;
  }
  return [];
}

/** What may not be read is none of this program's. */
function isThere(path: string): boolean {
  try {
    return existsSync(path);
  } catch {
    return false;
  }
}
