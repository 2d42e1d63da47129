/**
 * Clusters of Ray on this machine, for tests and benchmarks: a head and further nodes with resources of their own, on free
 * ports, with a folder of their own. Everything is ended by its process id, also when the process that started it dies.
 */

import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePort, isListening } from "./ports.ts";
import { processesBelow } from "./processes.ts";

/** Python with Ray, as `tools/engines.ts` has made it. */
export const RAY_PYTHON: string = fileURLToPath(
  new URL("../../.engines/ray/bin/python", import.meta.url),
);
const RUN_NODE = fileURLToPath(new URL("ray_node.py", import.meta.url));
const LONGEST_START_MS = 180_000;
const LONGEST_END_MS = 30_000;

/** Why tests with Ray are skipped: `false` where it is there, or where it must be. */
export function skipWithoutRay(): string | false {
  if (existsSync(RAY_PYTHON) || process.env.CI === "true") return false;
  return "Ray is not there: deno task setup:engines makes it";
}

/** What a node is to have. */
export interface RayNodeOptions {
  /** 2 if left out. */
  readonly cpus?: number;
  /** Its custom resources. */
  readonly resources?: Readonly<Record<string, number>>;
  /** How large its object store is; 400 MB if left out. */
  readonly objectStoreBytes?: number;
}

/** What a cluster is to have. */
export interface RayClusterOptions {
  /** The first is the head. */
  readonly nodes?: readonly RayNodeOptions[];
  /** Who doesn't send it is refused. */
  readonly token?: string;
  /** For Ray's processes, and so for the jobs. */
  readonly env?: Readonly<Record<string, string>>;
}

interface NodeRecord {
  readonly name: string;
  readonly id: string;
  readonly pid: number;
  readonly resources: Readonly<Record<string, number>>;
}

/** A node of a cluster: what is a machine elsewhere. */
export class RayNode implements NodeRecord {
  /** The name of its files in the cluster's folder. */
  readonly name: string;
  /** Its id in the cluster. */
  readonly id: string;
  /** The process that has all others of the node below it. */
  readonly pid: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly #folder: string;

  constructor(record: NodeRecord, folder: string) {
    this.name = record.name;
    this.id = record.id;
    this.pid = record.pid;
    this.resources = record.resources;
    this.#folder = folder;
  }

  /** Its processes. Ray calls workers `ray::` and the name of the task that they run, or `ray::IDLE`. */
  processes(): { readonly pid: number; readonly command: string }[] {
    return processesBelow(this.pid);
  }

  /** Kills everything at once, as if the machine had lost its power. */
  async kill(): Promise<void> {
    const pidFile = join(this.#folder, `${this.name}.pid`);
    if (existsSync(pidFile)) process.kill(this.pid, "SIGTERM");
    await until(`the end of the Ray node ${this.name}`, LONGEST_END_MS, () => !existsSync(pidFile));
  }
}

/** A cluster that runs. */
export class RayCluster {
  /** Of its dashboard, which takes jobs. */
  readonly address: string;
  /** Where Ray's own processes meet. */
  readonly gcsAddress: string;
  readonly token: string | undefined;
  /** Ray's folder for sessions, logs and spilled objects. */
  readonly folder: string;
  /** Those that were started, the head first; also if they were killed since. */
  readonly nodes: RayNode[] = [];
  readonly #env: Readonly<Record<string, string>>;

  private constructor(fields: ClusterRecord) {
    this.address = fields.address;
    this.gcsAddress = fields.gcsAddress;
    this.token = fields.token;
    this.folder = fields.folder;
    this.#env = fields.env;
    this.nodes.push(...fields.nodes.map((record) => new RayNode(record, fields.folder)));
  }

  /** Starts a cluster: a head with `_model`, and a node with `_disk`, unless other nodes are wanted. */
  static async start(options: RayClusterOptions = {}): Promise<RayCluster> {
    // Sockets have long names in there, and names of sockets must be short.
    return await RayCluster.#startTwice(mkdtempSync("/tmp/fuse-ray-"), options);
  }

