/** What people do with `fuse` from beginning to end, the same from source and as an executable. */

import assert from "node:assert/strict";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type Ended, Workspace } from "../support/fuse.ts";
import { skipWithout, VERSITYGW } from "../support/peers.ts";
import { type Program, programs, startAlone } from "../support/programs.ts";
import { BUCKET, startVersity } from "../support/s3_servers.ts";

const HELPER = "export const factor: number = 3;\n";
const WORKFLOW = `import { workflow } from "functionfuse";
import { factor } from "./helper.ts";

const scale = workflow(function scale(x: number) {
  return x * factor;
});
const total = workflow(async function total(values: number[]) {
  return await Promise.resolve(values.reduce((sum, value) => sum + value, 0));
});

export default total([scale(1), scale(2).setName("two")]).setName("sum");
`;

// Busy long enough for both workers to be needed.
const PLACES = `import { workflow } from "functionfuse";
import { existsSync, writeFileSync } from "node:fs";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

// Each waits for the other one, so that they need two workers.
const place = workflow(async function place(own: number, other: number) {
  writeFileSync("place-" + own, "");
  while (!existsSync("place-" + other)) await new Promise((done) => setTimeout(done, 5));
  return { pid: process.pid, isMainThread, random: Math.random() };
});
export default ({ from = 0 }: { from?: number }) => [place(from, from + 1), place(from + 1, from)];
`;

/** For a run that is to wait anew: numbers that none had before. */
let numbersUsed = 10;
const newNumbers = () => `from=${numbersUsed += 2}`;

const CONFIG = `import { defineConfig } from "functionfuse/config";
import { randomState } from "functionfuse/plugins";
import { arrowSerializer, storageFactory, zarrSerializer } from "functionfuse/storage";

const storage = storageFactory({ kind: "file", options: { path: "results" } });
storage.registerSerializers(zarrSerializer(), arrowSerializer());
export default defineConfig({ storage, workers: 2, rules: [{ plugins: [randomState({ seed: 7 })] }] });
`;

const { name, exports }: { name: string; exports: Record<string, string> } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);
const ENTRIES = Object.keys(exports).map((entry) => name + entry.slice(1));

interface Place {
  readonly pid: number;
  readonly isMainThread: boolean;
  readonly random: number;
}

const all = programs();
for (const program of all) {
  describe(`fuse as ${program.name}`, { skip: program.missing ?? false }, () => tell(program));
}

