import {
  type BackendOptions,
  isFuseError,
  LocalWorkflow,
  NodeError,
  type Target,
} from "functionfuse";
import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { decodeFrames, encodeFrame, type HostFrame } from "../../backends/ray/cluster/wire.ts";
import { readLine, type RunEvent, unpackThrown } from "../../ray/events.ts";
import { describeRun, packRun } from "../../backends/ray/run_record.ts";
import { unpackValue } from "../../encoding/packed.ts";
import { graphOf } from "../support/random_edits.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = realpathSync(mkdtempSync(join(tmpdir(), "functionfuse-")));
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const HELPER = `
export const factor = 3;
export function scale(values: readonly number[]) { return values.map((n) => n * factor); }
`;
const WORKFLOW = `
import { definePlugin, LocalWorkflow, workflow } from "ROOT/mod.ts";
import { scale } from "./helper.ts";
console.log("said when it is imported");
export class Tally {
  #sum = 0;
  add(...values: number[]) { for (const n of values) this.#sum += n; return this.#sum; }
}
export const makers = {
  load: workflow("load", (n: number) => ({ list: [n, n + 1], rest: { big: new Float64Array(1000) } })),
  scaled: workflow("scaled", (list: readonly number[]) => scale(list)),
  sum: workflow("sum", (list: readonly number[], ..._after: unknown[]) => list.reduce((a, b) => a + b, 0)),
  fail: workflow("fail", (text: string): number => {
    throw new RangeError(text, { cause: new TypeError("deep", { cause: "text" }) });
  }),
  wait: workflow("wait", (ms: number) => new Promise((done) => setTimeout(done, ms, "done"))),
  print: workflow("print", (text: string) => { console.log(text); return text.length; }),
  inner: workflow("inner", async (n: number) => {
    await new Promise((done) => setTimeout(done, 1));
    return await new LocalWorkflow(makers.sum([n, 1]), { workflowName: "inner" }).run();
  }),
  give: workflow("give", (how: string) => how === "class" ? new Tally() : [() => 1]),
  Tally: workflow("Tally", Tally),
};
export const marked = definePlugin("marked", ({ mark }: { mark: string }) => ({
  localInitialize: (node) => mark + node.name,
  remoteInitialize(_data: string) {},
}));
export const counts = (read: number) => read + factorless;
const factorless = 1;
`;

/** A user's project, and what of it lies in a package elsewhere. */
async function makeProject(name: string, files: Record<string, string> = {}) {
  const client = join(folder, name, "home");
  const root = join(folder, name, "unpacked");
  mkdirSync(client, { recursive: true });
  const all = { "helper.ts": HELPER, "workflow.ts": WORKFLOW, ...files };
  for (const [file, text] of Object.entries(all)) {
    writeFileSync(join(client, file), text.replaceAll("ROOT/", ROOT));
  }
  const url = (path: string) => `${pathToFileURL(path).href}/`;
  const pack = () => cpSync(client, join(root, "code"), { recursive: true });
  pack();
  const module = await import(url(client) + "workflow.ts");
  return {
    root,
    module,
    rootUrl: url(root),
    urlOf: (module: string) => module.replace(url(client), "package:/code/"),
  };
}
type Project = Awaited<ReturnType<typeof makeProject>>;

/** What `Backend` makes of its options for a run. */
function requestOf(targets: Target | readonly Target[], options: Partial<BackendOptions>) {
  const wf = new LocalWorkflow(targets, { workflowName: "hosted", ...options });
  const { scope = "reachable", onFailure = "stop", reuse: rule = "exact", rerun, storage } =
    options;
  return { wf, settings: { workflowName: "hosted", scope, onFailure, rule, rerun, storage } };
}

/** How a host ended. */
interface Ended {
  readonly code: number | null;
  readonly events: RunEvent[];
  /** What was written to standard error beside events. */
  readonly said: string;
  /** The values of the targets' nodes. */
  readonly values: unknown[] | undefined;
  /** What the run failed with. */
  readonly failure: Error | undefined;
}

let count = 0;

