/** How nodes become Ray's tasks, and what becomes of those that fail: with a driver that has no Ray. */

import { isFuseError, type Node, type WorkerError } from "functionfuse";
import { MemoryStorage } from "functionfuse/storage";
import fc from "fast-check";
import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import { failure } from "../contract/backend.ts";
import { FakeRay } from "../support/fake_ray.ts";
import * as nodes from "../support/nodes.ts";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";

// What runs in a cluster is Deno wherever the client runs.
const options = {
  skip: process.versions.deno === undefined && "values travel as Deno writes them down",
};
const many = (count: number) => Array.from({ length: count }, (_, i) => nodes.sum(i));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("Small nodes on Ray", options, () => {
  it("go together once it is known that they are small, spread over the CPUs", async () => {
    const ray = new FakeRay();
    assert.deepEqual(await ray.workflow(many(500)).run(), numbers(500));
    assert.ok(ray.tasks.length >= 4 && ray.tasks.length < 20, `${ray.tasks.length} tasks`);
    assert.equal(ray.tasks.flatMap(({ returns }) => returns).length, 500);
    assert.match(ray.names.at(-1)!, /^sum_\d+ and \d+ more$/);
  });

  it("take along what follows them, which is sent nowhere if nobody else reads it", async () => {
    const ray = new FakeRay();
    let last = nodes.sum(1);
    for (let k = 0; k < 200; k++) last = nodes.sum(last, nodes.sum(k, last));
    const run = ray.workflow(last).run();
    assert.equal(typeof await run, "number");
    assert.ok(ray.tasks.length < 10, `${ray.tasks.length} tasks`);
    assert.ok(ray.tasks.flatMap(({ returns }) => returns).length < 20);
  });

  it("go alone if that is asked for, or if they have a time limit or resources of their own", async () => {
    const settings = [
      (wf: ReturnType<FakeRay["workflow"]>) => wf.query().setGroup(false),
      (wf: ReturnType<FakeRay["workflow"]>) => wf.query().setRemoteArgs({ timeoutMs: 5_000 }),
      (wf: ReturnType<FakeRay["workflow"]>) =>
        wf.query().setRemoteArgs({ resources: { _model: 0.1 } }),
    ];
    for (const set of settings) {
      const ray = new FakeRay();
      ray.machines = [{ CPU: 1 }, { CPU: 1, _model: 1 }];
      const wf = ray.workflow(many(50));
      set(wf);
      assert.deepEqual(await wf.run(), numbers(50));
      assert.equal(ray.tasks.length, 50);
    }
  });

  it("are not those that take longer", async () => {
    const ray = new FakeRay();
    await ray.workflow(Array.from({ length: 20 }, () => nodes.spin(12))).run();
    assert.equal(ray.tasks.length, 20);
  });

  it("fail for themselves, and the others of their task run on", async () => {
    const ray = new FakeRay();
    const bad = nodes.throwValue(nodes.sum(1)) as unknown as Node<number>;
    bad.setName("bad");
    const warm = [...many(10), nodes.give(1)];
    const after = [...many(100), bad, nodes.sum(bad, 1), ...many(100)];
    const error = await failure(ray.workflow([...warm, ...after], { onFailure: "continue" }).run());
    assert.deepEqual([error.nodeName, error.cause, error.errors.length], ["bad", 1, 1]);
    assert.match(error.message, /1 node that depends on it did not run/);
  });

  it("go alone once a worker has died that had several of them", async () => {
    const ray = new FakeRay();
    const culprit = nodes.sum(3).setName("culprit");
    ray.fail = (frame) =>
      frame.name === "culprit" || frame.returns.length > 1
        ? { kind: "died", text: "It died.", exitCode: 9, lines: ["the last words"] }
        : undefined;
    const error = await failure(
      ray.workflow([...many(20), culprit, ...many(20)], { onFailure: "continue" }).run(),
    );
    assert.deepEqual([error.nodeName, error.phase, error.errors.length], ["culprit", "worker", 1]);
    const cause = error.cause as WorkerError;
    assert.equal(cause.exitCode, 9);
    assert.deepEqual(cause.lastLines, ["the last words"]);
    assert.match(cause.message, /10\.0\.0\.1\/7 ended with exit code 9[^]*the last words/);
  });
});

