/** What went wrong once with stored values, so that it does not again. */

import { definePlugin, isFuseError, LocalWorkflow, type Storage, workflow } from "functionfuse";
import { FileStorage, MemoryStorage, zarrSerializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";

const root = mkdtempSync(join(tmpdir(), "functionfuse-reuse-"));
after(() => rmSync(root, { recursive: true }));

const plus = workflow("plus", (a: number, b: number) => a + b);

function observer() {
  const ran: string[] = [];
  let starts = 0;
  const plugin = definePlugin("observer", () => ({
    onRunStart: () => void starts++,
    onNodeEnd: ({ name }, { isStored }) => void (isStored || ran.push(name)),
  }))();
  return { plugin, ran, starts: () => starts };
}

describe("Stored values", () => {
  it("are told by the arguments as they were before a node changed them", async () => {
    const storage = new MemoryStorage();
    const first = workflow("first", (list: number[]) => list.sort()[0] * 10 + list.length);
    const head = workflow("head", (list: number[]) => list.shift());
    const run = (list: number[]) =>
      new LocalWorkflow([first(list).setName("first"), head(list).setName("head")], {
        workflowName: "w",
        storage,
      }).run();
    assert.deepEqual(await run([3, 1, 2]), [13, 1]);
    assert.deepEqual((await run([1, 2, 3]))[0], 13);
    const { plugin, ran } = observer();
    const again = head([1, 2, 3]).setName("head");
    await new LocalWorkflow(again, { workflowName: "w", storage, plugins: [plugin] }).run();
    assert.deepEqual(ran, []);
  });

  it("of texts put together otherwise are others", async () => {
    const storage = new MemoryStorage();
    const join = workflow("join", (...texts: string[]) => texts.join("+"));
    const run = (...texts: string[]) =>
      new LocalWorkflow(join(...texts).setName("x"), { workflowName: "w", storage }).run();
    assert.equal(await run("a", "b"), "a+b");
    assert.equal(await run('a\0"b'), 'a\0"b');
    assert.equal(await run('a"2 b'), 'a"2 b');
  });

  it("that another run replaces meanwhile are not taken for those that were there", async () => {
    const storage = new MemoryStorage();
    const build = (n: number, salt: number) => {
      const x = plus(n, 0).setName("x");
      return plus(plus(x, salt).setName("mid"), x).setName("y");
    };
    const run = (n: number, salt: number, store: Storage = storage) =>
      new LocalWorkflow(build(n, salt), { workflowName: "w", storage: store, onWarning() {} })
        .run();
    await run(10, 1);
    // Another run saves another x as soon as this one has looked at what there is.
    const disturbed = Object.create(storage, {
      readRecords: {
        value: async (workflowName: string, tasks: string[]) => {
          const records = await storage.readRecords(workflowName, tasks);
          await run(20, 1);
          return records;
        },
      },
      readTask: { value: storage.readTask.bind(storage) },
      save: { value: storage.save.bind(storage) },
      listTasks: { value: storage.listTasks.bind(storage) },
      newWorkflow: { value: storage.newWorkflow.bind(storage) },
      addToJournal: { value: undefined },
    }) as Storage;
    assert.equal(await run(10, 5, disturbed), 25);
    assert.equal(await run(10, 5), 25);
  });

  it("are no way around a call that failed", async () => {
    const storage = new MemoryStorage();
    let isFlaky = false;
    const Log = workflow(
      class Log {
        #said = "";
        say(word: string, fails: boolean) {
          if (fails && isFlaky) throw new Error("flaky");
          return this.#said += word;
        }
      },
    );
    const run = (last: string, onFailure: "stop" | "continue") => {
      const log = new Log();
      const a = log.say("a", true).setName("a");
      const b = log.say("b", false).setName("b");
      const c = log.say(last, false).setName("c");
      return new LocalWorkflow([a, b, c], { workflowName: "w", storage, onFailure }).run();
    };
    assert.deepEqual(await run("c", "stop"), ["a", "ab", "abc"]);
    await storage.removeTask("w", { taskName: "a" });
    isFlaky = true;
    await assert.rejects(run("d", "continue"), { name: "NodeError" });
    isFlaky = false;
    assert.deepEqual(await run("d", "stop"), ["a", "ab", "abd"]);
  });

  it("of a long chain of calls, each of which reads the one before, are checked in one go", async () => {
    const storage = new MemoryStorage();
    const Model = workflow(
      class Model {
        #steps = 0;
        step(before: number) {
          return before + ++this.#steps;
        }
      },
    );
    const run = (start: number) => {
      const model = new Model();
      let last = model.step(start);
      for (let i = 1; i < 500; i++) last = model.step(last);
      const { plugin, ran, starts } = observer();
      const wf = new LocalWorkflow(last.setName("last"), {
        workflowName: "w",
        storage,
        plugins: [plugin],
      });
      return wf.run().then((value) => ({ value, ran, starts: starts() }));
    };
    assert.equal((await run(0)).value, 500 * 501 / 2);
    const second = await run(7);
    assert.equal(second.value, 500 * 501 / 2 + 7);
    assert.deepEqual([second.starts, new Set(second.ran).size, second.ran.length], [1, 501, 501]);
  });

  it("may be kept by a storage that tells nothing of what it saves", async () => {
    const values = new Map<string, unknown>();
    const storage = {
      alwaysRead: false,
      location: "a map",
      newWorkflow: () => Promise.resolve(),
      save: (_: string, task: string, value: unknown) => {
        values.set(task, value);
        return Promise.resolve();
      },
      readTask: (_: string, task: string) => Promise.resolve(values.get(task)),
      listTasks: () => Promise.resolve([...values.keys()].sort()),
    } as unknown as Storage;
    const run = async () => {
      const { plugin, ran } = observer();
      const target = plus(plus(1, 2).setName("a"), 3).setName("b");
      const wf = new LocalWorkflow(target, { workflowName: "w", storage, plugins: [plugin] });
      return [await wf.run(), ran];
    };
    assert.deepEqual(await run(), [6, ["a", "b"]]);
    assert.deepEqual(await run(), [6, []]);
  });

  it("that are being looked for are no reason to keep a cancelled run waiting", async () => {
    const storage = new MemoryStorage();
    await new LocalWorkflow(plus(1, 2), { workflowName: "w", storage }).run();
    storage.readRecords = () => new Promise(() => {});
    const signal = AbortSignal.timeout(20);
    const run = new LocalWorkflow(plus(1, 2), { workflowName: "w", storage }).run({ signal });
    await assert.rejects(run, { name: "TimeoutError" });
  });

  it("with private fields among their arguments are made anew each time", async () => {
    const storage = new MemoryStorage();
    class Secret {
      #n: number;
      constructor(n: number) {
        this.#n = n;
      }
      get value() {
        return this.#n;
      }
    }
    const open = workflow("open", (secret: Secret) => secret.value);
    const run = (n: number) =>
      new LocalWorkflow(open(new Secret(n)).setName("x"), { workflowName: "w", storage }).run();
    assert.deepEqual([await run(1), await run(2)], [1, 2]);
  });

  it("that name places elsewhere lead nowhere: nothing there is removed", async () => {
    const path = join(root, "forged");
    const victim = join(root, "victim");
    mkdirSync(victim);
    const storage = new FileStorage({ path, serializers: [zarrSerializer()] });
    await storage.newWorkflow("w");
    await storage.save("w", "x", { data: new Float64Array(4), shape: [2, 2] });
    for (const note of ['{"object":"x.fuse","places":["../../../../victim"]}', "null", "[]"]) {
      mkdirSync(join(path, "w/pending/0-0000000000000000"), { recursive: true });
      writeFileSync(join(path, "w/pending/0-0000000000000000/places.json"), note);
      await storage.newWorkflow("w");
    }
    assert.ok(readdirSync(root).includes("victim"));
  });

  it("of which a part is damaged are set aside when that is found out, and made anew", async () => {
    const path = join(root, "parts");
    const make = workflow("make", () => ({ data: new Float64Array(64).fill(1), shape: [8, 8] }));
    const read = workflow("read", async (array: unknown, _: number) => {
      const { get } = array as { get(): Promise<{ data: Float64Array }> };
      return (await get.call(array)).data[0];
    });
    const run = (n: number) => {
      const storage = new FileStorage({ path, serializers: [zarrSerializer()] });
      const target = read(make().setName("array"), n).setName("read");
      return new LocalWorkflow(target, { workflowName: "w", storage, onWarning() {} }).run();
    };
    assert.equal(await run(1), 1);
    const files = readdirSync(join(path, "w/parts"), { recursive: true, encoding: "utf8" });
    const chunk = join(path, "w/parts", files.find((name) => name.endsWith("c/0/0"))!);
    const bytes = readFileSync(chunk);
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(chunk, bytes);
    await assert.rejects(run(2), (error) => {
      assert.ok(isFuseError(error, "NodeError"));
      assert.match(error.message, /was altered.*set aside: the next run computes it again/);
      return true;
    });
    assert.equal(await run(2), 1);
  });
});