/** Describes a run and has it carried out by a host in another process. */
async function runHosted(
  project: Project,
  targets: Target | readonly Target[],
  { edit, stopAt, ...options }: Partial<BackendOptions> & {
    edit?: (wf: LocalWorkflow<Target | readonly Target[]>) => void;
    /** Stops the host when there is such an event. */
    stopAt?: RunEvent["ev"];
  } = {},
): Promise<Ended> {
  const { wf, settings } = requestOf(targets, options);
  edit?.(wf);
  const record = await describeRun({ ...settings, graph: graphOf(wf) }, project.urlOf);
  const file = join(folder, `run ${count++}`);
  writeFileSync(file, packRun(record));
  const result = `${file} result`;
  const program = fileURLToPath(new URL("../support/ray_host.ts", import.meta.url));
  const child = start(program, [file, project.rootUrl, result]);
  let stderr = "";
  child.stderr!.on("data", (data) => {
    stderr += data;
    if (stopAt && stderr.includes(`"ev":"${stopAt}"`)) stop(child);
  });
  const code = await ended(child);
  return readEnd(code, stderr, result);
}

function start(program: string, args: readonly string[]): ChildProcess {
  const flags = process.versions.deno
    ? ["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")]
    : [];
  const child = spawn(process.execPath, [...flags, program, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  children.add(child);
  return child;
}

/** By its id, as Deno reports a child that `child.kill` was called on as killed, however it ended. */
const stop = (child: ChildProcess) => process.kill(child.pid!, "SIGTERM");

const ended = (child: ChildProcess) =>
  new Promise<number | null>((done) => child.on("close", (code) => done(code)));

function readEnd(code: number | null, stderr: string, result: string): Ended {
  const lines = stderr.split("\n").map(readLine);
  const events = lines.flatMap(({ events }) => events);
  const failed = events.find((event) => event.ev === "failed");
  return {
    code,
    events,
    said: lines.flatMap(({ said }) => said ?? []).join("\n"),
    values: existsSync(result) ? unpackValue(readFileSync(result)) as unknown[] : undefined,
    failure: failed && unpackThrown(failed.thrown) as Error,
  };
}

const ofKind = <K extends RunEvent["ev"]>({ events }: Ended, kind: K) =>
  events.filter((event): event is RunEvent & { ev: K } => event.ev === kind);

/** What is told of an error, but for its stack. */
const shown = (error: unknown): unknown =>
  error instanceof Error
    ? {
      name: error.name,
      isOurs: isFuseError(error),
      message: error.message,
      fields: { ...error },
      cause: shown(error.cause),
      errors: isFuseError(error, "NodeError") && error.errors[0] !== error
        ? error.errors.map(shown)
        : undefined,
    }
    : error;

describe("A run's host in a cluster", () => {
  const project = makeProject("project");

  it("gives the targets' values, and tells all that happens by the client's numbers", async () => {
    const { makers, marked } = (await project).module;
    const load = makers.load(4).setName("load");
    const tally = new makers.Tally();
    tally.add(1, 2);
    const last = tally.add(makers.sum(load.list));
    const end = await runHosted(await project, [makers.scaled(load.list), last, load.list[1]], {
      plugins: [marked({ mark: "m" })],
      edit: (wf) => wf.query("load").setRemoteArgs({ numCpus: 2 }),
    });
    assert.equal(end.code, 0, end.said);
    const [scaled, sum, part] = end.values!;
    assert.deepEqual([scaled, sum], [[12, 15], 12]);
    // Of the rest of its node's value, nothing is sent.
    assert.deepEqual(part, { list: { 1: 5 } });
    assert.equal(end.said, "");
    const [{ toRun, toRead, notNeeded }] = ofKind(end, "run");
    assert.deepEqual({ toRun, toRead, notNeeded }, { toRun: 6, toRead: 0, notNeeded: 0 });
    const numbers = [0, 1, 2, 3, 4, 5];
    assert.deepEqual(ofKind(end, "start").map(({ node }) => node).sort(), numbers);
    assert.deepEqual(
      ofKind(end, "end").map(({ node, worker, isStored }) => [node, worker, isStored]).sort(),
      numbers.map((node) => [node, `worker ${node}`, false]),
    );
    assert.equal(end.events.at(0)!.ev, "run");
    assert.deepEqual(end.events.slice(-2).map(({ ev }) => ev), ["over", "result"]);
    // What modules say when they are imported, they have said to the client already.
    assert.deepEqual(ofKind(end, "log"), []);
  });

  it("finds the values that the client has stored, though the code lies elsewhere", async () => {
    const { makers, marked } = (await project).module;
    const storage = new FileStorage({ path: join(folder, "stored") });
    const make = () => {
      const loaded = makers.load(1).setName("load");
      return makers.sum(makers.scaled(loaded.list).setName("scaled"), { rest: [loaded.rest] })
        .setName("sum");
    };
    const plugins = [marked({ mark: "m" })];
    const edit = (wf: LocalWorkflow<Target | readonly Target[]>) =>
      void wf.query("load|scaled").collapse("both");
    const { wf } = requestOf(make(), { storage, plugins });
    edit(wf);
    assert.equal(await wf.run(), 9);
    const again = await runHosted(await project, make(), { storage, plugins, edit });
    assert.deepEqual([again.code, again.values], [0, [9]]);
    assert.deepEqual(ofKind(again, "end").map(({ isStored }) => isStored), [true]);
    assert.equal(ofKind(again, "over")[0].reused, 2);
    assert.deepEqual(ofKind(again, "warn"), []);
    // What it stores itself is right for the client.
    const other = make().setName("other");
    const stored = await runHosted(await project, other, { storage, plugins, edit });
    assert.equal(ofKind(stored, "end").filter(({ isStored }) => !isStored).length, 1);
    const { wf: client } = requestOf(other, { storage, plugins });
    edit(client);
    assert.ok((await client.plan()).every(({ action }) => action === "stored"));
  });

  it("keeps the journal of the run in the storage", async () => {
    const { makers } = (await project).module;
    const storage = new FileStorage({ path: join(folder, "journals") });
    const end = await runHosted(await project, makers.sum([1]).setName("one"), { storage });
    assert.deepEqual(end.values, [1]);
    const [run, ...others] = await storage.listRuns("hosted");
    assert.equal(others.length, 0);
    const journal = (await storage.readJournal("hosted", run))!.trim().split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(journal.map(({ event }) => event), ["start", "node", "end"]);
    assert.equal(journal[1].worker, "worker 0");
  });

  it("reports failures as the client would itself, with causes and fields", async () => {
    const { makers } = (await project).module;
    const make = () => {
      const bad = makers.fail("no").setName("bad");
      return [makers.sum([bad, 1]).setName("after"), makers.fail("neither").setName("worse")];
    };
    for (const onFailure of ["stop", "continue"] as const) {
      const options = {
        onFailure,
        edit: (wf: LocalWorkflow<Target | readonly Target[]>) =>
          void wf.query("bad").setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 }),
      };
      const { edit, ...own } = options;
      const { wf } = requestOf(make(), own);
      edit(wf);
      const expected = await wf.run().then(() => undefined, (error) => error);
      const end = await runHosted(await project, make(), options);
      assert.deepEqual([end.code, end.values], [1, undefined]);
      assert.ok(end.failure instanceof NodeError);
      assert.deepEqual(shown(end.failure), shown(expected));
      const errors = ofKind(end, "error");
      assert.deepEqual(
        errors.filter(({ node }) => node === 0).map(({ willRetry }) => willRetry),
        [true, false],
      );
      assert.ok(errors.every(({ thrown }) => unpackThrown(thrown) instanceof NodeError));
    }
  });

  it("names the failing member of a group, and the client's own places", async () => {
    const { makers } = (await project).module;
    const bad = makers.sum([makers.fail("in a group").setName("bad")]).setName("sum");
    const end = await runHosted(await project, bad, {
      edit: (wf) => wf.query("bad|sum").collapse("group"),
    });
    const home = join(folder, "project", "home", "workflow.ts");
    assert.ok(end.failure!.message.includes(`Node "bad" (fail, defined at ${home}:`));
    assert.ok((end.failure!.cause as Error) instanceof NodeError);
  });

  it("runs what a node of its own calls, but never what a module does by itself", async () => {
    const own = await makeProject("main", {
      "workflow.ts": `
import { LocalWorkflow, workflow } from "ROOT/mod.ts";
import { appendFileSync } from "node:fs";
export const inner = workflow("inner", async (n: number) => {
  await new Promise((done) => setTimeout(done, 1));
  return await new LocalWorkflow(plus(n), { workflowName: "inner" }).run();
});
export const plus = workflow("plus", (n: number) => n + 1);
export const wf = new LocalWorkflow(inner(1), { workflowName: "outer" });
if (import.meta.url.includes("unpacked")) {
  await wf.run();
  throw new Error("It went on after run().");
}
`,
    });
    const end = await runHosted(own, own.module.inner(5));
    assert.deepEqual(end.values, [6], `${end.failure}`);
  });

  it("tells what nodes print that run in its own process", async () => {
    const { makers } = (await project).module;
    const end = await runHosted(await project, makers.print("a\nb"));
    assert.deepEqual(ofKind(end, "log"), [
      { ev: "log", node: -1, text: "a\nb", worker: "host" },
    ]);
    assert.equal(end.said, "");
  });

  it("says which target's value can't be brought back", async () => {
    const { makers } = (await project).module;
    for (const how of ["class", "function"]) {
      const end = await runHosted(await project, [
        makers.sum([1]),
        makers.give(how).setName("model"),
      ]);
      assert.deepEqual([end.code, end.values], [1, undefined]);
      assert.ok(isFuseError(end.failure, "CodecError"));
      assert.match(end.failure.message, /^Cannot bring the value of the target "model" back from/);
    }
  });

  it("ends a run that is stopped, with its journal", async () => {
    const { makers } = (await project).module;
    const storage = new FileStorage({ path: join(folder, "stopped") });
    const end = await runHosted(await project, makers.wait(60_000), { storage, stopAt: "start" });
    assert.deepEqual([end.code, end.failure!.name], [1, "AbortError"]);
    const [run] = await storage.listRuns("hosted");
    const journal = (await storage.readJournal("hosted", run))!.trim().split("\n");
    assert.equal(JSON.parse(journal.at(-1)!).error, "AbortError");
  });

  it("says what it does not find, with the client's words", async () => {
    const { makers } = (await project).module;
    const other = { ...await project, rootUrl: (await project).rootUrl + "elsewhere/" };
    const end = await runHosted(other, makers.sum([1]));
    assert.ok(isFuseError(end.failure, "EngineError"));
    assert.match(end.failure.message, /are not found: sum: importing .*elsewhere[^\n]*$/);
  });
});