describe("Random graphs on Ray", options, () => {
  it("give what plain calls give, whatever dies and is lost meanwhile", async () => {
    const kinds = fc.constantFrom("none", "none", "died", "lost");
    const histories = fc.record({
      description: randomGraph(),
      kinds: fc.array(kinds, { maxLength: 12 }),
      isStored: fc.boolean(),
      isReadBack: fc.boolean(),
      isLarge: fc.func(fc.boolean()),
    });
    await fc.assert(
      fc.asyncProperty(histories, async ({ description, kinds, isStored, isReadBack, isLarge }) => {
        const { targets, expected } = makeRandomGraph(description);
        const ray = new FakeRay();
        ray.isLarge = isLarge;
        let left = 3;
        let at = 0;
        ray.fail = (frame) => {
          const kind = kinds[at++];
          if (kind === "died" && frame.returns.length > 1) return { kind, text: "It died." };
          if (kind !== "lost" || frame.reads.length === 0 || left-- === 0) return undefined;
          ray.store.delete(frame.reads[0]);
          return { kind, lost: [frame.reads[0]] };
        };
        const storage = isStored ? new MemoryStorage({ alwaysRead: isReadBack }) : undefined;
        // The first of the two makes small nodes known, the second has what it stored.
        for (let run = 0; run < 2; run++) {
          assert.deepEqual(await ray.workflow(targets, { storage }).run(), expected);
          assert.deepEqual([...ray.store], [], "something was left behind");
        }
      }),
      { numRuns: 80 },
    );
  });
});

describe("An instance on Ray", options, () => {
  it("leaves its machine once it is of no use, though the run goes on", async () => {
    for (const op of ["actor", "call"]) {
      const ray = new FakeRay();
      let isGone = false;
      ray.fail = (frame) => {
        if (frame.name === "last") isGone = ray.said.some(({ op }) => op === "dropActor");
        return frame.op === op ? { kind: "timeout", text: "It took too long." } : undefined;
      };
      const tape = nodes.Tape("a");
      const last = nodes.sum(nodes.sum(nodes.sum(nodes.sum(1)))).setName("last");
      const wf = ray.workflow([tape.say("b"), tape.all(), last], { onFailure: "continue" });
      wf.query().setGroup(false);
      assert.equal((await failure(wf.run())).phase, "timeout");
      assert.ok(isGone, `after a failed ${op}`);
    }
  });
});

describe("Values on Ray", options, () => {
  it("stay in the object store while only nodes read them", async () => {
    const ray = new FakeRay();
    const array = nodes.array(1_000, 2);
    assert.equal(
      await ray.workflow(nodes.sum(nodes.total(array), nodes.total(array))).run(),
      4_000,
    );
    assert.deepEqual(ray.said, []);
    assert.equal(ray.tasks.filter(({ reads }) => reads.length === 1).length, 2);
    assert.equal(ray.store.size, 0);
  });

  it("that came along but are too large for all their readers are put there once", async () => {
    const ray = new FakeRay();
    const text = "x".repeat(30_000);
    const large = nodes.give(text).setName("large");
    const readers = numbers(5).map((n) => nodes.give([n, large]));
    const wf = ray.workflow(readers);
    wf.query().setGroup(false);
    assert.deepEqual(await wf.run(), readers.map((_, n) => [n, text]));
    assert.deepEqual(ray.tasks.map(({ reads }) => reads.length), [0, 1, 1, 1, 1, 1]);
    assert.deepEqual(ray.said.map(({ op }) => op), ["put"]);
  });

  it("that the host has are put there once", async () => {
    const storage = new MemoryStorage();
    const build = (count: number) => {
      const array = nodes.array(100_000, 1).setName("array");
      const totals = numbers(count).map((n) => nodes.total(array).setName(`total ${n}`));
      return nodes.give(totals).setName("all");
    };
    const ray = new FakeRay();
    assert.deepEqual(await ray.workflow(build(1), { storage }).run(), [100_000]);
    assert.deepEqual(ray.said.map(({ op }) => op), ["get"]);
    const later = new FakeRay();
    const values = await later.workflow(build(4), { storage }).run();
    assert.deepEqual(values, [100_000, 100_000, 100_000, 100_000]);
    assert.deepEqual(later.said.map(({ op }) => op), ["put"]);
    assert.equal(later.store.size, 0);
  });

  it("that are lost are computed again, but not for ever", async () => {
    const ray = new FakeRay();
    const build = () => nodes.total(nodes.array(10, 1).setName("array")).setName("total");
    let losses = 2;
    ray.fail = ({ name, reads }) => {
      if (name !== "total" || losses-- <= 0) return undefined;
      ray.store.clear();
      return { kind: "lost", lost: reads };
    };
    assert.equal(await ray.workflow(build()).run(), 10);
    assert.deepEqual(ray.names, ["array", "total", "array", "total", "array", "total"]);

    const many = new FakeRay();
    let passes = 3;
    many.fail = ({ reads }) => {
      if (reads.length === 0) return void passes--;
      return passes < 0 ? undefined : { kind: "lost", lost: reads };
    };
    const array = nodes.array(10, 1).setName("array");
    const wf = many.workflow(numbers(20).map(() => nodes.total(array)));
    wf.query().setGroup(false);
    assert.deepEqual(await wf.run(), numbers(20).map(() => 10));

    losses = Infinity;
    await assert.rejects(ray.workflow(build()).run(), (error) => {
      assert.ok(isFuseError(error, "EngineError"));
      assert.match(error.message, /"array" was lost 4 times.*object store/);
      return true;
    });
  });
});

