/** Runs on a cluster whose host is the test itself: `driver.py` is started here, not by a job, and serves one run after the other. */

import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { BackendOptions, Target } from "functionfuse";
import { Backend } from "../../core/backend.ts";
import type { Executor } from "../../core/executor.ts";
import type { ExecutorSetup } from "../../core/passes.ts";
import { DriverLink } from "../../backends/ray/cluster/driver_link.ts";
import { createRayExecutor } from "../../backends/ray/cluster/executor.ts";
import { RAY_PYTHON, type RayCluster, skipWithoutRay } from "./ray_cluster.ts";

const REPOSITORY = new URL("../../", import.meta.url).href;

const SCRIPTS = [
  ["driver.py", "backends/ray/cluster/driver.py"],
  ["object_store.py", "backends/ray/cluster/object_store.py"],
  ["place.py", "storage/ray_place.py"],
];

/** Why such runs are skipped: the host is Deno, wherever the client runs, as values travel as Deno writes them down. */
export function skipDirect(): string | false {
  return "Deno" in globalThis ? skipWithoutRay() : "only Deno is a host in a cluster of Ray";
}

/** A folder like that of a job, whose library is the repository. */
export function makePackage(): string {
  const folder = mkdtempSync(join(tmpdir(), "fuse-direct-"));
  for (const [name, path] of SCRIPTS) copyFileSync(new URL(path, REPOSITORY), join(folder, name));
  symlinkSync(fileURLToPath(REPOSITORY).replace(/\/$/, ""), join(folder, "functionfuse"));
  const { imports } = JSON.parse(
    readFileSync(new URL("../../deno.json", import.meta.url), "utf8"),
  );
  const own = Object.entries(imports as Record<string, string>)
    .map(([name, path]) => [name, path.replace("./", "./functionfuse/")]);
  const config = { imports: Object.fromEntries(own), nodeModulesDir: "none" };
  writeFileSync(join(folder, "deno.json"), JSON.stringify(config));
  return folder;
}

/** A driver that is a child of this process. */
export class DirectDriver {
  readonly link: DriverLink;
  readonly process: ChildProcess;
  readonly #folder: string;
  readonly #socket: Socket;
  /** What it wrote to standard error. */
  said = "";

  private constructor(folder: string, child: ChildProcess, socket: Socket) {
    this.#folder = folder;
    this.process = child;
    this.#socket = socket;
    this.link = new DriverLink((pieces) => {
      for (const piece of pieces) socket.write(piece);
    });
    socket.on("data", (bytes: Uint8Array) => this.link.receive(bytes));
    socket.on("close", () => this.link.ended("It is gone."));
  }

  /** Starts one; its package is the repository. */
  static async start({ gcsAddress }: Pick<RayCluster, "gcsAddress">): Promise<DirectDriver> {
    const folder = makePackage();
    const server = createServer();
    const connected = new Promise<Socket>((done) => server.once("connection", done));
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address() as { port: number };
    const child = spawn(RAY_PYTHON, ["driver.py", "../../../tests/support/ray_relay.ts"], {
      cwd: folder,
      stdio: ["ignore", "inherit", "pipe"],
      env: {
        ...process.env,
        RAY_ADDRESS: gcsAddress,
        RAY_AUTH_MODE: "disabled",
        FUSE_TEST_PORT: String(port),
      },
    });
    let said = "";
    child.stderr!.on("data", (text) => said += text);
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code) => reject(new Error(`The driver ended with ${code}: ${said}`)));
    });
    let socket: Socket;
    try {
      socket = await Promise.race([connected, ended]);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    } finally {
      server.close();
    }
    ended.catch(() => {});
    const driver = new DirectDriver(folder, child, socket);
    child.stderr!.on("data", () => driver.said = said);
    return driver;
  }

  /** Ends it. */
  async stop(): Promise<void> {
    const { process: child } = this;
    const ended = child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((done) => child.once("exit", done));
    this.link.stop();
    await ended;
    this.#socket.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Drivers that serve one run after the other, as many as there are runs at once. */
export class DirectDrivers {
  readonly #startCluster: () => Promise<Pick<RayCluster, "gcsAddress">>;
  readonly #all: DirectDriver[] = [];
  readonly #free: DirectDriver[] = [];

  constructor(startCluster: () => Promise<Pick<RayCluster, "gcsAddress">>) {
    this.#startCluster = startCluster;
  }

  async take(): Promise<DirectDriver> {
    const free = this.#free.pop();
    if (free) return free;
    const driver = await DirectDriver.start(await this.#startCluster());
    this.#all.push(driver);
    return driver;
  }

  give(driver: DirectDriver): void {
    if (driver.link.end === undefined) this.#free.push(driver);
  }

  /** A backend that runs on the cluster. */
  workflow(
    targets: Target | readonly Target[],
    options: Partial<BackendOptions> = {},
  ): DirectRayWorkflow {
    return new DirectRayWorkflow(targets, this, { workflowName: "test", ...options });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all.map((driver) => driver.stop()));
  }
}

/** A backend whose nodes run on a cluster, and whose host is this process. */
export class DirectRayWorkflow extends Backend<Target | readonly Target[], unknown> {
  readonly #drivers: DirectDrivers;
  /** What nodes printed, by their numbers. */
  readonly printed: [node: number | undefined, text: string, worker: string][] = [];

  constructor(
    targets: Target | readonly Target[],
    drivers: DirectDrivers,
    options: BackendOptions,
  ) {
    super(targets, options, console.warn);
    this.#drivers = drivers;
  }

  protected override async createExecutor(setup: ExecutorSetup): Promise<Executor> {
    const driver = await this.#drivers.take();
    let executor: Executor;
    try {
      executor = await createRayExecutor(setup, driver.link, {
        moduleInPackage: (url) => url.replace(REPOSITORY, "package:/functionfuse/"),
        onLog: (...args) => void this.printed.push(args),
      });
    } catch (error) {
      this.#drivers.give(driver);
      throw error;
    }
    const close = executor.close!.bind(executor);
    executor.close = async () => {
      await close();
      this.#drivers.give(driver);
    };
    return executor;
  }
}
