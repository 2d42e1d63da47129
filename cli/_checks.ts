/** What `fuse doctor` looks at: each check tries the real thing, and says what to do where it fails. */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { definePlugin } from "../core/plugin.ts";
import type { Storage } from "../core/storage.ts";
import type { Target } from "../core/types.ts";
import { FileStorage } from "../storage/mod.ts";
import { type LoadedConfig, openConfigured } from "./_config.ts";
import { CommandError, exitCodeOf, explainError } from "./_errors.ts";
import { provideLibrary } from "./_library.ts";
import { DEFAULT_STORAGE } from "./_stored.ts";
import { count, showBytes, showDuration } from "./_text.ts";

/** What came of a check; `none`: something that nobody needs is not there. */
export interface Check {
  readonly name: string;
  readonly status: "ok" | "warn" | "fail" | "none";
  /** What was found. */
  readonly found: string;
  /** What to do about it. */
  readonly todo?: string;
  /** What the process ends with if this failed. */
  readonly exitCode?: number;
}

/** Tries something that is needed; an error of it is what was found. */
async function attempt(
  name: string,
  todo: string,
  action: () => Promise<Omit<Check, "name">>,
): Promise<Check> {
  try {
    return { name, ...await withinTime(action()) };
  } catch (error) {
    const found = explainError(error).replace(/^error: /, "");
    return { name, status: "fail", found, todo, exitCode: exitCodeOf(error) };
  }
}

const LONGEST_MS = 30_000;

async function withinTime<T>(action: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `There was no answer within ${LONGEST_MS / 1_000} seconds.`;
    timer = setTimeout(() => reject(new CommandError(message)), LONGEST_MS);
  });
  try {
    return await Promise.race([action, late]);
  } finally {
    clearTimeout(timer);
  }
}

const LITTLE_MEMORY_BYTES = 500_000_000;

/** Cores and memory. */
export function checkMachine(): Check {
  const free = os.freemem();
  const found =
    `${count(os.availableParallelism(), "core")}, ${showBytes(os.totalmem())} of memory, ` +
    `${showBytes(free)} of it free`;
  if (free >= LITTLE_MEMORY_BYTES) return { name: "machine", status: "ok", found };
  const todo = "Close what else is running, or run with fewer workers (--workers 1).";
  return { name: "machine", status: "warn", found, todo };
}

/** Whether types are checked before a run. */
export function checkTypeChecker(): Check {
  const name = "types";
  const isDeno = process.versions.deno !== undefined && /^deno\b/.test(basename(process.execPath));
  if (isDeno) return { name, status: "ok", found: "checked before each run" };
  const todo = "Check them with tsc --noEmit, or run fuse by Deno.";
  return { name, status: "none", found: "not checked before a run: only Deno does that", todo };
}

const ANSWER = `import { workflow } from "functionfuse";
export default workflow("answer", (n: number) => n + 1)(41);
`;

