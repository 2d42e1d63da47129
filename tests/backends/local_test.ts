import { definePlugin, isFuseError, LocalWorkflow, type Plugin, workflow } from "functionfuse";
import { MemoryStorage, storageFactory } from "functionfuse/storage";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failure, testBackend } from "../contract/backend.ts";
import { testReuse } from "../contract/reuse.ts";

const make = (target: ConstructorParameters<typeof LocalWorkflow>[0], options = {}) =>
  new LocalWorkflow(target, { workflowName: "test", ...options });

testBackend("LocalWorkflow", make, { isRemote: false });
testReuse("LocalWorkflow", make);

const sum = workflow(function sum(a: number, b: number) {
  return a + b;
});
const wait = workflow(async function wait(ms: number) {
  await new Promise((done) => setTimeout(done, ms));
  return ms;
});

/** A function that fails some times before it gives its argument. */
function flaky(failures: number) {
  const state = { calls: 0 };
  const node = workflow("flaky", (value: number) => {
    if (state.calls++ < failures) throw new RangeError(`failure ${state.calls}`);
    return value;
  });
  return { node, state };
}

describe("LocalWorkflow", () => {
  it("gives one value for one target and a list for a list", async () => {
    assert.equal(await make(sum(1, 2)).run(), 3);
    assert.deepEqual(await make([sum(1, 2)]).run(), [3]);
    const node = sum(2, 2);
    assert.deepEqual(await make([node, node]).run(), [4, 4]);
  });

  it("gives the instance for a constructor's node", async () => {
    const Box = workflow(
      class Box {
        constructor(public value: number) {}
        double() {
          return this.value *= 2;
        }
      },
    );
    const box = new Box(sum(1, 2));
    box.double();
    const instance = await make(box).run() as { value: number };
    assert.equal(instance.value, 6);
  });

  it("runs synchronous nodes before run() returns, with no microtask between them", async () => {
    const seen: string[] = [];
    const first = workflow("first", () => {
      void Promise.resolve().then(() => seen.push("microtask"));
      return seen.push("first");
    });
    const second = workflow("second", (_: number) => seen.push("second"));
    const run = make(second(first())).run();
    assert.deepEqual(seen, ["first", "second"]);
    await run;
    assert.deepEqual(seen, ["first", "second", "microtask"]);
  });

  it("runs one graph in several backends at once", async () => {
    const target = sum(wait(5), wait(10));
    const runs = Array.from({ length: 5 }, () => make(target).run());
    assert.deepEqual(await Promise.all(runs), [15, 15, 15, 15, 15]);
  });

  it("frees a result once its last reader has run", async () => {
    let big: WeakRef<object> | undefined;
    const produce = workflow("produce", () => {
      const value = { size: 3 };
      big = new WeakRef(value);
      return value;
    });
    const measure = workflow("measure", (value: { size: number }) => value.size);
    const later = workflow("later", async (size: number) => {
      for (let i = 0; i < 20 && big!.deref(); i++) {
        await new Promise((done) => setTimeout(done, 5));
        collectGarbage();
      }
      return [size, big!.deref() === undefined] as const;
    });
    assert.deepEqual(await make(later(measure(produce()))).run(), [3, true]);
  });

  it("lets timers fire between synchronous nodes of a long run", async () => {
    let fired = 0;
    const timer = setInterval(() => fired++, 5);
    const spin = workflow("spin", (ms: number, _after?: number) => {
      const end = performance.now() + ms;
      while (performance.now() < end);
      return fired;
    });
    let last = spin(30);
    for (let i = 0; i < 6; i++) last = spin(30, last);
    const firedBeforeEnd = await make(last).run() as number;
    clearInterval(timer);
    assert.ok(firedBeforeEnd > 0);
  });

  it("awaits anything with a then, as JavaScript does", async () => {
    const thenable = { then: (done: (value: number) => void) => done(42) };
    const node = workflow("node", () => thenable as PromiseLike<number>);
    const nothing = definePlugin("nothing", () => ({ remoteInitialize() {} }));
    assert.equal(await make(node()).run(), 42);
    assert.equal(await make(node(), { plugins: [nothing()] }).run(), 42);
    const limited = make(node());
    limited.query().setRemoteArgs({ timeoutMs: 1_000 });
    assert.equal(await limited.run(), 42);
  });

  it("refuses two nodes that got one name after the backend was made", async () => {
    const [a, b] = [sum(1, 1), sum(1, 2)];
    const wf = make([a, b]);
    a.setName("same");
    b.setName("same");
    await assert.rejects(wf.run(), { name: "GraphError", message: /"same"/ });
  });

  it("refuses targets that are none", () => {
    const graphError = (reason: string) => (error: unknown) =>
      isFuseError(error, "GraphError") && error.reason === reason;
    assert.throws(() => make([]), graphError("no-targets"));
    assert.throws(() => make(3 as never), graphError("not-a-node"));
    assert.throws(() => make([sum(1, 1), null] as never), graphError("not-a-node"));
    assert.throws(
      () => new LocalWorkflow(sum(1, 1), { workflowName: "" }),
      { name: "TypeError", message: /workflowName/ },
    );
    assert.throws(() => make(sum(1, 1), { reuse: "always" }), { name: "TypeError" });
  });
});