describe("What Ray can't do", options, () => {
  it("is refused before anything runs, with what there is and what to do", async () => {
    const cases = [
      [
        { resources: { _model: 2 } },
        /"big".*2 of "_model".*is 1 of "_model".*--resources='{"_model":2}'/,
      ],
      [{ resources: { _other: 1 } }, /no machine has "_other"/],
      [{ numGpus: 1 }, /1 GPU.*no machine has a GPU/],
      [{ numCpus: 4, resources: { _model: 1 } }, /4 CPUs.*a machine has is 3 CPUs/],
      [
        { numCpus: 3, resources: { _model: 1 } },
        /no machine has all of it: 10\.0\.0\.1 has 3 CPUs; /,
      ],
      [{ resources: { GPU: 1 } }, /"GPU", which is a name of Ray's own.*'numGpus'/],
    ] as const;
    for (const [args, message] of cases) {
      const ray = new FakeRay();
      ray.machines = [{ CPU: 3 }, { CPU: 2, _model: 1 }];
      const wf = ray.workflow([nodes.sum(1), nodes.sum(2).setName("big")]);
      wf.query("big").setRemoteArgs(args);
      await assert.rejects(wf.run(), (error) => {
        assert.ok(isFuseError(error, "EngineError"), String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(ray.tasks, []);
    }
  });

  it("is told without what Ray says of every death, but with the place", async () => {
    const ray = new FakeRay();
    const text =
      "The actor died unexpectedly before finishing this task. The actor is dead because its worker process has died. " +
      "Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits with a connection error code 2. End of file. " +
      "Some common causes include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop";
    ray.fail = () => ({ kind: "died", text });
    const { cause } = await failure(ray.workflow(nodes.sum(1)).run());
    assert.match(
      (cause as WorkerError).message,
      /^The worker is gone: The actor is dead: its worker process has died\. Worker exit detail: [^:]*\. End of file\. It ran on 10\.0\.0\.1, process 7\. Workers are /,
    );
  });

  it("ends the run with what it says, and no retry", async () => {
    for (const kind of ["setup", "code", "refused"] as const) {
      const ray = new FakeRay();
      ray.fail = () => ({ kind, text: "There is no Deno on 10.0.0.1." });
      const wf = ray.workflow(nodes.sum(1).setName("one"));
      wf.query().setRemoteArgs({ maxRetries: 3 });
      await assert.rejects(wf.run(), (error) => {
        assert.ok(isFuseError(error, "EngineError"));
        assert.match(
          error.message,
          /^Ray can't run node "one": There is no Deno on 10\.0\.0\.1\. \w/,
        );
        return true;
      });
      assert.equal(ray.tasks.length, 1);
    }
  });

  it("ends with a driver that is gone", async () => {
    const ray = new FakeRay();
    ray.fail = () => {
      setTimeout(() => ray.link.ended("It was killed."), 5);
      return undefined;
    };
    let last = nodes.sum(1);
    for (let k = 0; k < 1_000; k++) last = nodes.sum(last, k);
    const wf = ray.workflow(last);
    wf.query().setGroup(false);
    await assert.rejects(wf.run(), (error) => {
      assert.ok(isFuseError(error, "EngineError"));
      assert.match(
        error.message,
        /driver.*has come to an end: It was killed\. Start the run again/,
      );
      return true;
    });
    await assert.rejects(ray.workflow(nodes.sum(1)).run(), { name: "EngineError" });
  });

  it("is a time limit's own failure, and tried again", async () => {
    const ray = new FakeRay();
    let late = 1;
    ray.fail = () =>
      late-- > 0 ? { kind: "timeout", text: "It took longer than 50 ms." } : undefined;
    const wf = ray.workflow(nodes.sum(1));
    wf.query().setRemoteArgs({ timeoutMs: 50, maxRetries: 1, retryDelayMs: 1 });
    assert.equal(await wf.run(), 1);
    late = 2;
    const again = ray.workflow(nodes.sum(1));
    again.query().setRemoteArgs({ timeoutMs: 50, retryDelayMs: 1 });
    const error = await failure(again.run());
    assert.equal(error.phase, "timeout");
    assert.equal((error.cause as Error).name, "TimeoutError");
  });
});
