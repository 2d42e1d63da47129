/** What every backend must do: the parity graphs, and laws on random graphs. Called once for each backend. */

import fc from "fast-check";
import { type BackendOptions, type Query, type Target, workflow } from "functionfuse";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";

/** What the suite needs of a backend. */
export interface TestedBackend {
  findNodes(pattern?: RegExp | string): string[];
  query(pattern?: RegExp | string): Query;
  run(options?: { signal?: AbortSignal }): Promise<unknown>;
}

/** Makes a backend for targets. */
export type MakeBackend = (
  targets: Target | readonly Target[],
  options?: Partial<BackendOptions>,
) => TestedBackend;

interface ParityArgument {
  value?: unknown;
  ref?: number;
  item?: string | number;
}

interface ParityCase {
  nodes: {
    fn?: string;
    new?: string;
    call?: string;
    on?: number;
    args: ParityArgument[];
    name: string | null;
  }[];
  targets: ParityArgument[];
  expect: { result: unknown; executed: string[]; found: Record<string, string[]> };
}

const { modulus, cases } = JSON.parse(
  readFileSync(new URL("../fixtures/parity.json", import.meta.url), "utf8"),
) as { modulus: number; cases: ParityCase[] };

const mod = (n: number) => ((n % modulus) + modulus) % modulus;

/** The functions of the parity graphs; each graph gets definitions of its own, as names are counted by definition. */
function parityDefinitions() {
  class Counter {
    #total: number;
    constructor(start: number) {
      this.#total = start;
    }
    add(n: number) {
      return this.#total = mod(this.#total + n);
    }
    scale(n: number) {
      return this.#total = mod(this.#total * n);
    }
    both(n: number) {
      return [this.#total, n];
    }
  }
  const functions: Record<string, (...args: never[]) => unknown> = {
    add: (a: number, b: number) => mod(a + b),
    sub: (a: number, b: number) => mod(a - b),
    mul: (a: number, b: number) => mod(a * b),
    total: (...all: number[]) => mod(all.reduce((sum, n) => sum + n, 0)),
    const: (value: unknown) => value,
    pair: (a: unknown, b: unknown) => [a, b],
    record: (x: unknown, y: unknown) => ({ x, y }),
  };
  return { Counter, functions };
}

type Maker = (...args: unknown[]) => Target & {
  setName(name: string): unknown;
  item(key: string | number): Target;
};

function buildParityCase({ nodes, targets }: ParityCase): Target | Target[] {
  const { Counter, functions } = parityDefinitions();
  const makers = new Map(
    Object.entries(functions).map(([name, fn]) => [name, workflow(name, fn) as unknown as Maker]),
  );
  const makeCounter = workflow(Counter) as unknown as Maker;
  const built: ReturnType<Maker>[] = [];
  const argument = ({ value, ref, item }: ParityArgument) =>
    ref === undefined ? value : item === undefined ? built[ref] : built[ref].item(item);
  for (const node of nodes) {
    const args = node.args.map(argument);
    const made = node.fn
      ? makers.get(node.fn)!(...args)
      : node.new
      ? makeCounter(...args)
      : (built[node.on!] as unknown as Record<string, Maker>)[node.call!](...args);
    if (node.name !== null) made.setName(node.name);
    built.push(made);
  }
  const list = targets.map((target) => argument(target) as Target);
  return list.length === 1 ? list[0] : list;
}

/** Runs the suite for a backend. */
export function testBackend(name: string, make: MakeBackend): void {
  describe(`${name} agrees with the original`, () => {
    cases.forEach((parity, index) => {
      it(`on graph ${index}`, async () => {
        const executed: string[] = [];
        const wf = make(buildParityCase(parity), {
          plugins: [{
            name: "executed",
            options: undefined,
            hooks: { onNodeEnd: (node) => void executed.push(node.name) },
          }],
        });
        assert.deepEqual(await wf.run(), parity.expect.result);
        assert.deepEqual(executed.sort(), parity.expect.executed.toSorted());
        for (const [pattern, found] of Object.entries(parity.expect.found)) {
          assert.deepEqual(wf.findNodes(pattern).sort(), found.toSorted(), pattern);
        }
      });
    });
  });

  describe(`${name} on random graphs`, () => {
    it("runs every node once, parents first, and gives what plain calls give", async () => {
      await fc.assert(fc.asyncProperty(randomGraph(), async (description) => {
        const { targets, expected, runs } = makeRandomGraph(description);
        assert.deepEqual(await make(targets).run(), expected);
        const order = new Map(runs.map((index, at) => [index, at]));
        assert.equal(order.size, runs.length, "a node ran twice");
        for (const index of runs) {
          for (const parent of description.nodes[index].parents) {
            assert.ok(order.get(parent)! < order.get(index)!, `${parent} not before ${index}`);
          }
        }
      }));
    });

    it("runs just the nodes all of whose parents can run", async () => {
      await fc.assert(fc.asyncProperty(randomGraph(), async (description) => {
        const { targets, runs, runnable } = makeRandomGraph(description);
        await make(targets).run();
        assert.deepEqual(runs.toSorted((a, b) => a - b), runnable);
      }));
    });
  });
}
