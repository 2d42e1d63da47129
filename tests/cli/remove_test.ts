import { FileStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { after, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Workspace } from "../support/fuse.ts";
import { PYTHON, skipWithout } from "../support/peers.ts";

const workspace = new Workspace();
after(() => workspace.remove());
const remove = (...args: string[]) => workspace.fuse(["remove", ...args]);

describe("fuse remove", () => {
  let storage: FileStorage;
  beforeEach(async () => {
    storage = new FileStorage({ path: join(workspace.path, ".fuse") });
    await storage.removeWorkflow("w");
    for (const name of ["a*", "a1", "a2", "\x1b[2Jb"]) await storage.save("w", name, 1);
    await storage.save("other", "a1", 1);
  });
  const left = () => storage.listTasks("w");

  it("removes what a glob matches, one task by its very name, or a whole workflow", async () => {
    const one = await remove("w", "--task", "a*", "--yes");
    assert.deepEqual([one.code, one.stdout], [0, ""]);
    assert.equal(one.stderr, 'Removed 1 task of "w" from .fuse.\n');
    assert.deepEqual(await left(), ["\x1b[2Jb", "a1", "a2"]);
    const some = await remove("w", "a*", "--yes", "--json");
    assert.deepEqual(JSON.parse(some.stdout), {
      workflow: "w",
      tasks: ["a1", "a2"],
      isRemoved: true,
    });
    assert.deepEqual(await left(), ["\x1b[2Jb"]);
    const all = await remove("w", "--all", "--yes");
    assert.match(all.stderr, /Removed the workflow "w" with its 1 task from/);
    assert.deepEqual(await storage.listWorkflows(), ["other"]);
  });

  it("removes a workflow of which only journals are left", async () => {
    await storage.removeTask("w", { pattern: "*" });
    await storage.addToJournal("w", "run", "{}\n");
    assert.equal((await remove("w", "--all", "--yes")).code, 0);
    assert.deepEqual(await storage.listWorkflows(), ["other"]);
  });

  it("only tells what would go with --dry-run", async () => {
    const ended = await remove("w", "*", "--dry-run");
    assert.deepEqual([ended.code, ended.stdout], [0, "\\u001b[2Jb\na*\na1\na2\n"]);
    assert.equal((await left()).length, 4);
    const json = await remove("w", "--all", "--dry-run", "--json");
    assert.equal(JSON.parse(json.stdout).isRemoved, false);
    assert.equal((await left()).length, 4);
  });

  it("removes nothing without --yes where there is nobody to ask", async () => {
    const ended = await remove("w", "*");
    assert.deepEqual([ended.code, ended.stdout], [64, ""]);
    assert.match(ended.stderr, /About to remove 4 tasks of "w"[^]*\\u001b\[2Jb\n[^]*add --yes/);
    assert.equal((await left()).length, 4);
  });

  it("removes nothing where it is not clear what", async () => {
    const cases: [args: string[], code: number, message: RegExp][] = [
      [["w", "--yes"], 64, /told what.*--task.*--all/],
      [["w", "a*", "--all", "--yes"], 64, /more than one/],
      [["w", "", "--yes"], 64, /must not be empty/],
      [["w", "a3", "--yes"], 3, /no stored value of "a3".*Did you mean "a\*"/],
      [["w", "--task", "a?", "--yes"], 3, /no stored value of "a\?"/],
      [["v", "--all", "--yes"], 3, /workflow "v".*Did you mean "w"/],
      [["w", "c*", "--yes"], 0, /matches "c\*": nothing to remove/],
      [["w", "*", "--yes", "--storage", "nowhere"], 3, /There is no folder nowhere/],
    ];
    for (const [args, code, message] of cases) {
      const ended = await remove(...args);
      assert.deepEqual([ended.code, ended.stdout], [code, ""], args.join(" ") + ended.stderr);
      assert.match(ended.stderr, message);
    }
    assert.equal((await left()).length, 4);
  });

  describe("asks on a terminal", { skip: skipWithout(PYTHON) }, () => {
    const cases: [answer: string, code: number, left: number][] = [
      ["y\n", 0, 2],
      ["\n", 130, 4],
      ["n\n", 130, 4],
      ["\x04", 130, 4],
      ["\x03", 130, 4],
    ];
    for (const [answer, code, remaining] of cases) {
      it(`and is told ${JSON.stringify(answer)}`, async () => {
        const ended = await onTerminal(["remove", "w", "a[12]"], answer);
        assert.match(ended.shown, /a1\s+a2\s[^]*Remove them\? \[y\/N\]/);
        assert.match(ended.shown, /\n(error: Nothing was|Removed 2 tasks)/);
        assert.equal(ended.code, code, ended.shown);
        assert.equal((await left()).length, remaining);
      });
    }
  });
});

// Runs a command on a terminal of its own, and answers as soon as it asks.
const TERMINAL = `
import os, pty, sys
answer, program = sys.argv[1].encode(), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(program[0], program)
shown = b""
while True:
    try:
        data = os.read(fd, 1024)
    except OSError:
        break
    if not data:
        break
    shown += data
    if answer and b"[y/N]" in shown:
        os.write(fd, answer)
        answer = None
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

function onTerminal(args: string[], answer: string): Promise<{ code: number; shown: string }> {
  const cli = fileURLToPath(new URL("../../cli.ts", import.meta.url));
  const program = process.versions.deno ? ["run", "-A", "--quiet"] : [];
  const command = [process.execPath, ...program, cli, ...args];
  const child = spawn(PYTHON, ["-c", TERMINAL, answer, ...command], { cwd: workspace.path });
  let shown = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => shown += data);
  return new Promise((done) => child.on("close", (code) => done({ code: code!, shown })));
}