describe("A node that fails", () => {
  it("is reported with its name, its place and what it threw", async () => {
    const { node } = flaky(1);
    const error = await failure(make(node(1).setName("reader")).run());
    assert.equal(error.nodeName, "reader");
    assert.equal(error.phase, "run");
    assert.ok(error.cause instanceof RangeError);
    assert.match(error.message, /"reader".*local_test\.ts:\d+:\d+.*RangeError: failure 1/);
  });

  it("ends the run: what does not depend on it does not start any more", async () => {
    let ran = false;
    const fail = workflow("fail", () => {
      throw new Error("no");
    });
    const other = workflow("other", () => ran = true);
    await failure(make([fail(), other()]).run());
    assert.equal(ran, false);
  });

  it("may throw anything", async () => {
    for (const thrown of ["text", undefined, null, Object.create(null)]) {
      const fail = workflow("fail", () => {
        throw thrown;
      });
      const error = await failure(make(fail()).run());
      assert.equal(error.cause, thrown);
    }
  });

  it("may reject", async () => {
    const fail = workflow("fail", () => Promise.reject(new TypeError("later")));
    assert.ok((await failure(make(fail()).run())).cause instanceof TypeError);
  });

  it("fails while its arguments are read if an item's holder is nothing", async () => {
    const nothing = workflow("nothing", (): { inner?: { x: number } } => ({}));
    const node = sum((nothing() as unknown as { inner: { x: number } }).inner.x, 1);
    const error = await failure(make(node).run());
    assert.equal(error.phase, "arguments");
    assert.match(error.message, /nothing_0000\["inner"\]/);
  });

  it("fails if it gives a node", async () => {
    const nested = workflow("nested", () => sum(1, 2) as unknown as number);
    assert.match((await failure(make(nested()).run())).message, /returned a node/);
  });
});

