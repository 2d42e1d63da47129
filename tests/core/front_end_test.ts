import { isFuseError, LocalWorkflow, type Node, setName, task, workflow } from "functionfuse";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect } from "node:util";
// So that checking this file checks those cases too.
import type * as _compileTimeCases from "../types/front_end.ts";

const run = (target: ConstructorParameters<typeof LocalWorkflow>[0]) =>
  new LocalWorkflow(target, { workflowName: "test" }).run();
const names = (target: ConstructorParameters<typeof LocalWorkflow>[0]) =>
  new LocalWorkflow(target, { workflowName: "test" }).findNodes();

const sum = workflow(function sum(a: number, b: number) {
  return a + b;
});
const give = workflow("give", <T>(value: T): T => value);

describe("workflow", () => {
  it("makes nodes instead of running", async () => {
    let ran = 0;
    const node = workflow("node", () => ++ran)();
    assert.equal(ran, 0);
    assert.equal(await run(node), 1);
  });

  it("has the alias task", () => assert.equal(task, workflow));

  it("takes asynchronous functions", async () => {
    const later = workflow(async function later(n: number) {
      await Promise.resolve();
      return n + 1;
    });
    assert.equal(await run(sum(later(1), later(2))), 5);
  });

  it("takes classes of the runtime and classes that inherit", async () => {
    const Base = class Base {
      constructor(protected n: number) {}
      add(n: number) {
        return this.n += n;
      }
    };
    const Derived = workflow(
      class Derived extends Base {
        twice() {
          return this.n *= 2;
        }
      },
    );
    const derived = Derived(1);
    derived.add(2);
    assert.equal(await run(derived.twice()), 6);

    const Table = workflow(Map<string, number>);
    const table = new Table([["a", 1]]);
    table.set("b", 2);
    assert.equal(await run(table.get("b")), 2);
  });

  it("decorates a class, whose static members stay", async () => {
    @workflow
    class Decorated {
      static unit = 10;
      constructor(readonly n: number) {}
      scaled(by: number) {
        return this.n * by;
      }
    }
    assert.equal(await run(new Decorated(2).scaled(Decorated.unit) as unknown as Node<number>), 20);
  });

  it("makes a class that others can inherit from", async () => {
    const Base = workflow(
      class Base {
        constructor(readonly n: number) {}
        base() {
          return this.n;
        }
      },
    );
    const Plain = Base as unknown as new (n: number) => { n: number; base(): number };
    const Derived = workflow(
      class Derived extends Plain {
        extra = 10;
        derived() {
          return this.n + this.extra;
        }
      },
    );
    const derived = new Derived(1);
    assert.deepEqual(await run([derived.base(), derived.derived()]), [1, 11]);
    assert.ok(await run(derived) instanceof Base);
  });

  it("tells functions from classes, frozen and native ones too", async () => {
    assert.equal(
      await run(
        workflow(Object.freeze(function frozen() {
          return 3;
        }))(),
      ),
      3,
    );
    assert.equal(await run(workflow("number", Number)("7") as unknown as Node<number>), 7);
  });

  it("works with nodes of another copy of the library", async () => {
    const folder = mkdtempSync(join(tmpdir(), "functionfuse-"));
    const root = fileURLToPath(new URL("../..", import.meta.url));
    for (const part of ["core", "backends", "mod.ts"]) {
      cpSync(join(root, part), join(folder, part), { recursive: true });
    }
    const copy: typeof import("functionfuse") = await import(
      pathToFileURL(join(folder, "mod.ts")).href
    );
    rmSync(folder, { recursive: true });
    assert.notEqual(copy.workflow, workflow);
    const double = copy.workflow("double", (n: number) => n * 2);
    const target = sum(double(sum(1, 1)), double(5)).setName("mixed");
    assert.equal(await run([target, setName(double(1), "two")]).then(String), "14,2");
    assert.equal(await new copy.LocalWorkflow(target, { workflowName: "copy" }).run(), 14);
  });

  it("refuses what can't be a node's function", () => {
    const refused = (make: () => unknown, message: RegExp) =>
      assert.throws(make, { name: "TypeError", message });
    refused(() => workflow(3 as never), /current value is number/);
    refused(() => workflow(null as never), /current value is null/);
    refused(() => workflow((() => () => 1)()), /without a name/);
    refused(() => workflow("", () => 1), /without a name/);
    refused(() => workflow("\ud800", () => 1), /Unicode/);
    refused(() => workflow(sum as never), /one already/);
    refused(() => workflow(function* steps() {}), /generator "steps"/);
    refused(() => workflow(async function* steps() {}), /generator/);
  });
});