/** Whether a worker starts, finds the library and a file of the user's, and answers. */
export async function checkWorkers(isolation: "thread" | "process"): Promise<Check> {
  const todo = isolation === "thread"
    ? "Run with --isolation process, or without workers (--backend local)."
    : "Let fuse start processes (in Deno: --allow-run), or leave --isolation process out.";
  const check = await attempt(`worker ${isolation}`, todo, async () => {
    const folder = fs.mkdtempSync(join(os.tmpdir(), "fuse-doctor-"));
    try {
      return await askWorker(folder, isolation);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
  return check.status === "fail" ? { ...check, exitCode: 4 } : check;
}

async function askWorker(folder: string, isolation: "thread" | "process") {
  const file = join(folder, "answer.ts");
  fs.writeFileSync(file, ANSWER);
  await provideLibrary();
  const { default: target }: { default: Target } = await import(pathToFileURL(file).href);
  const { ParallelWorkflow } = await import("../backends/parallel.ts");
  let worker: string | undefined;
  const warnings: string[] = [];
  const watch = definePlugin("watch", () => ({
    onNodeEnd: (_, end) => void (worker = end.worker),
  }));
  const started = performance.now();
  const value = await new ParallelWorkflow(target, {
    workflowName: "doctor",
    workers: 1,
    isolation,
    plugins: [watch()],
    onWarning: (message) => warnings.push(message),
  }).run();
  if (value !== 42 || worker === undefined || worker === "host") {
    throw new CommandError(`No worker answered. ${warnings.join(" ")}`);
  }
  const took = showDuration(performance.now() - started);
  return { status: "ok", found: `answered in ${took}` } as const;
}

/** Whether a value can be kept, read and removed. */
export async function checkStorage(
  place: string | undefined,
  config: LoadedConfig | undefined,
  open: (place: string) => Storage,
): Promise<Check> {
  const todo =
    "Name another place (--storage, or storage in fuse.config.ts), or make this one writable.";
  const check = await attempt("storage", todo, async () => {
    const configured = place === undefined && config ? openConfigured(config) : undefined;
    if (configured === false) {
      return { status: "ok", found: "none: the configuration keeps nothing" };
    }
    const storage = configured ?? open(place ?? DEFAULT_STORAGE);
    await tryStorage(storage);
    return { status: "ok", found: `${storage.location} can be written and read` };
  });
  // A place that is named wrongly is one that can't be used, too.
  return check.status === "fail" ? { ...check, exitCode: 3 } : check;
}

async function tryStorage(storage: Storage): Promise<void> {
  const missing = storage instanceof FileStorage ? missingFolders(storage.location) : [];
  const workflow = `fuse doctor ${randomBytes(4).toString("hex")}`;
  try {
    await storage.save(workflow, "value", 42);
    const value = await storage.readTask(workflow, "value");
    if (value !== 42) {
      throw new CommandError(`${storage.location} gave another value than it was given.`);
    }
  } finally {
    await storage.removeWorkflow(workflow).catch(() => {});
    // Nothing is to be left behind where nothing was.
    for (const folder of missing) if (fs.existsSync(folder)) removeEmpty(folder);
  }
}

/** The folders of a path that are not there, from the innermost outward. */
function missingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !fs.existsSync(at); at = dirname(at)) missing.push(at);
  return missing;
}

function removeEmpty(folder: string): void {
  if (fs.readdirSync(folder).length === 0) fs.rmdirSync(folder);
}

/** Whether graphs can be drawn: Graphviz as WebAssembly. */
export async function checkGraphviz(): Promise<Check> {
  const check = await attempt(
    "graphviz",
    "Draw as .dot or .mmd, or install fuse again.",
    async () => {
      const { instance } = await import("@viz-js/viz");
      const viz = await instance();
      viz.renderString("digraph { a -> b }", { format: "svg" });
      return { status: "ok", found: `${viz.graphvizVersion} draws` };
    },
  );
  return check.status === "fail" ? { ...check, status: "warn" } : check;
}

/** Whether the Ray cluster answers that the configuration or the environment names, and what it has. */
export async function checkRay(config: LoadedConfig | undefined): Promise<Check> {
  const { backend, ray } = config?.config ?? {};
  const { RAY_API_SERVER_ADDRESS, RAY_ADDRESS } = process.env;
  const isChosen = backend === "ray" || ray !== undefined;
  if (!isChosen && !RAY_API_SERVER_ADDRESS && !RAY_ADDRESS) {
    const version = await versionOf("ray");
    const todo =
      "If you want it: set RAY_ADDRESS, or start one (pip install 'ray[default]', ray start --head)";
    if (version === undefined) return { name: "ray", status: "none", found: "not found", todo };
    return { name: "ray", status: "ok", found: `${version} is installed; no cluster is named` };
  }
  const todo = "Correct RAY_ADDRESS, or 'ray' in fuse.config.ts, or start the cluster.";
  const check = await attempt("ray", todo, async () => {
    const { describeCluster } = await import("../backends/ray/describe_cluster.ts");
    const { address, rayVersion, nodes, resources } = await describeCluster(ray ?? {});
    const { CPU = 0, GPU = 0, memory = 0, ...own } = resources;
    const has = [
      ...[`Ray ${rayVersion} at ${address}`, count(nodes, "node"), `${CPU} CPUs`],
      ...GPU > 0 ? [`${GPU} GPUs`] : [],
      `${showBytes(memory)} of memory`,
      ...Object.entries(own).map(([name, amount]) => `${name}: ${amount}`),
    ];
    return { status: "ok", found: has.join(", ") };
  });
  if (check.status !== "fail") return check;
  // Of what runs here don't need, a warning is enough.
  return isChosen ? { ...check, exitCode: 4 } : { ...check, status: "warn", exitCode: undefined };
}

/** What else workflows can be run by, or be given to. */
const PROGRAMS: readonly { name: string; variable?: string; todo: string }[] = [
  { name: "deno", todo: "https://deno.com" },
  { name: "bun", todo: "https://bun.sh" },
  {
    name: "prefect",
    variable: "PREFECT_API_URL",
    todo: "pip install prefect, or set PREFECT_API_URL",
  },
  { name: "kfp", variable: "KFP_ENDPOINT", todo: "pip install kfp, or set KFP_ENDPOINT" },
];

/** Which programs and servers of others are there; none of them is needed. */
export async function checkPrograms(): Promise<Check[]> {
  return await Promise.all(PROGRAMS.map(async ({ name, variable, todo }): Promise<Check> => {
    const isSet = variable !== undefined && Boolean(process.env[variable]);
    // The value may hold a password.
    if (isSet) return { name, status: "ok", found: `${variable} is set` };
    const version = await versionOf(name);
    if (version !== undefined) return { name, status: "ok", found: version };
    return { name, status: "none", found: "not found", todo: `If you want it: ${todo}` };
  }));
}

function versionOf(program: string): Promise<string | undefined> {
  return new Promise((done) => {
    const options = { timeout: LONGEST_MS, env: { ...process.env, NO_COLOR: "1" } };
    execFile(program, ["--version"], options, (error, stdout) => {
      done(error ? undefined : /\d+\.\d+[\w.+-]*/.exec(stdout)?.[0] ?? "found");
    });
  });
}
