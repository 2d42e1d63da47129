/** Results outlive what happens to the process and to the disk. */

import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const KILLS = 200;
const root = mkdtempSync(join(tmpdir(), "functionfuse-durable-"));
after(() => rmSync(root, { recursive: true, force: true }));
const SCRIPT = fileURLToPath(new URL("../fixtures/killed.ts", import.meta.url));
const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
let folders = 0;

/** One workflow with its storage and the log of nodes that ran. */
class Experiment {
  readonly storage: string;
  readonly log: string;

  constructor(storage?: string, readonly bytes = 4_000) {
    const folder = join(root, String(folders++));
    mkdirSync(folder);
    this.log = join(folder, "log");
    this.storage = storage ?? join(folder, "storage");
  }

  start(backend: string): ChildProcess {
    const program = process.versions.deno ? ["run", "-A", "--quiet"] : [];
    return spawn(
      process.execPath,
      [...program, SCRIPT, this.storage, this.log, backend, String(this.bytes)],
      { cwd: PROJECT, stdio: ["ignore", "pipe", "pipe"] },
    );
  }

  saved(): Promise<string[]> {
    return new FileStorage({ path: this.storage }).listTasks("killed");
  }

  ran(): string[] {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").trimEnd().split("\n") : [];
  }
}

async function end(
  child: ChildProcess,
): Promise<{ code: number | null; out: string; err: string }> {
  let out = "";
  let err = "";
  child.stdout!.on("data", (data) => out += data);
  child.stderr!.on("data", (data) => err += data);
  const code = await new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  return { code, out: out.trim(), err };
}

/** Kills a process after a while, unless it has ended. */
async function killAfter(child: ChildProcess, ms: number) {
  const ended = end(child);
  const timer = setTimeout(() => {
    try {
      process.kill(child.pid!, "SIGKILL");
    } catch {
      // It ended just now.
    }
  }, ms);
  const result = await ended;
  clearTimeout(timer);
  return result;
}

describe("A run that is killed", () => {
  it(`at any of ${KILLS} random moments goes on where it was, and computes no saved node again`, {
    // On a busy machine.
    timeout: 600_000,
  }, async () => {
    const calm = new Experiment();
    const started = performance.now();
    const { out: expected } = await end(calm.start("local"));
    const wholeMs = performance.now() - started;
    assert.match(expected, /^\d+$/);
    assert.equal(calm.ran().length, 40);

    let kills = 0;
    let experiment = new Experiment();
    let saved: string[] = [];
    for (let run = 0; kills < KILLS; run++) {
      const before = experiment.ran().length;
      const child = experiment.start(run % 2 === 0 ? "local" : "parallel");
      const { code, out, err } = await killAfter(child, Math.random() * wholeMs);
      const again = experiment.ran().slice(before).filter((name) => saved.includes(name));
      assert.deepEqual(again, [], "nodes that were saved ran again");
      if (code === 0) {
        assert.equal(out, expected, err);
        experiment = new Experiment();
        saved = [];
      } else {
        kills++;
        assert.ok(!/Error/.test(err), err);
        saved = await experiment.saved();
      }
    }
    const { out } = await end(experiment.start("local"));
    assert.equal(out, expected);
  });

  it("leaves no half-written values, and journals that can be read", async () => {
    const experiment = new Experiment();
    for (let run = 0; run < 6; run++) await killAfter(experiment.start("local"), 150 + 40 * run);
    const storage = new FileStorage({ path: experiment.storage });
    for (const task of await storage.listTasks("killed")) {
      const { bulk, sum } = await storage.readTask("killed", task) as {
        sum: number;
        bulk: Float64Array;
      };
      assert.ok(bulk.length === 500 && bulk.every((value) => value === sum));
    }
    for (const run of await storage.listRuns("killed")) {
      const lines = (await storage.readJournal("killed", run))!.trimEnd().split("\n");
      for (const line of lines) assert.equal(JSON.parse(line).run, run);
    }
  });
});

describe("Two processes on one storage", () => {
  it("both end right, whichever of them saves what", async () => {
    for (let round = 0; round < 5; round++) {
      const experiment = new Experiment();
      const ended = await Promise.all(
        ["local", "parallel", "local"].map((backend) => end(experiment.start(backend))),
      );
      const { out } = ended[0];
      assert.match(out, /^\d+$/);
      for (const { code, out: other, err } of ended) {
        assert.deepEqual([code, other], [0, out], err);
        assert.equal(err, "");
      }
      const names = readdirSync(join(experiment.storage, "killed"));
      assert.deepEqual(names.filter((name) => /damaged|tmp/.test(name)), []);
    }
  });
});

/** A file system of its own in memory, as small as wanted. */
class SmallDisk {
  readonly path = join(root, `disk ${folders++}`);

  constructor(size: string) {
    mkdirSync(this.path);
    this.#mount("-t", "tmpfs", "-o", `size=${size}`, "functionfuse");
  }

  makeReadOnly(): void {
    this.#mount("-o", "remount,ro");
  }

  grow(size: string): void {
    this.#mount("-o", `remount,size=${size}`);
  }

  remove(): void {
    execFileSync("umount", [this.path]);
  }

  #mount(...options: string[]): void {
    execFileSync("mount", [...options, this.path]);
  }
}

describe("A disk", () => {
  const isRoot = process.getuid?.() === 0 && existsSync("/proc/self/mounts");
  const skip = isRoot || process.env.CI === "true" ? false : "needs root to mount small disks";

  it(
    "that is full ends the run with what to do; what was saved stays, and is used when there is room",
    { skip },
    async () => {
      const disk = new SmallDisk("600k");
      try {
        const experiment = new Experiment(join(disk.path, "storage"), 40_000);
        const { code, err } = await end(experiment.start("local"));
        assert.equal(code, 3);
        assert.match(
          err,
          /^StorageError: Cannot save .*the disk is full\. Make room.*still there/m,
        );
        const saved = await experiment.saved();
        assert.ok(saved.length > 3 && saved.length < 40, `${saved.length} were saved`);
        const storage = new FileStorage({ path: experiment.storage });
        for (const task of saved) await storage.readTask("killed", task);
        const files = readdirSync(join(experiment.storage, "killed"));
        assert.deepEqual(files.filter((name) => /damaged|tmp/.test(name)), []);
        disk.grow("20m");
        const before = experiment.ran().length;
        const again = await end(experiment.start("parallel"));
        assert.equal(again.code, 0, again.err);
        assert.equal(experiment.ran().length - before, 40 - saved.length);
      } finally {
        disk.remove();
      }
    },
  );

  it(
    "that is read-only gives what is stored, and says why nothing can be saved",
    { skip },
    async () => {
      const disk = new SmallDisk("20m");
      try {
        const experiment = new Experiment(join(disk.path, "storage"));
        const first = await end(experiment.start("local"));
        assert.equal(first.code, 0, first.err);
        disk.makeReadOnly();
        const storage = new FileStorage({ path: experiment.storage });
        assert.equal((await storage.listTasks("killed")).length, 40);
        await assert.rejects(storage.save("killed", "x", 1), {
          name: "StorageError",
          reason: "denied",
          message: /may not write.*Change the folder's rights/,
        });
        await assert.rejects(storage.newWorkflow("other"), { reason: "denied" });
        // All is stored: nothing needs to be saved, only the journal can't be.
        const second = await end(experiment.start("local"));
        assert.deepEqual([second.code, second.out], [0, first.out], second.err);
        assert.match(second.err, /journal is not kept/);
      } finally {
        disk.remove();
      }
    },
  );
});