/** Speaks to the program that a job runs, as the driver does. */
async function runProgram(
  project: Project,
  target: Target,
  { options = {}, logs = folder, blind = [], says = () => {} }: {
    options?: Partial<BackendOptions>;
    /** Where results go. */
    logs?: string;
    /** Machines that don't have a folder that this one has. */
    blind?: readonly string[];
    /** Answers what the host says. */
    says?: (frame: HostFrame, child: ChildProcess) => void;
  } = {},
): Promise<Ended & { readonly frames: HostFrame[] }> {
  const { wf, settings } = requestOf(target, options);
  const record = packRun(
    await describeRun({ ...settings, graph: graphOf(wf) }, project.urlOf),
  );
  const program = fileURLToPath(new URL("../../backends/ray/cluster/host.ts", import.meta.url));
  const child = start(program, [project.root]);
  const say = (head: object, parts?: Uint8Array[]) => {
    for (const piece of encodeFrame(head, parts)) child.stdin!.write(piece);
  };
  const job = `job${count++}`;
  say({ ev: "run", folder: logs, node: "abc", job }, [record]);
  const frames: HostFrame[] = [];
  const receive = decodeFrames<HostFrame>(({ head }) => {
    frames.push(head);
    if (head.op === "stop") child.stdin!.end();
    if (head.op === "see") say({ ev: "seen", path: head.path, blind });
    if (head.op === "hello") {
      const resources = { CPU: 1 };
      const node = { id: "abc", address: "127.0.0.1", alive: true, resources, labels: {} };
      say({ ev: "cluster", ray: "2.60.0", nodes: [node], free: {} });
    }
    says(head, child);
  });
  child.stdout!.on("data", (bytes: Uint8Array) => receive(bytes));
  // It may be gone before it is told to end.
  child.stdin!.on("error", () => {});
  let stderr = "";
  child.stderr!.on("data", (data) => stderr += data);
  const code = await ended(child);
  return { ...readEnd(code, stderr, join(folder, `fuse_result_${job}.bin`)), frames };
}

