/** The ways in which people start `fuse`: from its source, and as an executable. */

import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Ended } from "./fuse.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** How a program is started. */
export interface StartOptions {
  readonly cwd: string;
  /** Beside those of this process; an executable has these alone. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Interrupts the program as soon as it has said this on stderr. */
  readonly interruptAt?: string;
}

/** One of the ways. */
export interface Program {
  readonly name: string;
  /** Whether it is made, and by what; else from source. */
  readonly isExecutable: boolean;
  /** Whether packages are found in a folder `node_modules` beside a workflow. */
  readonly hasNodeModules: boolean;
  /** Whether it can make executables of workflows. */
  readonly canCompile: boolean;
  /** Why it can't be had here, if so. */
  readonly missing: string | undefined;
  start(args: readonly string[], options: StartOptions): Promise<Ended & { readonly pid: number }>;
}

/** Starts a program; nothing is known of what is in its environment but `env`. */
export function startAlone(
  [program, ...fixed]: readonly string[],
  args: readonly string[],
  { cwd, env, interruptAt }: StartOptions,
): Promise<Ended & { readonly pid: number }> {
  const child = spawn(program, [...fixed, ...args], {
    cwd,
    env: env as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid!;
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => stdout += data);
  let isInterrupted = false;
  child.stderr.on("data", (data) => {
    stderr += data;
    if (isInterrupted || interruptAt === undefined || !stderr.includes(interruptAt)) return;
    isInterrupted = true;
    process.kill(pid, "SIGINT");
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr, pid }));
  });
}

/** What every program may see of the machine: nothing that leads it to a runtime, and no way to credentials. */
const BARE = { PATH: "", NO_COLOR: "1", AWS_EC2_METADATA_DISABLED: "true" };

function fromSource(): Program {
  const isDeno = process.versions.deno !== undefined;
  const command = [
    process.execPath,
    ...(isDeno ? ["run", "-A", "--quiet"] : []),
    join(ROOT, "cli.ts"),
  ];
  return {
    name: isDeno ? "deno run cli.ts" : "bun cli.ts",
    isExecutable: false,
    hasNodeModules: !isDeno,
    canCompile: true,
    missing: undefined,
    start: (args, { env, ...options }) =>
      startAlone(command, args, {
        ...options,
        env: { ...process.env, ...BARE, PATH: process.env.PATH!, ...env },
      }),
  };
}

/** Copied alone into an empty folder, far from the project and with nothing in PATH. */
function fromExecutable(
  compiler: "bun" | "deno",
  made: { path?: string; missing?: string },
): Program {
  const name = compiler === "bun" ? "the executable" : "the executable that Deno made";
  let copy: string | undefined;
  if (made.path !== undefined) {
    const folder = mkdtempSync(join(tmpdir(), "functionfuse-alone-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    copy = join(folder, "fuse");
    copyFileSync(made.path, copy);
  }
  return {
    name,
    isExecutable: true,
    hasNodeModules: compiler === "bun",
    canCompile: compiler === "bun",
    missing: made.missing,
    start: (args, { env, ...options }) =>
      startAlone([copy!], args, { ...options, env: { ...BARE, ...env } }),
  };
}

/** When any of the sources was changed last. */
function changedAt(): number {
  const folders = [
    "backends",
    "cli",
    "code",
    "core",
    "encoding",
    "plugins",
    "ray",
    "storage",
    "tools",
  ];
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .map((path) => join(ROOT, folder, path))
  ).concat(readdirSync(ROOT).map((path) => join(ROOT, path)));
  const sources = files.filter((path) => /\.ts$|\/bun\.lock$/.test(path));
  return Math.max(...sources.map((path) => statSync(path).mtimeMs));
}

/** The executable in this folder, made anew if something has changed since. */
function makeExecutable(compiler: "bun" | "deno"): { path?: string; missing?: string } {
  const path = join(ROOT, compiler === "bun" ? "fuse" : "dist/fuse-deno");
  if (existsSync(path) && statSync(path).mtimeMs > changedAt()) return { path };
  const [deno, ...flags] = process.versions.deno ? [process.execPath] : ["npx", "-y", "deno"];
  try {
    execFileSync(deno, [
      ...flags,
      "run",
      "-A",
      "--quiet",
      join(ROOT, "tools/compile.ts"),
      compiler,
      path,
    ], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return { path };
  } catch (error) {
    const said = String((error as { stderr?: Uint8Array }).stderr ?? error).trim();
    // Deno fetches a part of its executables from the network: a machine may have none.
    if (compiler === "bun" && process.env.CI === "true") throw new Error(said, { cause: error });
    console.error(`An executable made by ${compiler} is not tested here. ${said}`);
    return { missing: said };
  }
}

/** Those to be tested in this runtime: between them, the two runtimes have all. */
export function programs(): Program[] {
  return process.versions.deno
    ? [
      fromSource(),
      fromExecutable("bun", makeExecutable("bun")),
      fromExecutable("deno", makeExecutable("deno")),
    ]
    : [fromSource()];
}