  /**
   * The cluster of this process, started when first asked for and ended with the process; the files of a test run share
   * it. A test may add nodes to it, and end those.
   */
  static async shared(): Promise<RayCluster> {
    const folder = `/tmp/fuse-ray-of-${process.pid}`;
    const record = join(folder, "cluster.json");
    try {
      mkdirSync(folder);
    } catch {
      await until("the shared Ray cluster", LONGEST_START_MS, () => existsSync(record));
      return new RayCluster(JSON.parse(readFileSync(record, "utf8")));
    }
    const cluster = await RayCluster.#startTwice(folder, {});
    writeFileSync(record, JSON.stringify(cluster.#record()));
    return cluster;
  }

  static async #startTwice(folder: string, options: RayClusterOptions): Promise<RayCluster> {
    return await twice("A Ray cluster", async () => {
      mkdirSync(folder, { recursive: true });
      return await RayCluster.#startIn(folder, options);
    });
  }

  static async #startIn(folder: string, options: RayClusterOptions): Promise<RayCluster> {
    const {
      nodes: [head, ...others] = [{ resources: { _model: 1 } }, { resources: { _disk: 1 } }],
      token,
      env = {},
    } = options;
    const [port, dashboardPort, clientPort] = await Promise.all([1, 2, 3].map(freePort));
    const cluster = new RayCluster({
      ...{ address: `http://127.0.0.1:${dashboardPort}`, gcsAddress: `127.0.0.1:${port}` },
      ...{ token, env, folder, nodes: [] },
    });
    try {
      const started = cluster.#start("head", head, [
        ...["--head", "--temp-dir", folder, "--port", String(port)],
        ...["--ray-client-server-port", String(clientPort), "--no-monitor"],
        ...["--include-dashboard", "true", "--dashboard-host", "127.0.0.1"],
        ...["--dashboard-port", String(dashboardPort)],
      ]);
      const headListens = async () => {
        if (existsSync(join(folder, "head.ended"))) await started;
        return await isListening(port);
      };
      const more = until("Ray's head", LONGEST_START_MS, headListens).then(async () => {
        for (const node of others) await cluster.addNode(node);
      });
      const [first, rest] = await Promise.allSettled([started, more]);
      if (first.status === "rejected") throw first.reason;
      cluster.nodes.unshift(first.value);
      if (rest.status === "rejected") throw rest.reason;
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Starts one more node. */
  async addNode(options: RayNodeOptions = {}): Promise<RayNode> {
    return await twice("A Ray node", () => this.#addOnce(options), () => this.#hasHead());
  }

  async #hasHead(): Promise<boolean> {
    return await isListening(Number(this.gcsAddress.split(":")[1]));
  }