describe("Arguments", () => {
  it("may have nodes at any depth of arrays and plain objects", async () => {
    const node = give({ a: [sum(1, 1), { b: sum(1, 2) }], c: 4 });
    assert.deepEqual(await run(node), { a: [2, { b: 3 }], c: 4 });
  });

  it("are taken as they are when the node is made, where they hold nodes", async () => {
    const list: unknown[] = [sum(1, 1)];
    const node = give(list);
    list.push(3);
    assert.deepEqual(await run(node), [2]);
  });

  it("keep shared and cyclic literals", async () => {
    const shared = { node: sum(1, 1) };
    const cyclic: Record<string, unknown> = { left: shared, right: shared };
    cyclic.self = cyclic;
    const value = await run(give(cyclic)) as Record<string, unknown>;
    assert.equal(value.self, value);
    assert.equal(value.left, value.right);
    assert.deepEqual(value.left, { node: 2 });
  });

  it("are passed on untouched where they hold no node", async () => {
    const value = { deep: new Map([[1, new Date()]]) };
    assert.equal(await run(give(value)), value);
    let list: unknown = [];
    for (let depth = 0; depth < 100_000; depth++) list = [list];
    assert.equal(await run(give(list)), list);
  });

  it("may repeat a node", async () => {
    const one = give(1);
    assert.equal(await run(sum(one, one)), 2);
    assert.deepEqual(await run(give([one, [one, one]])), [1, [1, 1]]);
  });

  it("keep keys that have a meaning for objects", async () => {
    const literal = JSON.parse('{"__proto__": 1, "referenceKind": 1}');
    literal.node = sum(1, 1);
    const value = await run(give(literal)) as object;
    assert.deepEqual(Object.entries(value), [["__proto__", 1], ["referenceKind", 1], ["node", 2]]);
  });

  it("may be nested deeper than the stack, with nodes in them", async () => {
    let list: unknown = [sum(1, 1)];
    for (let depth = 0; depth < 50_000; depth++) list = [list];
    let value = await run(give(list));
    while (Array.isArray(value)) value = value[0];
    assert.equal(value, 2);
  });

  it("can't have nodes inside maps and sets", () => {
    const node = sum(1, 2).setName("inside");
    for (const collection of [new Map([["a", node]]), new Set([node]), [new Map([[node, 1]])]]) {
      assert.throws(() => give(collection), {
        name: "TypeError",
        message: /"inside" inside a map/,
      });
    }
  });

  it("can't be instances", () => {
    const Box = workflow(class Box {});
    assert.throws(() => give(new Box()), { name: "TypeError", message: /instance "Box_0000"/ });
    assert.throws(() => give([new Box()]), { name: "TypeError" });
  });
});

describe("Items", () => {
  const data = () => give({ x: [[1, 2], [3, 4]], "a b": 5, then: 6, item: 7, length: 8 });

  it("refer to parts by key, position and destructuring, to any depth", async () => {
    const node = data();
    const { x } = node;
    const [first, [three, four]] = x;
    assert.deepEqual(
      await run([x[1][0], node["a b"], first, three, four, node.x.item(1).item(1)]),
      [3, 5, [1, 2], 3, 4, 4],
    );
  });

  it("reach keys that are otherwise taken with item()", async () => {
    const node = data();
    assert.deepEqual(await run([node.item("then"), node.item("item"), node.length]), [6, 7, 8]);
    assert.throws(() => node.item({} as never), { name: "TypeError", message: /'key'/ });
  });

  it("follow JavaScript's rules for what is not there", async () => {
    const node = data() as unknown as Record<string, Node<number> & { deeper: Node<number> }>;
    assert.equal(await run(node.missing), undefined);
    await assert.rejects(run(node.missing.deeper), (error) => {
      return isFuseError(error, "NodeError") && /deeper.*missing.*undefined/.test(error.message);
    });
  });

  it("of one node make one edge", () => {
    const node = data();
    const target = sum(node.x[0][0], node.x[0][1]);
    assert.deepEqual(names(target).length, 2);
  });

  it("are not promises: awaiting a node gives the node", async () => {
    const node = data();
    assert.equal(await node, node);
    assert.equal("then" in node, false);
  });
});

