import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { keyOf } from "../../storage/keys.ts";
import { type Ended, Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());
const tasks = (...args: string[]) => workspace.fuse(["tasks", ...args]);
const storage = (place: string) => new FileStorage({ path: join(workspace.path, place) });

// A name may clear the screen, forge lines or turn the reading direction; it must not do so when listed.
const HOSTILE = "\x1b[2J\x1b]0;title\x07../../up\r\nforged line\u202egnp.exe";
const LONG = "long/".repeat(200);

/** Nothing that a terminal would act on, but lines. */
function assertTame({ stdout, stderr }: Ended): void {
  assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u);
}

/** What a user sees must not be a stack. */
function assertReadable({ stderr }: Ended): void {
  assert.doesNotMatch(stderr, /\n\s+at |node:internal|ext:/);
}

describe("fuse tasks", () => {
  before(async () => {
    const files = storage(".fuse");
    const origin = { definition: "train", durationMs: 12_345 };
    await files.save("mnist", "forest_train", new Float64Array(1_000), origin);
    await files.save("mnist", "knn_train", 1);
    await files.save("mnist seed=2", "knn_train", 1);
    await files.save("W".repeat(500), "x", 1);
    for (const name of [HOSTILE, LONG]) await files.save(HOSTILE, name, 1);
    mkdirSync(join(workspace.path, ".fuse", "other people's files"));
  });

  it("lists workflows with the number of their tasks and their size", async () => {
    const ended = await tasks();
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /│ workflow +│ tasks │ +bytes │\n/);
    assert.match(ended.stdout, /│ mnist +│ +2 │ +\d+\.\d kB │\n/);
    assert.match(ended.stdout, /│ mnist seed=2 +│ +1 │/);
    assert.match(ended.stdout, /│ W+… │ +1 │/);
    assert.match(ended.stdout, /\\u001b\[2J\\u001b\]0;title\\u0007\.\.\/\.\.\/up\\r\\nforged line/);
    assert.equal(ended.stdout.trimEnd().split("\n").length, 8, "one line for each");
    assertTame(ended);
  });

  it("lists the tasks of one, with what made them, when, and how long it took", async () => {
    const ended = await tasks("mnist");
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stdout, /│ task +│ definition │ +size │ saved at +│ +took │\n/);
    assert.match(
      ended.stdout,
      /│ forest_train │ train +│ +8\.\d kB │ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d │ 12\.3 s │\n/,
    );
    assert.match(ended.stdout, /│ knn_train +│ +│ +\d+ B │/);
    assert.match(ended.stderr, /^2 tasks, \d+\.\d kB in \.fuse\.\n$/);
    const some = await tasks("mnist", "forest*");
    assert.doesNotMatch(some.stdout, /knn/);
    const none = await tasks("mnist", "tree*");
    assert.deepEqual([none.code, none.stdout], [0, ""]);
    assert.match(none.stderr, /No task of "mnist" matches "tree\*"/);
  });

  it("gives names as they are in JSON, and sizes and times as numbers", async () => {
    const all = JSON.parse((await tasks("--json")).stdout);
    assert.deepEqual(
      all.map(({ workflow, tasks }: { workflow: string; tasks: number }) => [workflow, tasks]),
      [[HOSTILE, 2], ["W".repeat(500), 1], ["mnist", 2], ["mnist seed=2", 1]],
    );
    const [forest, knn] = JSON.parse((await tasks("mnist", "--json")).stdout);
    const { task, definition, durationMs } = forest;
    assert.deepEqual([task, definition, durationMs], ["forest_train", "train", 12_345]);
    assert.ok(forest.bytes > 8_000 && Date.parse(forest.savedAt) > 0);
    assert.deepEqual([knn.definition, knn.durationMs], [null, null]);
    const hostile = JSON.parse((await tasks(HOSTILE, "--json")).stdout);
    assert.deepEqual(hostile.map(({ task }: { task: string }) => task), [HOSTILE, LONG]);
    assert.deepEqual(JSON.parse((await tasks("mnist", "no*", "--json")).stdout), []);
  });

  it("shows hostile names so that they do nothing", async () => {
    const ended = await tasks(HOSTILE);
    assert.equal(ended.code, 0);
    assert.match(ended.stdout, /\\u202egnp\.exe/);
    assert.match(ended.stdout, /│ (long\/)+.{0,5}… │/);
    assertTame(ended);
  });

  it("says what is probably meant", async () => {
    const cases: [args: string[], message: RegExp][] = [
      [["mnits"], /workflow "mnits" is stored in \.fuse\. Did you mean "mnist"\?/],
      [["examples/mnist.ts"], /A workflow is named here, not its file\. Did you mean "mnist"\?/],
      [["mnist", "forest_trian"], /no stored value of "forest_trian".*Did you mean "forest_train"/],
      [["--storage", "nowhere"], /There is no folder nowhere.*fuse run.*--storage/],
      [["something else"], /There are "/],
      [[`${HOSTILE}!`], /Did you mean "\\u001b\[2J/],
    ];
    for (const [args, message] of cases) {
      const ended = await tasks(...args);
      assert.deepEqual([ended.code, ended.stdout], [3, ""], args.join(" "));
      assert.match(ended.stderr, message);
      assertTame(ended);
      assertReadable(ended);
    }
    const wrong = await tasks("--jsn");
    assert.equal(wrong.code, 64);
    assert.match(wrong.stderr, /Did you mean --json\?/);
    assert.equal((await tasks("")).code, 64);
    assert.equal((await tasks("--storage", "gopher://x")).code, 2);
  });

  it("tells of an empty folder that nothing is stored there", async () => {
    mkdirSync(join(workspace.path, "empty"));
    const ended = await tasks("--storage", "empty");
    assert.deepEqual([ended.code, ended.stdout], [0, ""]);
    assert.match(ended.stderr, /Nothing is stored in empty/);
    assert.equal((await tasks("--storage", "empty", "--json")).stdout, "[]\n");
  });

  it("lists the first of very many, and all in JSON", async () => {
    for (let i = 0; i < 1_005; i++) await storage("many").save("w", `task_${i}`, i);
    const ended = await tasks("w", "--storage", "many");
    assert.match(ended.stdout, /… and 5 more rows\n$/);
    assert.match(ended.stderr, /^1,005 tasks, .*listed with --json\.\n$/);
    const json = await tasks("w", "--storage", "many", "--json");
    assert.equal(JSON.parse(json.stdout).length, 1_005);
  });

  it("lists what is whole beside a damaged object, and ends with 3", async () => {
    await storage("damaged").save("w", "good", 1);
    await storage("damaged").save("w", "bad", 1);
    const file = join(workspace.path, "damaged", keyOf("w"), `${keyOf("bad")}.fuse`);
    writeFileSync(file, readFileSync(file).fill(7, 60, 70));
    const ended = await tasks("w", "--storage", "damaged");
    assert.equal(ended.code, 3);
    assert.match(ended.stdout, /│ good/);
    assert.match(ended.stderr, /"bad".*header was altered.*set aside as bad\.fuse\.damaged/);
    assertReadable(ended);
    await storage("damaged").save("w", HOSTILE, 1);
    const hostile = join(workspace.path, "damaged", "w", `${keyOf(HOSTILE)}.fuse`);
    for (const args of [["tasks", "w"], ["read", "w", HOSTILE]]) {
      await storage("damaged").save("w", HOSTILE, 1);
      writeFileSync(hostile, "torn");
      const ended = await workspace.fuse([...args, "--storage", "damaged"]);
      assert.equal(ended.code, 3);
      assert.match(ended.stderr, /forged line.*cut off/);
      assertTame(ended);
    }
    await storage("damaged").removeTask("w", { taskName: HOSTILE });
    rmSync(`${hostile}.damaged`);
    assert.deepEqual(readdirSync(join(workspace.path, "damaged", "w")).sort(), [
      "bad.fuse.damaged",
      "good.fuse",
    ]);
  });

  it("helps with examples", async () => {
    for (const command of ["tasks", "read", "remove"]) {
      const help = await workspace.fuse([command, "--help"]);
      assert.equal(help.code, 0);
      assert.match(help.stdout, new RegExp(`Examples:\\n  fuse ${command} mnist|fuse ${command} `));
      assert.match(help.stdout, /Exit codes: 0 done/);
    }
  });
});
