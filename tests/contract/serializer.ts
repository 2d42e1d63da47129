/** What every serializer must do, on every storage. Called once for each pair. */

import fc from "fast-check";
import type { Place, Serializer, TaskStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { describe, it } from "node:test";

/** A storage whose places a test can look into. */
export interface TestedPlaces {
  readonly storage: TaskStorage;
  /** A place of the workflow `"w"`, by its name. */
  place(name: string): Place;
}

/** A serializer, and values for it. */
export interface TestedSerializer<V> {
  /** Makes it anew. */
  make(): Serializer;
  /** Values that it takes. */
  readonly values: fc.Arbitrary<V>;
  /** Two of them that differ, and are not small. */
  readonly examples: readonly [V, V];
  /** Asserts that what was loaded is the value. */
  same(loaded: unknown, value: V): Promise<void>;
}

const WORKFLOW = "w";
const DAY_MS = 24 * 60 * 60 * 1_000;

/** The names of the places of a task that were written to. */
async function placesOf({ place }: TestedPlaces): Promise<string[]> {
  const files = [...(await place("parts").list()).keys()];
  return [...new Set(files.map((name) => name.split("/").slice(0, 2).join("/")))];
}

async function pendingOf({ place }: TestedPlaces): Promise<string[]> {
  return [...(await place("pending").list()).keys()].filter((name) => name !== "used");
}

/** Runs the suite. */
export function testSerializer<V>(
  name: string,
  tested: TestedSerializer<V>,
  makeStorage: () => TestedPlaces,
): void {
  const { make, same, examples: [one, other] } = tested;
  const open = () => {
    const places = makeStorage();
    places.storage.registerSerializers(make());
    return places;
  };

  describe(`The serializer ${name}`, () => {
    it("gives back what it took", async () => {
      const { storage } = open();
      await fc.assert(
        fc.asyncProperty(tested.values, async (value) => {
          const { isSerialized } = await storage.save(WORKFLOW, "x", value);
          assert.equal(isSerialized, true);
          await same(await storage.readTask(WORKFLOW, "x"), value);
        }),
        { numRuns: 25 },
      );
    });

    it("finds its values at any depth, and keeps one that is there twice once", async () => {
      const places = open();
      const value = {
        list: [one, -0, one],
        map: new Map([["other", { other }]]),
        bytes: new Uint8Array(9),
      };
      await places.storage.save(WORKFLOW, "x", value);
      const back = await places.storage.readTask(WORKFLOW, "x") as typeof value;
      assert.equal((await placesOf(places)).length, 2);
      assert.equal(back.list[0], back.list[2]);
      assert.ok(Object.is(back.list[1], -0));
      assert.deepEqual(back.bytes, new Uint8Array(9));
      await same(back.list[0], one);
      await same(back.map.get("other")!.other, other);
    });

    it("takes what it gave", async () => {
      const { storage } = open();
      await storage.save(WORKFLOW, "x", [one]);
      const [loaded] = await storage.readTask(WORKFLOW, "x") as [unknown];
      await storage.save(WORKFLOW, "copy", loaded);
      await storage.removeTask(WORKFLOW, { taskName: "x" });
      await same(await storage.readTask(WORKFLOW, "copy"), one);
    });

    it("may be read from at many places at once", async () => {
      const { storage } = open();
      await storage.save(WORKFLOW, "x", one);
      const loaded = await storage.readTask(WORKFLOW, "x");
      await Promise.all(Array.from({ length: 20 }, () => same(loaded, one)));
    });

    it("gives equal values equal digests, and others others", async () => {
      const { storage } = open();
      const first = await storage.save(WORKFLOW, "x", { one });
      const again = await storage.save(WORKFLOW, "y", { one });
      const different = await storage.save(WORKFLOW, "z", { one: other });
      assert.equal(first.valueDigest, again.valueDigest);
      assert.notEqual(first.valueDigest, different.valueDigest);
    });

    it("is told of in the size of what is stored", async () => {
      const places = open();
      const { storage } = places;
      const { bytes } = await storage.save(WORKFLOW, "x", one);
      const sizes = [...(await places.place("parts").list()).values()];
      const kept = sizes.reduce((sum, size) => sum + size, 0);
      assert.ok(kept > 0 && bytes > kept);
      assert.equal((await storage.taskInfo(WORKFLOW, "x")).bytes, bytes);
      const record = (await storage.readRecords(WORKFLOW, ["x"])).get("x");
      assert.equal((record as { bytes: number }).bytes, bytes);
    });

    it("is cleaned up after, when a value is replaced or removed", async () => {
      const places = open();
      const { storage } = places;
      await storage.save(WORKFLOW, "x", [one, other]);
      await storage.save(WORKFLOW, "y", one);
      const before = await placesOf(places);
      await storage.save(WORKFLOW, "x", other);
      const after = await placesOf(places);
      assert.equal(after.length, 2);
      assert.equal(after.filter((place) => before.includes(place)).length, 1);
      await same(await storage.readTask(WORKFLOW, "x"), other);
      await storage.save(WORKFLOW, "x", "plain");
      assert.equal((await placesOf(places)).length, 1);
      assert.equal(await storage.removeTask(WORKFLOW, { pattern: "*" }), 2);
      assert.deepEqual(await placesOf(places), []);
      await storage.save(WORKFLOW, "x", one);
      assert.equal(await storage.removeWorkflow(WORKFLOW), true);
      assert.equal((await places.place("parts").list()).size, 0);
      assert.deepEqual(await pendingOf(places), []);
    });

    it("leaves what was there, where saving fails", async () => {
      const places = open();
      const { storage } = places;
      await storage.save(WORKFLOW, "x", one);
      const before = await placesOf(places);
      const bad = { name: "bad", cannotBeSaved: true };
      storage.registerSerializers({
        name: "bad",
        test: (value): value is object => value === bad,
        async save(_, place) {
          await place.write("half", new Uint8Array(10));
          throw new Error("no more paper");
        },
        load: () => undefined,
      });
      await assert.rejects(storage.save(WORKFLOW, "x", [other, bad]), {
        name: "CodecError",
        message: /"bad" failed: Error: no more paper/,
      });
      assert.deepEqual(await placesOf(places), before);
      assert.deepEqual(await pendingOf(places), []);
      await same(await storage.readTask(WORKFLOW, "x"), one);
    });

    it("never gives a wrong value, whatever happens to its files", async () => {
      const places = open();
      const { storage } = places;
      await storage.save(WORKFLOW, "x", one);
      const inPlace = (name: string) => name.split("/").slice(2).join("/");
      const files = [...(await places.place("parts").list()).keys()].map(inPlace);
      const changes = [0, 0.2, 0.4, 0.6, 0.8, 1].map((part) => (bytes: Uint8Array) => {
        const changed = bytes.slice();
        changed[Math.floor((bytes.length - 1) * part)] ^= 4;
        return changed;
      });
      const cut = (bytes: Uint8Array) => bytes.slice(0, -1);
      const grown = (bytes: Uint8Array) => new Uint8Array([...bytes, 0]);
      for (const file of files) {
        for (const change of [...changes, cut, grown]) {
          await storage.save(WORKFLOW, "x", one);
          const place = places.place(`parts/${(await placesOf(places))[0]}`);
          await place.write(file, change((await place.read(file))!) as Uint8Array<ArrayBuffer>);
          const error = await storage.readTask(WORKFLOW, "x").then(async (loaded) => {
            // A part that nothing depends on may be altered without effect.
            await same(loaded, one);
          }).catch((error) => error);
          if (error === undefined) continue;
          const isTold = error.name === "CodecError" ||
            error.name === "StorageError" && error.reason === "damaged";
          assert.ok(isTold, error.stack);
          await storage.removeTask(WORKFLOW, { taskName: "x" });
          await places.place("parts").remove();
        }
      }
    });

    it("is damaged where its place is gone, and set aside", async () => {
      const places = open();
      const { storage } = places;
      await storage.save(WORKFLOW, "x", [other, one]);
      await places.place(`parts/${(await placesOf(places))[0]}`).remove();
      await assert.rejects(storage.readTask(WORKFLOW, "x"), {
        name: "StorageError",
        reason: "damaged",
        message: /not there any more.*set aside as x\.fuse\.damaged/s,
      });
      assert.equal(await storage.hasTask(WORKFLOW, "x"), false);
      // What is left of it goes with the next day.
      assert.equal((await placesOf(places)).length, 1);
      await later(() => storage.newWorkflow(WORKFLOW));
      assert.deepEqual(await placesOf(places), []);
      assert.deepEqual(await pendingOf(places), []);
    });
  });
}

/** Does something a day later. */
export async function later(action: () => Promise<void>): Promise<void> {
  const { now } = Date;
  Date.now = () => now() + 1.01 * DAY_MS;
  try {
    await action();
  } finally {
    Date.now = now;
  }
}