describe("Retries and time limits", () => {
  it("try a failed node again as often as was set", async () => {
    const { node, state } = flaky(2);
    const wf = make(node(7));
    wf.query().setRemoteArgs({ maxRetries: 2, retryDelayMs: 1 });
    assert.equal(await wf.run(), 7);
    assert.equal(state.calls, 3);

    const tooOften = flaky(3);
    const short = make(tooOften.node(7));
    short.query().setRemoteArgs({ maxRetries: 2, retryDelayMs: 1 });
    assert.match((await failure(short.run())).message, /failure 3/);
  });

  it("abandon an asynchronous node at once", async () => {
    const never = workflow("never", () => new Promise<number>(() => {}));
    const wf = make(never());
    wf.query().setRemoteArgs({ timeoutMs: 20 });
    const error = await failure(wf.run());
    assert.equal(error.phase, "timeout");
    assert.equal((error.cause as Error).name, "TimeoutError");
  });

  it("report a synchronous node that took too long when it returns", async () => {
    let isDone = false;
    const spin = workflow("spin", () => {
      const end = performance.now() + 30;
      while (performance.now() < end);
      isDone = true;
    });
    const wf = make(spin());
    wf.query().setRemoteArgs({ timeoutMs: 10 });
    assert.equal((await failure(wf.run())).phase, "timeout");
    assert.equal(isDone, true);
  });

  it("count the time in which an asynchronous node computes", async () => {
    const compute = workflow("compute", async () => {
      await null;
      const end = performance.now() + 40;
      while (performance.now() < end);
    });
    const wf = make(compute());
    wf.query().setRemoteArgs({ timeoutMs: 10 });
    assert.equal((await failure(wf.run())).phase, "timeout");
  });

  it("leave a node alone that is fast enough", async () => {
    const wf = make(wait(1));
    wf.query().setRemoteArgs({ timeoutMs: 2 ** 40 });
    assert.equal(await wf.run(), 1);
  });
});