describe("A node used as a value", () => {
  it("throws a TypeError that names it", () => {
    const node = sum(1, 2).setName("three");
    const any = node as unknown as { x: number };
    const uses: [string, () => unknown][] = [
      ["text", () => `${node}`],
      ["number", () => Number(node)],
      ["sum", () => any.x + 1],
      ["comparison", () => (node as unknown as number) < 3],
      ["JSON", () => JSON.stringify({ node })],
      ["toString", () => (node as object).toString()],
      ["spread", () => ({ ...(node as object) })],
      ["array spread", () => [...(node as unknown as number[])]],
      ["assignment", () => any.x = 3],
      ["deletion", () => delete (node as { x?: number }).x],
      ["keys", () => Object.keys(node)],
    ];
    for (const [use, action] of uses) {
      assert.throws(action, { name: "TypeError", message: /three/ }, use);
    }
  });

  it("is shown by its name", () => {
    assert.match(inspect(sum(1, 2).setName("three")), /Node "three"/);
  });
});

describe("Names", () => {
  it("are counted for each definition until they are given", () => {
    const first = workflow("thing", () => 1);
    assert.deepEqual(names([first(), first().setName("own"), first()]), [
      "thing_0000",
      "own",
      "thing_0002",
    ]);
    const Counter = workflow(
      class Counter {
        add(n: number) {
          return n;
        }
        get() {
          return 0;
        }
      },
    );
    const one = new Counter();
    const two = new Counter();
    assert.deepEqual(names([one.add(1), two.add(1), one.get()]), [
      "Counter_0000",
      "Counter_0001",
      "Counter.add_0000",
      "Counter.add_0001",
      "Counter.get_0000",
    ]);
  });

  it("can be any text", async () => {
    for (const name of ["a/b", " ", "../x", "日本", "x".repeat(1_000), "then", "\n"]) {
      const node = sum(1, 2).setName(name);
      assert.deepEqual(names(node), [name]);
    }
    const node = sum(1, 2);
    assert.equal(setName(node, "same"), node);
    assert.equal(node.setName("again"), node);
    assert.equal(await run(node), 3);
  });

  it("are refused when they are none", () => {
    const node = sum(1, 2);
    const wrong = [["", /has 0 characters/], ["x".repeat(1_001), /has 1001 characters/], [
      3,
      /of type number/,
    ], [
      "\ud800",
      /Unicode/,
    ]];
    for (const [name, message] of wrong) {
      assert.throws(() => node.setName(name as string), { name: "TypeError", message });
    }
    assert.throws(() => setName(3 as never, "x"), { name: "TypeError" });
    assert.throws(() => setName(give([1])[0] as never, "x"), { message: /item of a node/ });
  });

  it("must differ in one graph; both places are shown", () => {
    // However many names were given to graphs that were looked at before.
    names(Array.from({ length: 40_000 }, (_, index) => sum(1, 2).setName(`before ${index}`)));
    const a = sum(1, 2).setName("same");
    const b = sum(a, 2).setName("same");
    assert.throws(() => names(b), (error) => {
      assert.ok(isFuseError(error, "GraphError"));
      assert.equal(error.reason, "duplicate-name");
      assert.deepEqual(error.nodes, ["same"]);
      const lines = [...error.message.matchAll(/named at [^,]*front_end_test\.ts:(\d+):\d+/g)];
      assert.equal(Number(lines[1][1]) - Number(lines[0][1]), 1);
      return true;
    });
  });

  it("must differ from default names, and those of definitions that share a name from one another", () => {
    const first = workflow("twin", () => 1);
    const second = workflow("twin", (n: number) => n);
    assert.throws(() => names(second(first())), { message: /"twin_0000"/ });
    const third = workflow("third", (n: number) => n);
    assert.throws(() => names(third(sum(1, 2).setName("third_0000"))), { message: /"third_0000"/ });
    assert.deepEqual(names([sum(1, 2).setName("third_0007"), third(1)]).length, 2);
  });
});

describe("Instances", () => {
  it("run their calls in the order in which they were made", async () => {
    const Log = workflow(
      class Log {
        #entries: number[] = [];
        async push(n: number) {
          await Promise.resolve();
          this.#entries.push(n);
          return [...this.#entries];
        }
      },
    );
    const log = new Log();
    const calls = [3, 1, 2].map((n) => log.push(n));
    assert.deepEqual(await run(calls[2]), [3, 1, 2]);
  });

  it("have only methods, and say which", () => {
    const Box = workflow(
      class Box {
        size = 3;
        grow() {}
        shrink() {}
      },
    );
    const box = new Box() as unknown as Record<string, () => void>;
    assert.throws(() => box.size, { name: "TypeError", message: /"size".*grow, shrink/ });
  });
});
