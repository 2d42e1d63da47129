import { LocalWorkflow, workflow } from "functionfuse";
import {
  FileStorage,
  LazyArray,
  MemoryStorage,
  type NdArray,
  type Serializer,
  storageFactory,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { later } from "../../contract/serializer.ts";
import { openFiles, openMemory, temporaryFolder } from "../../support/places.ts";

const array = (...values: number[]): NdArray => ({
  data: Float64Array.from(values),
  shape: [values.length],
});

/** Keeps objects that have a key, as texts. */
function keyed(name: string, key: string, log: string[] = []): Serializer<object, string> {
  return {
    name,
    test: (value): value is object => typeof value === "object" && value !== null && key in value,
    async save(value, place) {
      log.push(name);
      await place.write("text", new TextEncoder().encode(JSON.stringify(value)));
    },
    load: async (place) => `${name}:${new TextDecoder().decode(await place.read("text"))}`,
  };
}

describe("Serializers of a storage", () => {
  it("are registered when it is made or later, and the first that takes a value has it", async () => {
    const storage = storageFactory({
      kind: "memory",
      options: { serializers: [keyed("first", "a")] },
    });
    assert.equal(storage.registerSerializers(keyed("second", "b"), keyed("third", "c")), storage);
    await storage.save("w", "x", [{ a: 1, b: 1 }, { b: 2, c: 2 }, { d: 3 }]);
    assert.deepEqual(await storage.readTask("w", "x"), [
      'first:{"a":1,"b":1}',
      'second:{"b":2,"c":2}',
      { d: 3 },
    ]);
  });

  it("are told before what they kept is removed, once and only when it really goes", async () => {
    const told: string[] = [];
    const serializer: Serializer = {
      ...keyed("told", "a"),
      save: async (value, place) => {
        await place.write("text", new TextEncoder().encode("kept"));
        return (value as { a: number }).a;
      },
      async remove(place, notes) {
        assert.equal(new TextDecoder().decode(await place.read("text")), "kept");
        told.push(`removed ${notes}`);
      },
    };
    for (const { storage } of [openMemory(), openFiles(temporaryFolder())]) {
      storage.registerSerializers(serializer);
      await storage.newWorkflow("w");
      await storage.save("w", "x", [{ a: 1 }, { a: 2 }]);
      assert.deepEqual(told, []);
      await assert.rejects(storage.save("w", "x", [{ a: 3 }, () => 1]), { name: "CodecError" });
      assert.deepEqual(told, []);
      await storage.save("w", "x", { a: 4 });
      assert.deepEqual(told.splice(0).sort(), ["removed 1", "removed 2"]);
      await storage.removeTask("w", { taskName: "x" });
      assert.deepEqual(told.splice(0), ["removed 4"]);
      await storage.save("w", "y", { a: 5 });
      await storage.removeWorkflow("w");
      assert.deepEqual(told.splice(0), ["removed 5"]);
    }
  });

  it("have names of their own, and all that it takes", () => {
    const storage = new MemoryStorage({ serializers: [keyed("one", "a")] });
    assert.throws(() => storage.registerSerializers(keyed("one", "b")), {
      name: "TypeError",
      message: /"one" as one of that name is there already/,
    });
    for (const wrong of [null, {}, { ...keyed("two", "a"), load: undefined }, keyed("", "a")]) {
      assert.throws(() => storage.registerSerializers(wrong as never), {
        name: "TypeError",
        message: /must have a 'name'.*'test', 'save' and 'load'/,
      });
    }
  });

  it("are needed again for reading, but those of the library", async () => {
    const path = temporaryFolder();
    const writing = new FileStorage({ path, serializers: [keyed("own", "a"), zarrSerializer()] });
    await writing.save("w", "own", [{ a: 1 }]);
    await writing.save("w", "stock", array(1, 2));
    const reading = new FileStorage({ path });
    assert.ok(await reading.readTask("w", "stock") instanceof LazyArray);
    await assert.rejects(reading.readTask("w", "own"), {
      name: "StorageError",
      reason: "unsupported",
      message: /serializer "own", which is not known here.*registerSerializers/,
    });
    // Nothing is wrong with it, so it stays.
    reading.registerSerializers(keyed("own", "a"));
    assert.deepEqual(await reading.readTask("w", "own"), ['own:{"a":1}']);
  });

  it("that fail to load say so, and the value stays", async () => {
    const { storage } = openMemory();
    const failing = {
      ...keyed("failing", "a"),
      load: () => Promise.reject(new Error("too tired")),
    };
    storage.registerSerializers(failing);
    await storage.save("w", "x", { a: 1 });
    await assert.rejects(storage.readTask("w", "x"), {
      reason: "unsupported",
      message: /"failing" can't load what it saved: Error: too tired/,
    });
    assert.equal(await storage.hasTask("w", "x"), true);
  });

  it("do not keep the rest of the value from being taken as it is when saving begins", async () => {
    const { storage } = openMemory();
    storage.registerSerializers(zarrSerializer());
    const value = { array: array(1, 2), bytes: new Uint8Array([1, 2]), list: ["a"] };
    const saving = storage.save("w", "x", value);
    value.bytes.fill(9);
    value.list.push("b");
    await saving;
    const { bytes, list } = await storage.readTask("w", "x") as typeof value;
    assert.deepEqual([bytes, list], [new Uint8Array([1, 2]), ["a"]]);
  });

  it("leave no trace where they take nothing", async () => {
    const places = openMemory();
    places.storage.registerSerializers(zarrSerializer());
    await places.storage.newWorkflow("w");
    const { isSerialized } = await places.storage.save("w", "x", { plain: true });
    assert.equal(isSerialized, false);
    assert.equal((await places.place("pending").list()).size, 0);
    assert.equal((await places.place("parts").list()).size, 0);
  });

  for (const [kind, open] of Object.entries({ files: openFiles, memory: openMemory })) {
    it(`never give parts of two values, nor damaged ones, while a value is replaced in ${kind}`, async () => {
      const { storage } = open();
      storage.registerSerializers(zarrSerializer({ chunks: [2] }));
      await storage.save("w", "x", array(0, 0, 0, 0));
      let isDone = false;
      const write = async () => {
        for (let n = 1; n <= 60; n++) await storage.save("w", "x", array(n, n, n, n));
        isDone = true;
      };
      const read = async () => {
        while (!isDone) {
          const lazy = await storage.readTask("w", "x") as LazyArray;
          // It may be gone by now, which is told.
          const values = await lazy.read().catch((error) => {
            assert.equal(error.name, "CodecError");
          });
          if (values) assert.equal(new Set(values.data as Float64Array).size, 1);
          await new Promise((resolve) => setTimeout(resolve));
        }
      };
      await Promise.all([write(), read(), read()]);
    });
  }

  it("find the value that is there in the end, however often it was replaced meanwhile", async () => {
    const { storage } = openMemory();
    const plain = keyed("own", "a");
    let replacements = 3;
    storage.registerSerializers({
      ...plain,
      async load(place, notes) {
        if (replacements > 0) await storage.save("w", "x", { a: replacements-- });
        return await plain.load(place, notes);
      },
    });
    await storage.save("w", "x", { a: 4 });
    assert.equal(await storage.readTask("w", "x"), 'own:{"a":1}');
  });

  it("give handles that tell what they hold, wherever that is", async () => {
    const { storage } = openMemory();
    storage.registerSerializers(zarrSerializer());
    for (const [name, value] of [["x", 1], ["y", 1], ["z", 2]] as const) {
      await storage.save("w", name, array(value));
    }
    const [x, y, z] = await Promise.all(
      ["x", "y", "z"].map((name) => storage.readTask("w", name) as Promise<LazyArray>),
    );
    assert.equal(x.identity, y.identity);
    assert.notEqual(x.identity, z.identity);
    // Which is how a run tells them apart as arguments.
    const digests = [x, y, z].map((lazy) => storage.recipes.digestValue({ lazy }).digest);
    assert.equal(digests[0], digests[1]);
    assert.notEqual(digests[0], digests[2]);
  });

  it("give a run's next nodes handles, computed now or then", async () => {
    const make = workflow("make", () => array(1, 2, 3));
    const last = workflow("last", async (lazy: NdArray) => {
      const { data } = await (lazy as unknown as LazyArray).get([-1]);
      return data[0];
    });
    for (const alwaysRead of [true, false]) {
      const storage = new MemoryStorage({ alwaysRead, serializers: [zarrSerializer()] });
      const target = last(make().setName("made"));
      const wf = new LocalWorkflow(target, { workflowName: "w", storage });
      assert.equal(await wf.run(), 3);
      await storage.removeTask("w", { taskName: "last_0000" });
      assert.equal(await wf.run(), 3);
    }
  });
});

describe("A process that is killed while a serializer writes", () => {
  const SCRIPT = fileURLToPath(new URL("../../fixtures/killed_save.ts", import.meta.url));

  function runScript(path: string, moment: string): void {
    const flags = process.versions.deno ? ["run", "-A", "--quiet"] : [];
    const { signal, stderr } = spawnSync(process.execPath, [...flags, SCRIPT, path, moment], {
      encoding: "utf8",
    });
    assert.equal(signal, "SIGKILL", stderr);
  }

  for (const moment of ["before the object", "after the object"]) {
    it(`${moment} is put, leaves a whole value, and the rest goes with the next day`, async () => {
      const path = temporaryFolder();
      const places = openFiles(path);
      const { storage } = places;
      storage.registerSerializers(zarrSerializer());
      await storage.save("w", "x", array(1, 2));
      runScript(path, moment);
      const count = async () => (await places.place("parts/x.fuse").list()).size;
      const expected = moment === "before the object" ? array(1, 2) : array(3, 4, 5);
      const check = async () => {
        const lazy = await storage.readTask("w", "x") as LazyArray;
        assert.deepEqual(await lazy.read(), expected);
      };
      await check();
      assert.equal(await count(), 4);
      await storage.newWorkflow("w");
      assert.equal(await count(), 4);
      await later(() => storage.newWorkflow("w"));
      assert.equal(await count(), 2);
      await check();
    });
  }
});
