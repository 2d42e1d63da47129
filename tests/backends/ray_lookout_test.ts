/** What a run on Ray says while nodes wait in vain. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Cluster } from "../../backends/ray/cluster/driver_link.ts";
import { Lookout, type LookoutParts } from "../../backends/ray/cluster/lookout.ts";
import type { Amounts } from "../../backends/ray/cluster/shortage.ts";
import type { RayTask } from "../../backends/ray/cluster/tasks.ts";

type Resources = Readonly<Record<string, number>>;

/** A cluster and a run, of which nodes wait; the time is the one that it is said to be. */
class Scene {
  machines: Resources[] = [{ CPU: 2, memory: 8e9, "node:10.0.0.1": 1 }];
  free: Resources = {};
  /** What each node that waits needs. */
  waiting: Amounts[] = [];
  /** Of those that were sent, the machine that they run on. */
  readonly sent = new Map<number, string | undefined>();
  endedCount = 0;
  looks = 0;
  #warnings: string[] = [];
  readonly #lookout: Lookout;

  constructor() {
    const taskOf = (i: number) => ({ nodes: [i], machine: this.sent.get(i) }) as unknown as RayTask;
    const endedCount = () => this.endedCount;
    const parts = {
      graph: { nodes: Array.from({ length: 9 }, (_, i) => ({ name: `node ${i}` })) },
      driver: { hello: () => Promise.resolve(this.#cluster()) },
      needs: { amountsOf: (i: number) => this.waiting[i] },
      tasks: {
        all: () => [...this.sent.keys()].map(taskOf),
        of: (i: number) => this.sent.has(i) ? taskOf(i) : undefined,
        get endedCount() {
          return endedCount();
        },
      },
      waiting: () => [...this.waiting.keys()],
      seen: () => void this.looks++,
      warn: (text: string) => void this.#warnings.push(text),
    };
    this.#lookout = new Lookout(parts as unknown as LookoutParts);
  }

  #cluster(): Cluster {
    const nodes = this.machines.map((resources, i) => ({
      ...{ id: `machine ${i}`, address: `10.0.0.${i + 1}`, alive: true, labels: {} },
      resources,
    }));
    return { ray: "2.60.0", nodes, free: this.free };
  }

  /** What is said when it is looked at a time. */
  async at(seconds: number): Promise<string[]> {
    await this.#lookout.look(seconds * 1_000);
    return this.#warnings.splice(0);
  }
}

const needs = (amounts: Resources): Amounts => new Map(Object.entries(amounts));

describe("A run on Ray whose nodes wait", () => {
  it("says what no machine has any more, what there is, and what to do; less and less often", async () => {
    const scene = new Scene();
    scene.waiting = Array.from({ length: 5 }, () => needs({ CPU: 1, _disk: 0.5 }));
    const [line, ...more] = await scene.at(5);
    assert.equal(
      line,
      '"node 0", "node 1", "node 2" and 2 other nodes wait for a machine with 0.5 of "_disk": now no machine has "_disk" ' +
        "(the cluster has 1 machine with 2 CPUs). The run goes on as soon as there is one: start a Ray node that has it, by " +
        "`ray start --address=… --resources='{\"_disk\":0.5}'`; or stop the run, and lower what is needed by setRemoteArgs.",
    );
    assert.deepEqual(more, []);
    const said: number[] = [];
    for (let s = 10; s <= 400; s += 5) if ((await scene.at(s)).length > 0) said.push(s);
    assert.deepEqual(said, [20, 50, 110, 230, 350]);
    scene.machines.push({ CPU: 1, _disk: 1 });
    assert.deepEqual(await scene.at(405), []);
    scene.machines.pop();
    assert.equal((await scene.at(410)).length, 1);
  });

  it("says that no machine is large enough, or that there is none", async () => {
    const scene = new Scene();
    scene.waiting = [needs({ CPU: 3 })];
    assert.match(
      (await scene.at(5))[0],
      /^"node 0" waits .* 3 CPUs: .* most .* is 2 CPUs .*cpus=3/,
    );
    scene.machines = [{ CPU: 3 }, { GPU: 1 }];
    scene.waiting = [needs({ CPU: 1, GPU: 1 })];
    assert.match((await scene.at(10))[0], /no machine has all of it: 10\.0\.0\.1 has 3 CPUs; /);
    scene.machines = [];
    assert.match((await scene.at(30))[0], /no machine has a CPU, .*0 machines/);
  });

  it("says that nothing has begun for long, and how much is free", async () => {
    const scene = new Scene();
    scene.machines = [{ CPU: 2, _model: 1 }];
    scene.free = { CPU: 1.5 };
    scene.waiting = [needs({ CPU: 1, _model: 1 }), needs({ CPU: 1, _model: 1 })];
    scene.sent.set(0, undefined);
    for (const s of [5, 10, 20, 34]) assert.deepEqual(await scene.at(s), []);
    // Another node has ended meanwhile.
    scene.endedCount++;
    for (const s of [36, 50, 65]) assert.deepEqual(await scene.at(s), []);
    const [line] = await scene.at(70);
    assert.match(
      line,
      /^Nothing of the run has begun on the cluster for 34 s: "node 0" waits for /,
    );
    assert.match(
      line,
      /1 CPU and 1 of "_model"\. .*, of which 1\.5 CPUs and 0 of "_model" are free/,
    );
    assert.doesNotMatch(line, /\n/);
  });

  it("says nothing while a node runs, unless its machine is gone, or while none waits", async () => {
    const scene = new Scene();
    scene.waiting = [needs({ CPU: 1 }), needs({ CPU: 1 })];
    scene.sent.set(0, "machine 0").set(1, undefined);
    for (const s of [5, 50, 500]) assert.deepEqual(await scene.at(s), []);
    scene.sent.set(0, "machine 7");
    assert.deepEqual(await scene.at(505), []);
    assert.match((await scene.at(540))[0], /has begun .* 35 s: "node 0" and "node 1" wait for/);
    // What the host runs itself may take its time.
    scene.sent.clear();
    assert.deepEqual(await scene.at(800), []);
    scene.sent.set(0, undefined);
    assert.deepEqual(await scene.at(850), []);
    scene.waiting = [];
    const { looks } = scene;
    assert.deepEqual(await scene.at(900), []);
    assert.equal(scene.looks, looks, "the cluster is not asked");
  });
});