function tell(program: Program): void {
  const workspace = new Workspace();
  after(() => workspace.remove());
  const inFolder = (folder: string) => (...args: string[]) =>
    program.start(args, { cwd: join(workspace.path, folder) });
  const fuse = inFolder("");
  /** Types are checked by the tests of `fuse run`. */
  const run = (...args: string[]) => fuse("run", "--no-check", ...args);
  const runJson = async (...args: string[]) => {
    const ended = await run(...args, "--json");
    assert.equal(ended.code, 0, ended.stderr);
    return { ...ended, value: JSON.parse(ended.stdout) };
  };
  workspace.write("helper.ts", HELPER);
  workspace.write("workflow.ts", WORKFLOW);
  workspace.write("places.ts", PLACES);
  const digits = tableFromArrays({ digit: ["one"], count: Float64Array.of(1) });
  writeFileSync(join(workspace.path, "digits.arrow"), tableToIPC(digits, "file"));

  it("says what it is, what it can do, and what was probably meant", async () => {
    const { stdout } = await fuse("version", "--json");
    assert.equal(JSON.parse(stdout).built, program.isExecutable ? "executable" : "source");
    const help = await fuse("--help");
    assert.match(help.stdout, /run .*\n[^]*plan .*\n[^]*graph .*\n[^]*compile .*\n[^]*Examples:/);
    const typo = await fuse("rnu");
    assert.equal(typo.code, 64);
    assert.match(typo.stderr, /Did you mean run\?/);
  });

  it("runs a workflow that imports the library and a helper, and uses its results again", async () => {
    const first = await run("workflow.ts");
    assert.deepEqual([first.code, first.stdout], [0, "9\n"], first.stderr);
    assert.doesNotMatch(first.stderr, /run on the host/);
    const second = await run("workflow.ts");
    assert.equal(second.stdout, "9\n");
    assert.match(second.stderr, /Nothing had to run: all 3 results are in storage/);
  });

  it("has every public entry of the library, of one copy, also in workers", async () => {
    const imports = ENTRIES.map((name, at) => `import * as entry${at} from "${name}";\n`).join("");
    workspace.write(
      "entries.ts",
      `${imports}
const entries: object[] = [${ENTRIES.map((_, at) => `entry${at}`).join()}];
const { workflow, ParallelWorkflow } = entry0;
export default workflow(function check() {
  return {
    counts: entries.map((entry) => Object.keys(entry).length),
    isOne: entries.every((entry) => !("ParallelWorkflow" in entry) || entry.ParallelWorkflow === ParallelWorkflow),
  };
})();`,
    );
    const { value, stderr } = await runJson("entries.ts");
    assert.doesNotMatch(stderr, /run on the host/);
    assert.ok(value.isOne);
    assert.deepEqual(ENTRIES.filter((_, at) => value.counts[at] === 0), []);
  });

  it("plans, and runs just what a changed helper changes", async () => {
    const stored = await fuse("plan", "workflow.ts", "--no-check");
    assert.match(stored.stdout, /^(stored .*\n){3}$/, stored.stderr);
    workspace.write("helper.ts", HELPER.replace("3", "4"));
    const changed = await fuse("plan", "workflow.ts", "--no-check");
    assert.match(changed.stdout, /will run +scale_0000 .*helper\.ts#factor/);
    assert.equal((await run("workflow.ts")).stdout, "12\n");
    workspace.write("helper.ts", HELPER);
  });

  it("runs nodes in threads, and in processes, with the same random numbers", async () => {
    workspace.write("places/places.ts", PLACES);
    workspace.write("places/fuse.config.ts", CONFIG);
    const numbers: number[][] = [];
    for (const isolation of ["thread", "process"]) {
      const { value, stderr, pid } = await runJson(
        "places/places.ts",
        ...["--isolation", isolation, "--no-storage", "--param", newNumbers()],
      );
      assert.doesNotMatch(stderr, /run on the host/);
      const places: Place[] = value;
      numbers.push(places.map(({ random }) => random));
      if (isolation === "thread") {
        assert.deepEqual(places.map(({ isMainThread }) => isMainThread), [false, false]);
        assert.deepEqual(places.map((place) => place.pid), [pid, pid]);
      } else {
        assert.ok(places.every((place) => place.pid !== pid));
        assert.notEqual(places[0].pid, places[1].pid);
      }
    }
    assert.deepEqual(numbers[0], numbers[1]);
  });

  it("takes parameters, and refuses one that nobody asks for", async () => {
    const { value } = await runJson("places.ts", "--param", "from=5", "--no-storage");
    assert.equal(value.length, 2);
    const wrong = await run("places.ts", "--param", "form=5", "--no-storage");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /no parameter "form": its function asks for from/);
  });

  it("takes settings from a configuration, with storages and serializers", async () => {
    workspace.write("config/fuse.config.ts", CONFIG);
    workspace.write(
      "config/big.ts",
      `import { workflow } from "functionfuse";
import { openArrow } from "functionfuse/storage";
const array = workflow(function array() { return { data: new Float64Array(12).fill(2), shape: [3, 4] }; });
const table = workflow(function table(path: string) { return openArrow(path); });
export default { array: array().setName("array"), table: table("../digits.arrow").setName("table") };`,
    );
    const ended = await inFolder("config")("run", "--no-check", "big.ts");
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /Using fuse\.config\.ts[^]*stored in .*results/);
    const parts = readdirSync(join(workspace.path, "config/results/big/parts"), {
      recursive: true,
      encoding: "utf8",
    });
    assert.ok(parts.some((path) => path.endsWith("zarr.json")), parts.join());
    assert.ok(parts.some((path) => path.endsWith(".arrow")), parts.join());
    const read = await inFolder("config")("read", "big", "array", "--storage", "results", "--json");
    assert.deepEqual(JSON.parse(read.stdout).shape, [3, 4], read.stderr);
  });

  it("writes and reads HDF5 and Parquet", async () => {
    workspace.write(
      "formats.ts",
      `import { workflow } from "functionfuse";
import { hdf5Serializer, openArrow, parquetSerializer, storageFactory } from "functionfuse/storage";
const keep = workflow(async function keep(path: string) {
  const storage = storageFactory(path);
  storage.registerSerializers(hdf5Serializer(), parquetSerializer());
  await storage.save("formats", "array", { data: new Float64Array(4).fill(2), shape: [2, 2] });
  await storage.save("formats", "table", await openArrow("digits.arrow"));
  const array = await storage.readTask("formats", "array") as { read(): Promise<unknown> };
  const table = await storage.readTask("formats", "table") as { rows(): Promise<unknown> };
  return { array: await array.read(), rows: await table.rows() };
});
export default keep("formats");`,
    );
    const { value } = await runJson("formats.ts");
    assert.deepEqual(value.rows, [{ digit: "one", count: 1 }]);
    assert.deepEqual(value.array.shape, [2, 2]);
  });

  it("says what S3 lacks", async () => {
    const { code, stderr } = await run("workflow.ts", "--storage", "s3://bucket/prefix");
    assert.equal(code, 3);
    assert.match(stderr, /no usable credentials/);
  });

  it("keeps results in S3", { skip: skipWithout(VERSITYGW) }, async () => {
    const { client, stop } = await startVersity();
    try {
      const options = JSON.stringify({ path: `${BUCKET}/scenarios`, client });
      workspace.write("s3/workflow.ts", WORKFLOW.replace("./helper", "../helper"));
      workspace.write(
        "s3/fuse.config.ts",
        `import { defineConfig } from "functionfuse/config";
export default defineConfig({ storage: { kind: "S3", options: ${options} } });`,
      );
      for (const expected of [/3 nodes ran.* s3:/, /Nothing had to run/]) {
        const { code, stderr } = await run("s3/workflow.ts");
        assert.equal(code, 0, stderr);
        assert.match(stderr, expected);
      }
    } finally {
      await stop();
    }
  });

  it("shows, exports and removes what is stored, and tells of past runs", async () => {
    const tasks = await fuse("tasks", "workflow", "--json");
    assert.deepEqual(JSON.parse(tasks.stdout).map(({ task }: { task: string }) => task).sort(), [
      "scale_0000",
      "sum",
      "two",
    ]);
    assert.equal((await fuse("read", "workflow", "two")).stdout.trim(), "8");
    assert.match((await fuse("runs", "latest", "--workflow", "workflow")).stdout, /sum/);
    assert.equal((await fuse("remove", "workflow", "two", "--yes")).code, 0);
    const missing = await fuse("read", "workflow", "two");
    assert.equal(missing.code, 3);
    assert.match(missing.stderr, /no stored value of "two"/);
  });

  it("draws a graph in every format", async () => {
    for (
      const [suffix, expected] of [
        ["svg", /<svg[^]*two/],
        ["dot", /digraph[^]*two/],
        ["mmd", /flowchart[^]*two/],
        ["html", /<html[^]*two[^]*svgPanZoom/],
      ] as const
    ) {
      const { code, stderr } = await fuse(
        "graph",
        "workflow.ts",
        "--no-check",
        "-o",
        `x.${suffix}`,
      );
      assert.equal(code, 0, stderr);
      assert.ok(expected.test(workspace.read(`x.${suffix}`)), suffix);
    }
  });

  it("makes a project that runs, and finds itself well", async () => {
    const made = await fuse("init", "fresh");
    assert.equal(made.code, 0, made.stderr);
    const ended = await inFolder("fresh")("run", "--no-check", "workflow.ts");
    assert.equal(ended.code, 0, ended.stderr);
    assert.notEqual(ended.stdout, "");
    const doctor = await inFolder("fresh")("doctor", "--json");
    assert.equal(doctor.code, 0, doctor.stderr + doctor.stdout);
    const checks: { name: string; status: string }[] = JSON.parse(doctor.stdout).checks;
    assert.deepEqual(checks.filter(({ status }) => status === "fail"), []);
  });

  describe("ends with a code that says why", () => {
    const node = (body: string) =>
      `import { workflow } from "functionfuse";\nimport process from "node:process";\n` +
      `const f = workflow(function f(): number {\n  ${body}\n});\nexport default f();\n`;

    it("1 if a node failed, with the user's own lines and none of ours", async () => {
      workspace.write("fails.ts", node(`throw new Error("no such digit");`));
      const { code, stderr } = await run("fails.ts");
      assert.equal(code, 1);
      assert.match(stderr, /"f_0000"[^]*no such digit[^]*fails\.ts:4:/);
      assert.doesNotMatch(stderr, /bunfs|core\/|node:internal/);
    });

    it("2 if a file is not there, or what it imports", async () => {
      const missing = await run("wrkflow.ts");
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /There is no file wrkflow\.ts\. Did you mean workflow\.ts\?/);
      workspace.write("imports.ts", `import "no-such-package";\n${WORKFLOW}`);
      const unknown = await run("imports.ts");
      assert.equal(unknown.code, 2);
      assert.match(unknown.stderr, /no-such-package[^]*(npm install|deno add)/);
      workspace.write(
        "name.ts",
        WORKFLOW.replace(`"functionfuse"`, `"functionfuse/backend/local"`),
      );
      assert.match((await run("name.ts")).stderr, /did you mean functionfuse\/backends\/local\?/);
    });

    it("3 if there is no such storage, 64 if the command is wrong", async () => {
      assert.equal((await fuse("tasks", "--storage", "nowhere")).code, 3);
      assert.equal((await run("workflow.ts", "--workers", "none")).code, 64);
    });

    it("4 if a worker died", async () => {
      workspace.write("dies.ts", node("process.kill(process.pid, 'SIGKILL'); for (;;);"));
      assert.equal((await run("dies.ts", "--isolation", "process")).code, 4);
    });

    it("130 if it is interrupted, with what was done stored", async () => {
      workspace.write(
        "long.ts",
        `import { workflow } from "functionfuse";
const quick = workflow(function quick() { return 1; });
const long = workflow(function long(x: number) { for (const t = performance.now(); performance.now() - t < 60_000;); return x; });
export default long(quick().setName("quick"));`,
      );
      const ended = await program.start(["run", "--no-check", "long.ts"], {
        cwd: workspace.path,
        interruptAt: "quick ran",
      });
      assert.equal(ended.code, 130, ended.stderr);
      assert.equal((await fuse("read", "long", "quick")).stdout.trim(), "1");
    });
  });

  // From source, Deno knows the packages of fuse's own configuration only.
  if (program.hasNodeModules) {
    it("finds packages in the workflow's own node_modules", async () => {
      writePackage(workspace);
      const { value } = await runJson("packages/packages.ts");
      assert.equal(value, 3);
    });
  }

  if (!program.canCompile) {
    it("says that it can't make executables of workflows", async () => {
      const { code, stderr } = await fuse("compile", "--no-check", "workflow.ts", "-o", "app");
      assert.equal(code, 4);
      assert.match(stderr, /use one that Bun made/);
    });
    return;
  }

  describe("makes an executable of a workflow", () => {
    const env = { XDG_CACHE_HOME: join(workspace.path, "caches"), PATH: "", NO_COLOR: "1" };
    const alone = join(workspace.path, "alone");
    const start = (...args: string[]) =>
      startAlone([join(alone, "app")], args, { cwd: alone, env });

    it("that runs it with its configuration where nothing else is", async () => {
      mkdirSync(alone);
      workspace.write(
        "ship/src/places.ts",
        PLACES.replace("isMainThread,", "isMainThread, data,")
          .replace(
            "const place",
            `import { readFileSync } from "node:fs";
const data = readFileSync(new URL("../data.txt", import.meta.url), "utf8");
const place`,
          ),
      );
      workspace.write("ship/data.txt", "beside it");
      workspace.write("ship/fuse.config.ts", CONFIG.replace("storage,", `storage: "results",`));
      const made = await fuse("compile", "--no-check", "ship/src/places.ts", "-o", "alone/app");
      assert.equal(made.code, 0, made.stderr);
      assert.match(made.stderr, /Packing[^]*Made alone\/app: \d+/);
      workspace.write("ship/src/places.ts", "throw new Error();");
      for (const expected of [/stored in results/, /Nothing had to run/]) {
        const { code, stdout, stderr } = await start("--param", "from=1", "--json");
        assert.equal(code, 0, stderr);
        assert.match(stderr, expected);
        assert.equal(JSON.parse(stdout)[1].data, "beside it");
        assert.equal(JSON.parse(stdout)[1].isMainThread, false);
      }
      assert.ok(
        existsSync(join(alone, "results/places%20from%3D1")),
        readdirSync(join(alone, "results")).join(),
      );
    });

    it("that helps, takes the flags of fuse run, and refuses all else", async () => {
      const help = await start("--help");
      assert.equal(help.code, 0);
      assert.match(help.stdout, /^Usage: app \[options\]\n[^]*--param[^]*--json[^]*app --json/);
      assert.doesNotMatch(help.stdout, /<workflow>|fuse run/);
      assert.equal((await start("--isolation", "process", "--no-storage")).code, 0);
      assert.equal((await start("other.ts")).code, 64);
      assert.match((await start("--jsno")).stderr, /Did you mean --json\?/);
    });

    it("that unpacks its files again where some are gone, or elsewhere where it may not", async () => {
      const caches = join(workspace.path, "caches/functionfuse");
      const [unpacked] = readdirSync(caches);
      rmSync(join(caches, unpacked, "data.txt"));
      assert.equal((await start("--no-storage")).code, 0);
      assert.deepEqual(readdirSync(caches), [unpacked]);
      workspace.write("file", "no folder");
      const nowhere = { ...env, XDG_CACHE_HOME: join(workspace.path, "file") };
      const startIn = (tmp: string) =>
        startAlone([join(alone, "app")], ["--no-storage"], {
          cwd: alone,
          env: { ...nowhere, TMPDIR: tmp },
        });
      assert.equal((await startIn(workspace.path)).code, 0);
      const { code, stderr } = await startIn(nowhere.XDG_CACHE_HOME);
      assert.equal(code, 2);
      assert.match(stderr, /app can't unpack its workflow[^]*Set XDG_CACHE_HOME/);
    });

    it("or says why not, and leaves what is there", async () => {
      const compile = async (...args: string[]): Promise<Ended> => {
        const ended = await fuse("compile", "--no-check", ...args);
        assert.notEqual(ended.code, 0);
        return ended;
      };
      workspace.write("remote.ts", `${WORKFLOW}import("https://127.0.0.1:9/x.ts");`);
      workspace.write("notes.txt", "mine");
      for (
        const [args, expected] of [
          [["nothing.ts"], /There is no file nothing\.ts/],
          [["workflow.ts", "-o", "alone"], /alone: it is a folder/],
          [["workflow.ts", "-o", "no/where"], /no folder no/],
          [["workflow.ts", "-o", "notes.txt"], /notes\.txt already: --force/],
          [
            ["workflow.ts", "-o", "helper.ts", "--force"],
            /helper\.ts: it is a part of the workflow/,
          ],
          [["workflow.ts", "-o", "app", "--include", "none"], /no file or folder "none"/],
          [["helper.ts", "-o", "app"], /no default export/],
          [["remote.ts", "-o", "app"], /remote\.ts: "https:[^]*get the module/],
        ] as const
      ) {
        assert.match((await compile(...args)).stderr, expected);
      }
      assert.equal(workspace.read("notes.txt"), "mine");
      assert.equal(workspace.read("helper.ts"), HELPER);
      assert.equal(statSync(join(workspace.path, "app"), { throwIfNoEntry: false }), undefined);
    });
  });
}

function writePackage(workspace: Workspace): void {
  const folder = "packages/node_modules/add-numbers";
  workspace.write(
    `${folder}/package.json`,
    `{ "name": "add-numbers", "version": "1.2.3", "type": "module", "main": "main.js" }`,
  );
  workspace.write(`${folder}/main.js`, "export const add = (a, b) => a + b;");
  workspace.write(
    "packages/packages.ts",
    `import { workflow } from "functionfuse";
import { add } from "add-numbers";
import { add as same } from "npm:add-numbers@^1";
const f = workflow(function f() { return same === add ? add(1, 2) : 0; });
export default f();`,
  );
}

const [source, executable] = all;
describe("Results of fuse from source", {
  skip: executable ? executable.missing ?? false : "one runtime's tests have the executable",
}, () => {
  it("are used again by the executable, and the other way round", async () => {
    const workspace = new Workspace();
    after(() => workspace.remove());
    workspace.write("helper.ts", HELPER);
    workspace.write("workflow.ts", WORKFLOW);
    workspace.write(
      "fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";
import { randomState } from "functionfuse/plugins";
import { factor } from "./helper.ts";
export default defineConfig({
  rules: [
    { query: "two", plugins: [randomState({ seed: 7 })] },
    { query: "scale_.*", replaceFunction: (x: number) => x * factor * 10 },
  ],
});`,
    );
    const start = (program: Program, storage: string) =>
      program.start(["run", "--no-check", "workflow.ts", "--storage", storage], {
        cwd: workspace.path,
      });
    for (
      const [storage, first, second] of [
        ["one", source, executable],
        ["other", executable, source],
      ] as const
    ) {
      assert.match((await start(first, storage)).stderr, /3 nodes ran/);
      assert.match((await start(second, storage)).stderr, /Nothing had to run/);
    }
  });
});
