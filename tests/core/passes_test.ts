/** Passes of a run on an executor that loses instances at any moment, as a cluster does. */

import { workflow } from "functionfuse";
import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Backend } from "../../core/backend.ts";
import { type Executor, HELD, NotRun } from "../../core/executor.ts";
import { InPlace } from "../../core/in_place.ts";
import type { ExecutorSetup } from "../../core/passes.ts";
import type { Targets } from "../../core/types.ts";

const add = workflow("add", (a: number, b: number) => a + b);

const Tape = workflow(
  class Tape {
    readonly said: number[] = [];
    say(word: number) {
      return this.said.push(word);
    }
    all() {
      return [...this.said];
    }
  },
);

/** What happens when a node is to run: it may take a while, and its instance, or all of them, may be lost before. */
interface Event {
  readonly hops: number;
  readonly loss?: "one" | "all";
}

/** Keeps instances away from the host, and loses them before some of the nodes. */
class Forgetful<const T extends Targets> extends Backend<T> {
  readonly #events: Iterator<Event>;

  constructor(targets: T, events: readonly Event[]) {
    super(targets, { workflowName: "forgetful" }, () => {});
    this.#events = events.values();
  }

  protected override createExecutor({ graph, initializations }: ExecutorSetup): Executor {
    const inPlace = new InPlace(graph, initializations);
    const instances = new Map<number, unknown>();
    return {
      slots: 3,
      execute: async (i, values) => {
        const { hops = 0, loss }: Partial<Event> = this.#events.next().value ?? {};
        for (let hop = 0; hop < hops; hop++) await undefined;
        if (loss === "all") instances.clear();
        const own = graph.instances[i];
        if (loss === "one") instances.delete(own);
        if (own >= 0 && !instances.has(own)) throw new NotRun([own]);
        const value = inPlace.execute(i, values.with(own < 0 ? i : own, instances.get(own)));
        if (graph.nodes[i].definition.kind !== "constructor") return value;
        instances.set(i, value);
        return HELD;
      },
      abandon() {},
      cancel() {},
    };
  }
}

describe("A run whose instances get lost", () => {
  it("makes them anew, and lets them see all of their calls again, in their order", async () => {
    const event: fc.Arbitrary<Event> = fc.record({
      hops: fc.nat({ max: 30 }),
      loss: fc.option(fc.constantFrom("one", "all"), { nil: undefined, freq: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60, size: "max" }), async (events) => {
        const tapes = [Tape(), Tape(), Tape()];
        for (let n = 0; n < 5; n++) {
          for (const tape of tapes) tape.say(add(n, 1));
        }
        const wf = new Forgetful(tapes.map((tape) => tape.all()), events);
        assert.deepEqual(await wf.run(), tapes.map(() => [1, 2, 3, 4, 5]));
      }),
      { numRuns: 300 },
    );
  });
});