// In a cluster it is always Deno that runs it.
const isDeno = process.versions.deno !== undefined;

describe("The program of a run's host", { skip: !isDeno }, () => {
  const project = isDeno ? makeProject("program") : undefined!;

  it("writes the result where the driver says, and is done", async () => {
    const { makers } = (await project).module;
    const storage = new FileStorage({ path: join(folder, "program stored") });
    const target = makers.sum([1, 2]).setName("sum");
    await requestOf(target, { storage }).wf.run();
    const end = await runProgram(await project, target, { options: { storage } });
    assert.deepEqual([end.code, end.values], [0, [3]], end.said);
    const { bytes, node_id, file } = ofKind(end, "result")[0];
    assert.equal(node_id, "abc");
    assert.equal(readFileSync(join(folder, file)).byteLength, bytes);
    assert.deepEqual(end.frames.map(({ op }) => op), ["see", "stop"]);
    assert.equal(end.said, "");
  });

  it("says that a result can't be written there", async () => {
    const { makers } = (await project).module;
    const path = join(folder, "program full");
    const storage = new FileStorage({ path });
    const target = makers.sum([1, 2]).setName("sum");
    await requestOf(target, { storage }).wf.run();
    const logs = join(folder, "no", "such", "logs");
    const end = await runProgram(await project, target, { options: { storage }, logs });
    assert.equal(end.code, 1);
    assert.ok(isFuseError(end.failure, "EngineError"), end.said);
    assert.match(
      end.failure.message,
      /its result of \d+ bytes .*no\/such\/logs.*: ENOENT\. .* room/,
    );
  });

  it("refuses a folder that not all machines share", async () => {
    const { makers } = (await project).module;
    const path = join(folder, "program alone");
    const storage = new FileStorage({ path });
    const target = makers.sum([1, 2]);
    const blind = ["10.0.0.2", "10.0.0.3"];
    const end = await runProgram(await project, target, { options: { storage }, blind });
    assert.ok(isFuseError(end.failure, "StorageError"));
    assert.match(
      end.failure.message,
      /not all machines .* not that of 10\.0\.0\.2, 10\.0\.0\.3\. Use/,
    );
    assert.deepEqual(readdirSync(path), [], "nothing is left there");
  });

  it("gives nodes to the cluster, and cancels them when it is stopped", async () => {
    const { makers } = (await project).module;
    const end = await runProgram(await project, makers.sum([1]).setName("sum"), {
      says(frame, child) {
        if (frame.op === "task") stop(child);
      },
    });
    assert.deepEqual([end.code, end.failure!.name], [1, "AbortError"]);
    assert.match(end.failure!.message, /was stopped/);
    const ops = end.frames.map(({ op }) => op);
    assert.deepEqual(ops.slice(0, 3), ["hello", "load", "task"]);
    assert.ok(ops.includes("cancel"));
  });

  it("fails when there is no driver any more", async () => {
    const { makers } = (await project).module;
    const end = await runProgram(await project, makers.sum([1]).setName("sum"), {
      says: (frame, child) => void (frame.op === "task" && child.stdin!.end()),
    });
    assert.equal(end.code, 1);
    assert.match(end.failure!.message, /driver/);
  });

  it("says that a module has ended the process, or threw what nobody caught", async () => {
    const ending = await makeProject("ending", {
      "workflow.ts": `
import process from "node:process";
import { workflow } from "ROOT/mod.ts";
export const one = workflow("one", () => 1);
if (import.meta.url.includes("unpacked")) process.exit(0);
`,
    });
    const ended = await runProgram(ending, ending.module.one());
    assert.ok(isFuseError(ended.failure, "EngineError"));
    assert.match(
      ended.failure.message,
      /a module or a node has ended the process, with exit code 0/,
    );
    const throwing = await makeProject("throwing", {
      "workflow.ts": `
import { workflow } from "ROOT/mod.ts";
export const one = workflow("one", () => 1);
if (import.meta.url.includes("unpacked")) {
  setTimeout(() => { throw new RangeError("stray"); }, 1);
  await new Promise((done) => setTimeout(done, 60_000));
}
`,
    });
    const thrown = await runProgram(throwing, throwing.module.one());
    assert.equal(thrown.code, 1);
    assert.ok(thrown.failure instanceof RangeError && thrown.failure.message === "stray");
  });

  it("is not disturbed by what modules write to standard output", async () => {
    const chatty = await makeProject("chatty", {
      "workflow.ts": `
import process from "node:process";
import { workflow } from "ROOT/mod.ts";
export const one = workflow("one", () => 1);
if (import.meta.url.includes("unpacked")) {
  process.stdout.write("some words\\n");
  await Deno.stdout.write(new TextEncoder().encode("and more, without an end"));
}
`,
    });
    const end = await runProgram(chatty, chatty.module.one(), {
      says: (frame, child) => void (frame.op === "task" && child.stdin!.end()),
    });
    assert.ok(isFuseError(end.failure, "EngineError"), end.said);
    assert.deepEqual(end.frames.map(({ op }) => op).slice(0, 3), ["hello", "load", "task"]);
    assert.match(end.said, /^some words\nand more, without an end/);
  });

  it("refuses what another version has described", async () => {
    const { makers } = (await project).module;
    const { wf, settings } = requestOf(makers.sum([1]), {});
    const record = await describeRun({ ...settings, graph: graphOf(wf) }, (url) => url);
    const { unpackRun } = await import("../../backends/ray/run_record.ts");
    assert.throws(() => unpackRun(packRun({ ...record, version: "0.0.0" })), {
      name: "UnsupportedError",
      message: /version 0\.0\.0 of this library.*start the run again/,
    });
  });
});