describe("A signal", () => {
  it("ends the run at once with its reason", async () => {
    const controller = new AbortController();
    const never = workflow("never", () => new Promise<number>(() => {}));
    const run = make(never()).run({ signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(run, (error) => error === reason);
  });

  it("that was aborted before lets nothing start", async () => {
    let ran = false;
    const node = workflow("node", () => ran = true);
    await assert.rejects(make(node()).run({ signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal(ran, false);
  });

  it("aborted by a synchronous node ends the run after it", async () => {
    const controller = new AbortController();
    const stop = workflow("stop", () => controller.abort());
    let ran = false;
    const next = workflow("next", (_: void) => ran = true);
    await assert.rejects(make(next(stop())).run({ signal: controller.signal }));
    assert.equal(ran, false);
  });

  it("ends the wait for a retry", async () => {
    const controller = new AbortController();
    const { node, state } = flaky(9);
    const wf = make(node(1));
    wf.query().setRemoteArgs({ maxRetries: 9, retryDelayMs: 60_000 });
    const run = wf.run({ signal: controller.signal });
    controller.abort();
    await assert.rejects(run, { name: "AbortError" });
    assert.equal(state.calls, 1);
  });
});

describe("A query", () => {
  const target = () => sum(sum(1, 2).setName("left"), sum(3, 4).setName("right")).setName("all");

  it("finds nodes by their whole names, in the order in which they were made", () => {
    const wf = make(target());
    assert.deepEqual(wf.findNodes(), ["left", "right", "all"]);
    assert.deepEqual(wf.findNodes("l.*"), ["left"]);
    assert.deepEqual(wf.findNodes("lef"), []);
    assert.deepEqual(wf.findNodes("left|right"), ["left", "right"]);
    assert.deepEqual(wf.findNodes(/LEFT/i), ["left"]);
    assert.deepEqual(wf.findNodes(/^a.*$/gm), ["all"]);
    assert.throws(() => wf.findNodes("["), { name: "TypeError", message: /pattern/ });
    assert.throws(() => wf.findNodes("a)(?:b"), { name: "TypeError" });
  });

  it("gives nodes that can be other backends' targets", async () => {
    const nodes = make(target()).query("left|right").nodes;
    assert.deepEqual(await make(nodes).run(), [3, 7]);
  });

  it("replaces functions in its own backend alone", async () => {
    const node = target();
    const wf = make(node);
    wf.query("left").replaceFunction((a: number, b: number) => a * 100 + b);
    assert.equal(await wf.run(), 109);
    assert.equal(await make(node).run(), 10);
    assert.throws(() => wf.query().replaceFunction(3 as never), { name: "TypeError" });
  });

  it("refuses to replace methods", () => {
    const Box = workflow(
      class Box {
        get() {
          return 1;
        }
      },
    );
    const wf = make(new Box().get());
    assert.throws(() => wf.query().replaceFunction(() => 2), { name: "TypeError", message: /Box/ });
  });

  it("chains", async () => {
    const wf = make(target());
    const query = wf.query("left").setRemoteArgs({ maxRetries: 1 }).setStored(true)
      .setPlugin(definePlugin("nothing", () => ({}))());
    assert.deepEqual(query.names, ["left"]);
    assert.equal(await wf.run(), 10);
  });

  it("refuses wrong settings and then sets nothing", () => {
    const query = make(target()).query();
    const refused = (args: object, name: string, message: RegExp) =>
      assert.throws(() => query.setRemoteArgs(args), { name, message });
    refused({ maxRetries: -1 }, "RangeError", /'maxRetries'.*current value is -1/);
    refused({ maxRetries: 1.5 }, "RangeError", /maxRetries/);
    refused({ timeoutMs: 0 }, "RangeError", /timeoutMs/);
    refused({ numCpus: "2" }, "TypeError", /numCpus/);
    refused({ resources: { _model: -1 } }, "TypeError", /resources/);
    refused({ cpus: 1 }, "TypeError", /'cpus' is none of them/);
    assert.throws(() => query.setStored("no" as never), { name: "TypeError" });
    assert.throws(() => query.setGroup(0 as never), { name: "TypeError", message: /isGrouped/ });
    assert.throws(() => query.setPlugin(definePlugin("x", () => ({})) as never), {
      message: /call it/,
    });
  });
});

describe("Plugins", () => {
  const log = (entries: string[], name: string): Plugin =>
    definePlugin(name, () => ({
      localInitialize: (node) => (entries.push(`${name} local ${node.name}`), node.name.length),
      remoteInitialize(length: number, node) {
        entries.push(`${name} remote ${node.name} ${length}`);
        return () => void entries.push(`${name} undo ${node.name}`);
      },
    }))();

  it("prepare nodes in the order in which they were set, and undo in the opposite one", async () => {
    const entries: string[] = [];
    const wf = make(sum(sum(1, 2).setName("a"), 1).setName("bb"));
    wf.setPlugin("a", log(entries, "one")).setPlugin(undefined, log(entries, "two"));
    assert.equal(await wf.run(), 4);
    assert.deepEqual(entries, [
      "one local a",
      "two local a",
      "two local bb",
      "one remote a 1",
      "two remote a 1",
      "two undo a",
      "one undo a",
      "two remote bb 2",
      "two undo bb",
    ]);
  });

  it("may be asynchronous, and undo after an asynchronous node", async () => {
    const entries: string[] = [];
    const slow = definePlugin("slow", () => ({
      async remoteInitialize() {
        await new Promise((done) => setTimeout(done, 1));
        entries.push("prepared");
        return async () => {
          await Promise.resolve();
          entries.push("undone");
        };
      },
    }));
    const node = workflow("node", async () => {
      await Promise.resolve();
      return entries.push("ran");
    });
    const wf = make(node()).setPlugin(".*", slow());
    assert.equal(await wf.run(), 2);
    assert.deepEqual(entries, ["prepared", "ran", "undone"]);
  });

  it("undo also after a node that failed", async () => {
    const entries: string[] = [];
    const { node } = flaky(1);
    const wf = make(node(1)).setPlugin(".*", log(entries, "p"));
    await failure(wf.run());
    assert.equal(entries.at(-1), "p undo flaky_0000");
  });

  it("that throw fail their node, as its initialisation", async () => {
    const bad = definePlugin("bad", () => ({
      remoteInitialize() {
        throw new Error("no device");
      },
    }));
    const error = await failure(make(sum(1, 2)).setPlugin(".*", bad()).run());
    assert.equal(error.phase, "initialize");
    assert.match(error.message, /no device/);
  });
});

describe("The environment of a node", () => {
  /** A plugin that shows what each try sees, and how often it is undone. */
  function watched() {
    const state = { value: "original", undone: 0 };
    const plugin = definePlugin("watched", () => ({
      remoteInitialize() {
        const before = state.value;
        state.value = `${before}+`;
        return () => {
          state.undone++;
          state.value = before;
        };
      },
    }));
    return { state, plugin: plugin() };
  }

  it("is undone once when a try is abandoned, before the next one starts", async () => {
    const { state, plugin } = watched();
    const seen: string[] = [];
    let release = () => {};
    const node = workflow("node", () => {
      seen.push(state.value);
      return seen.length > 1 ? 1 : new Promise<number>((done) => release = () => done(0));
    });
    const wf = make(node()).setPlugin(".*", plugin);
    wf.query().setRemoteArgs({ timeoutMs: 10, maxRetries: 1, retryDelayMs: 1 });
    assert.equal(await wf.run(), 1);
    release();
    await new Promise((done) => setTimeout(done, 1));
    assert.deepEqual([seen, state.value, state.undone], [
      ["original+", "original+"],
      "original",
      2,
    ]);
  });

  it("is undone when the run is aborted", async () => {
    const { state, plugin } = watched();
    const controller = new AbortController();
    const never = workflow("never", () => new Promise<void>(() => {}));
    const run = make(never()).setPlugin(".*", plugin).run({ signal: controller.signal });
    assert.equal(state.value, "original+");
    controller.abort();
    await assert.rejects(run, { name: "AbortError" });
    assert.deepEqual([state.value, state.undone], ["original", 1]);
  });

  it("is undone whole if one undo fails, and the node's own error comes first", async () => {
    const undone: string[] = [];
    const undoing = (name: string, fails: boolean) =>
      definePlugin(name, () => ({
        remoteInitialize: () => () => {
          undone.push(name);
          if (fails) throw new Error("undo failed");
        },
      }))();
    const broken = flaky(1).node(1);
    const wf = make(broken, { plugins: [undoing("a", false), undoing("b", true)] });
    assert.match((await failure(wf.run())).message, /RangeError: failure 1/);
    assert.deepEqual(undone, ["b", "a"]);
    const fine = make(sum(1, 2), { plugins: [undoing("b", true)] });
    const error = await failure(fine.run());
    assert.deepEqual([error.phase, /undo failed/.test(error.message)], ["initialize", true]);
  });

  it("can't be prepared asynchronously on the host", async () => {
    const late = definePlugin(
      "late",
      () => ({ localInitialize: () => Promise.reject(new Error("x")) }),
    );
    const wf = make(sum(1, 2), { plugins: [late()] });
    await assert.rejects(wf.run(), { name: "TypeError", message: /"late".*asynchronous/ });
  });
});

describe("Observers", () => {
  it("are told of the run and its nodes", async () => {
    const told: unknown[] = [];
    const observer = definePlugin("observer", () => ({
      onRunStart: ({ toRun, toRead }) => told.push(["run", toRun, toRead]),
      onNodeStart: ({ name, definition }) => told.push(["start", name, definition]),
      onNodeError: ({ name }, { willRetry }) => told.push(["error", name, willRetry]),
      onNodeEnd: ({ name }, { isStored }) => told.push(["end", name, isStored]),
      onRunEnd: ({ ran, read, error }) => told.push(["done", ran, read, error]),
    }));
    const wf = make(flaky(1).node(1), { plugins: [observer()] });
    wf.query().setRemoteArgs({ maxRetries: 1, retryDelayMs: 1 });
    await wf.run();
    assert.deepEqual(told, [
      ["run", 1, 0],
      ["start", "flaky_0000", "flaky"],
      ["error", "flaky_0000", true],
      ["end", "flaky_0000", false],
      ["done", 1, 0, undefined],
    ]);
  });

  it("that throw are reported and change nothing", async () => {
    const warnings: string[] = [];
    const bad = definePlugin("bad", () => ({
      onNodeEnd() {
        throw new Error("observer broke");
      },
    }));
    const wf = make(sum(1, 2), {
      plugins: [bad()],
      onWarning: (warning: string) => warnings.push(warning),
    });
    assert.equal(await wf.run(), 3);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /"bad".*observer broke/);
  });
});

describe("Observers and warnings that fail", () => {
  it("neither hang nor end a run, whatever they throw and whenever", async () => {
    const warnings: string[] = [];
    const bad = definePlugin("bad", () => ({
      onNodeStart: () => {
        throw Object.create(null);
      },
      onNodeEnd: () => Promise.reject(new Error("later")) as never,
    }));
    const wf = make(wait(1), {
      plugins: [bad()],
      onWarning: (warning: string) => {
        warnings.push(warning);
        throw new Error("no");
      },
    });
    assert.equal(await wf.run(), 1);
    await new Promise((done) => setTimeout(done, 1));
    assert.equal(warnings.length, 2);
  });
});

describe("LocalWorkflow with a storage", () => {
  /** A graph of two nodes that count how often they ran. */
  function counted() {
    const runs = { first: 0, second: 0 };
    const first = workflow("first", () => {
      runs.first++;
      return { digits: [1, 2, 3] };
    });
    const second = workflow("second", (digits: number[]) => {
      runs.second++;
      return digits.length;
    });
    return { target: second(first().digits), runs };
  }

  it("reads by name what was saved, and only what is needed", async () => {
    const storage = new MemoryStorage();
    const { target, runs } = counted();
    assert.equal(await make(target, { storage }).run(), 3);
    assert.deepEqual(await storage.listTasks("test"), ["first_0000", "second_0000"]);
    assert.equal(await make(target, { storage }).run(), 3);
    assert.deepEqual(runs, { first: 1, second: 1 });

    await storage.removeTask("test", { taskName: "second_0000" });
    assert.equal(await make(target, { storage }).run(), 3);
    assert.deepEqual(runs, { first: 1, second: 2 });

    await storage.removeTask("test", { taskName: "first_0000" });
    assert.equal(await make(target, { storage }).run(), 3);
    assert.deepEqual(runs, { first: 2, second: 2 }, "the root runs, as its result is missing");
  });

  it("keeps workflows apart", async () => {
    const storage = storageFactory("memory:");
    const { target, runs } = counted();
    await make(target, { storage, workflowName: "a" }).run();
    await make(target, { storage, workflowName: "b" }).run();
    assert.equal(runs.first, 2);
  });

  it("neither reads nor writes nodes that are not stored", async () => {
    const storage = new MemoryStorage();
    const { target, runs } = counted();
    for (let i = 0; i < 2; i++) {
      const wf = make(target).setStorage(storage);
      wf.query("first.*").setStored(false);
      await wf.run();
    }
    assert.deepEqual(await storage.listTasks("test"), ["second_0000"]);
    assert.deepEqual(runs, { first: 2, second: 1 });
  });

  it("computes again what turns out to be damaged, and says so", async () => {
    const storage = new MemoryStorage();
    const { target, runs } = counted();
    await make(target, { storage }).run();
    const readTask = storage.readTask.bind(storage);
    let isBroken = true;
    storage.readTask = async (workflow, task) => {
      if (isBroken && task === "second_0000") {
        isBroken = false;
        const { StorageError } = await import("functionfuse");
        throw new StorageError("It is torn.", { operation: "read", key: task, reason: "damaged" });
      }
      return readTask(workflow, task);
    };
    const warnings: string[] = [];
    const wf = make(target, { storage, onWarning: (warning: string) => warnings.push(warning) });
    assert.equal(await wf.run(), 3);
    assert.deepEqual(runs, { first: 1, second: 2 });
    assert.match(warnings[0], /torn.*computed again/);
  });

  it("runs nothing a second time because of a damaged result", async () => {
    const storage = new MemoryStorage();
    const ran: string[] = [];
    const step = workflow("step", (name: string, _after?: string) => {
      ran.push(name);
      return name;
    });
    const base = step("base").setName("base");
    step("leaf", base).setName("leaf");
    const target = step("target", base).setName("target");
    await storage.save("test", "target", "old");
    const readTask = storage.readTask.bind(storage);
    storage.readTask = async (workflow, task) => {
      if (task === "target") await storage.removeTask(workflow, { taskName: task });
      return readTask(workflow, task);
    };
    const wf = make(target, { storage, onWarning: () => {} });
    wf.query("leaf").setStored(false);
    assert.equal(await wf.run(), "target");
    assert.deepEqual(ran.toSorted(), ["base", "leaf", "target"]);
  });

  it("gives an instance as all its calls made it, also the second time", async () => {
    const storage = new MemoryStorage();
    const Box = workflow(
      class Box {
        total = 0;
        add(n: number) {
          return this.total += n;
        }
      },
    );
    const box = new Box();
    box.add(5);
    for (let i = 0; i < 2; i++) {
      assert.equal((await make(box, { storage }).run() as { total: number }).total, 5);
    }
  });

  it("reads from a place where nothing can be written, if nothing must be", async () => {
    const storage = new MemoryStorage();
    const { target } = counted();
    await make(target, { storage }).run();
    storage.newWorkflow = () => Promise.reject(new Error("read-only"));
    assert.equal(await make(target, { storage }).run(), 3);
  });

  it("goes on with a value that can't be stored, with a warning", async () => {
    const storage = new MemoryStorage();
    const produce = workflow("produce", () => ({ predict: (x: number) => x + 1 }));
    const use = workflow("use", (model: { predict(x: number): number }) => model.predict(1));
    const warnings: string[] = [];
    const options = { storage, onWarning: (warning: string) => warnings.push(warning) };
    assert.equal(await make(use(produce()), options).run(), 2);
    assert.match(warnings[0], /"produce_0000" will run again next time.*value\.predict.*function/);
    assert.deepEqual(await storage.listTasks("test"), ["use_0000"]);
  });

  it("gives readers what was read back, if the storage asks for it", async () => {
    const produce = workflow("produce", () => ({ at: new Date(0) }));
    let produced: unknown;
    const use = workflow("use", (value: { at: Date }) => {
      produced = value;
      return value.at.getTime();
    });
    let saved: unknown;
    const storage = new MemoryStorage({ alwaysRead: true });
    const save = storage.save.bind(storage);
    storage.save = (workflow, task, value, origin) => {
      if (task === "produce_0000") saved = value;
      return save(workflow, task, value, origin);
    };
    await make(use(produce()), { storage }).run();
    assert.deepEqual(produced, saved);
    assert.notEqual(produced, saved);
  });

  it("runs all calls of an instance if one must run, and none if none must", async () => {
    const storage = new MemoryStorage();
    const calls: string[] = [];
    const Tape = workflow(
      class Tape {
        #said = "";
        constructor() {
          calls.push("new");
        }
        say(word: string) {
          calls.push(word);
          return this.#said += word;
        }
      },
    );
    const build = () => {
      const tape = new Tape().setName("tape");
      return ["a", "b", "c"].map((word) => tape.say(word).setName(word));
    };
    const target = build();
    assert.deepEqual(await make(target, { storage }).run(), ["a", "ab", "abc"]);
    assert.deepEqual(await make(target, { storage }).run(), ["a", "ab", "abc"]);
    assert.deepEqual(calls, ["new", "a", "b", "c"]);

    calls.length = 0;
    await storage.removeTask("test", { taskName: "b" });
    assert.deepEqual(await make(target, { storage }).run(), ["a", "ab", "abc"]);
    assert.deepEqual(calls, ["new", "a", "b"], "c is stored and comes later");
  });

  it("with the scope of what is needed leaves other branches alone", async () => {
    let ran = 0;
    const root = sum(1, 1);
    const other = workflow("other", (n: number) => (ran++, n));
    other(root);
    const target = sum(root, 1);
    assert.equal(await make(target, { scope: "needed" }).run(), 3);
    assert.equal(ran, 0);
    assert.equal(await make(target).run(), 3);
    assert.equal(ran, 1);
  });
});

function collectGarbage(): void {
  const { Bun: bun, gc } = globalThis as {
    Bun?: { gc(force: boolean): void };
    gc?: () => void;
  };
  if (bun) bun.gc(true);
  else if (gc) gc();
  else {
    // No hook to ask for it: enough garbage makes the runtime collect.
    for (let i = 0; i < 50; i++) new Array(100_000).fill(i);
  }
}