  async #addOnce(options: RayNodeOptions): Promise<RayNode> {
    const name = `node-${Math.random().toString(36).slice(2, 8)}`;
    const node = await this.#start(name, options, [
      ...["--address", this.gcsAddress],
      // As on a machine of its own: each node unpacks what jobs bring, over what is there.
      ...["--temp-dir", join(this.folder, name)],
    ]);
    this.nodes.push(node);
    return node;
  }

  /** Ends everything, and removes the folder. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await until("the end of the cluster", LONGEST_END_MS, () => !existsSync(this.folder));
  }

  /** The nodes that the cluster counts as alive: one that was killed is still one of them for seconds. */
  async aliveNodes(): Promise<{ readonly id: string; readonly isHead: boolean }[]> {
    const response = await fetch(`${this.address}/api/v0/nodes?detail=true`, {
      headers: this.token === undefined ? {} : { authorization: `Bearer ${this.token}` },
      signal: AbortSignal.timeout(10_000),
    });
    const { data } = await response.json() as { data: { result: { result: StateOfNode[] } } };
    return data.result.result.filter(({ state }) => state === "ALIVE")
      .map(({ node_id, is_head_node }) => ({ id: node_id, isHead: is_head_node }));
  }

  #record(): ClusterRecord {
    const { address, gcsAddress, token, folder } = this;
    const nodes = this.nodes.map(({ name, id, pid, resources }) => ({ name, id, pid, resources }));
    return { address, gcsAddress, token, folder, env: this.#env, nodes };
  }

  async #start(name: string, options: RayNodeOptions, args: readonly string[]): Promise<RayNode> {
    const { cpus = 2, resources = {}, objectStoreBytes = 400_000_000 } = options;
    const isHead = name === "head";
    const [log, pidFile, ended] = ["log", "pid", "ended"]
      .map((kind) => join(this.folder, `${name}.${kind}`));
    const output = openSync(log, "w");
    const child = spawn(RAY_PYTHON, [
      ...[RUN_NODE, String(process.pid), pidFile, isHead ? this.folder : "-"],
      ...[join(dirname(RAY_PYTHON), "ray"), "start", "--block", "--disable-usage-stats"],
      ...["--num-cpus", String(cpus), "--resources", JSON.stringify(resources)],
      ...["--object-store-memory", String(objectStoreBytes), ...args],
      // Several nodes on a machine would meet at fixed ports.
      ...["--min-worker-port", "0", "--max-worker-port", "0"],
      ...["--dashboard-agent-listen-port", "0"],
    ], { stdio: ["ignore", output, output], detached: true, env: this.#environment() });
    closeSync(output);
    // It outlives a test file; the cluster is ended with the process.
    child.unref();
    const pid = child.pid!;
    let id: string | undefined;
    try {
      await until(`the Ray node ${name}`, LONGEST_START_MS, async () => {
        if (existsSync(ended)) throw new Error(`The Ray node ${name} ended at once.`);
        id ??= idOf(pid);
        if (id === undefined) return false;
        // The dashboard may not be up yet.
        const alive = await this.aliveNodes().catch(() => []);
        return alive.some((node) => node.id === id);
      });
    } catch (error) {
      const said = existsSync(log) ? readFileSync(log, "utf8") : "";
      await new RayNode({ name, id: "", pid, resources }, this.folder).kill();
      throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
    }
    return new RayNode({ name, id: id!, pid, resources }, this.folder);
  }

  #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("RAY_"));
    return {
      ...Object.fromEntries(own),
      PATH: [dirname(RAY_PYTHON), process.env.PATH].join(delimiter),
      RAY_AUTH_MODE: this.token === undefined ? "disabled" : "token",
      ...this.token === undefined ? {} : { RAY_AUTH_TOKEN: this.token },
      // A node that was killed is missed after seconds, not after half a minute.
      RAY_health_check_period_ms: "500",
      RAY_health_check_failure_threshold: "5",
      // Whatever else runs on this machine, its memory is not the tests' business.
      RAY_memory_monitor_refresh_ms: "0",
      ...this.#env,
    };
  }
}

interface ClusterRecord {
  readonly address: string;
  readonly gcsAddress: string;
  readonly token: string | undefined;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly nodes: readonly NodeRecord[];
}

interface StateOfNode {
  readonly node_id: string;
  readonly is_head_node: boolean;
  readonly state: string;
}

/** The node's id in the cluster, as soon as its raylet runs. */
function idOf(pid: number): string | undefined {
  const raylet = processesBelow(pid).find(({ command }) => /\/raylet --/.test(command));
  return raylet && /--node_id=(\w+)/.exec(raylet.command)?.[1];
}

/** Starts something, and once more if that fails, as it does at times on a busy machine. */
async function twice<T>(
  what: string,
  start: () => Promise<T>,
  mayHelp: () => boolean | Promise<boolean> = () => true,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!await mayHelp()) throw error;
    console.warn(`${what} is started once more: ${(error as Error).message.trimEnd()}`);
    return await start();
  }
}

/** Waits for something. */
export async function until(
  what: string,
  longestMs: number,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + longestMs;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`Waited ${longestMs} ms for ${what}.`);
    await delay(100);
  }
}
