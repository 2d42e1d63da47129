/** Runs the `fuse` command as users do: in a process of its own. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A folder for workflow files, far from the project. */
export class Workspace {
  readonly path: string = mkdtempSync(join(tmpdir(), "functionfuse-"));

  /** Writes a file of the folder. */
  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true });
    writeFileSync(join(this.path, name), text);
  }

  /** The text of a file of the folder. */
  read(name: string): string {
    return readFileSync(join(this.path, name), "utf8");
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Runs `fuse` in the folder; interrupts it as soon as it has said `interruptAt` on stderr. */
  fuse(args: readonly string[], interruptAt?: string): Promise<Ended> {
    return this.start(args, { interruptAt }).ended;
  }

  /** The same, of which the process can be had; with more in its environment. */
  start(
    args: readonly string[],
    { interruptAt, env }: {
      readonly interruptAt?: string;
      readonly env?: Readonly<Record<string, string>>;
    } = {},
  ): Started {
    // Quiet, as Deno tells of each package that it downloads for the first time.
    const program = process.versions.deno ? ["run", "-A", "--quiet"] : [];
    const child = spawn(process.execPath, [...program, join(ROOT, "cli.ts"), ...args], {
      cwd: this.path,
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => stdout += data);
    let isInterrupted = false;
    child.stderr.on("data", (data) => {
      stderr += data;
      if (isInterrupted || interruptAt === undefined || !stderr.includes(interruptAt)) return;
      isInterrupted = true;
      // By its id, as Deno reports a child that `child.kill` was called on as killed, however it ended.
      process.kill(child.pid!, "SIGINT");
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
    return { process: child, ended };
  }
}
