import { isFuseError, LocalWorkflow, workflow } from "functionfuse";
import { FileStorage, storageFactory } from "functionfuse/storage";
import assert from "node:assert/strict";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { testStorage } from "../contract/storage.ts";
import { keyOf, nameOf } from "../../storage/keys.ts";

const root = mkdtempSync(join(tmpdir(), "functionfuse-"));
after(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(root, String(folders++));

testStorage("FileStorage", () => {
  const path = newFolder();
  return {
    storage: new FileStorage({ path }),
    tamper(workflow, task, change) {
      const file = join(path, keyOf(workflow), `${keyOf(task)}.fuse`);
      writeFileSync(file, change(new Uint8Array(readFileSync(file))));
    },
  };
});

describe("FileStorage", () => {
  it("leaves no name outside its folder, and nothing but whole files inside", async () => {
    const path = newFolder();
    const storage = new FileStorage({ path });
    await storage.save("../../up", "/etc/../x", 1);
    await assert.rejects(storage.save("../../up", "y", () => 1), { name: "CodecError" });
    const files = readdirSync(path, { recursive: true, encoding: "utf8" });
    assert.deepEqual(files.sort(), ["%2E.%2F..%2Fup", "%2E.%2F..%2Fup/%2Fetc%2F..%2Fx.fuse"]);
  });

  it("writes nothing before something is saved", () => {
    const path = newFolder();
    new FileStorage({ path });
    assert.equal(existsSync(path), false);
  });

  it("can be opened again, and by several at once", async () => {
    const path = newFolder();
    const storages = Array.from({ length: 8 }, () => new FileStorage({ path }));
    await Promise.all(storages.map(async (storage, i) => {
      for (let round = 0; round < 20; round++) {
        await storage.save("shared", "same", { writer: i, data: new Array(500).fill(round) });
        const { data } = await storage.readTask("shared", "same") as { data: number[] };
        assert.ok(data.every((value) => value === data[0]));
      }
    }));
    assert.deepEqual(await new FileStorage({ path }).listTasks("shared"), ["same"]);
    assert.deepEqual(readdirSync(join(path, "shared")), ["same.fuse"]);
  });

  it("reads whole values while others write the same task", async () => {
    const storage = new FileStorage({ path: newFolder() });
    const write = (round: number) =>
      storage.save("w", "x", new Float64Array(10_000 + round * 1_000).fill(round));
    await write(0);
    for (let round = 1; round < 60; round++) {
      const reading = storage.readTask("w", "x");
      await write(round % 7);
      const value = await reading as Float64Array;
      assert.equal(value.length, 10_000 + value[0] * 1_000);
    }
  });

  it("sets a damaged object aside once, however many read it at once", async () => {
    const path = newFolder();
    const storage = new FileStorage({ path });
    await storage.save("w", "x", 1);
    writeFileSync(join(path, "w", "x.fuse"), "torn");
    const reads = Array.from({ length: 5 }, () => storage.readTask("w", "x"));
    for (const read of await Promise.allSettled(reads)) {
      assert.ok(read.status === "rejected" && isFuseError(read.reason, "StorageError"));
      assert.ok(["damaged", "missing"].includes(read.reason.reason), read.reason.reason);
    }
    assert.deepEqual(readdirSync(join(path, "w")), ["x.fuse.damaged"]);
  });

  it("passes over files that are not its own, and removes what killed processes left", async () => {
    const path = newFolder();
    const storage = new FileStorage({ path });
    await storage.save("w", "x", 1);
    const leftover = join(path, "w", `.${"0".repeat(24)}.tmp`);
    for (const name of ["100%.fuse", "notes.txt", "a~~b.fuse"]) {
      writeFileSync(join(path, "w", name), "mine");
    }
    writeFileSync(leftover, "half");
    assert.deepEqual(await storage.listTasks("w"), ["x"]);
    await storage.newWorkflow("w");
    assert.equal(existsSync(leftover), true, "a young one may still be written");
    utimesSync(leftover, 0, 0);
    await storage.newWorkflow("w");
    assert.equal(existsSync(leftover), false);
  });

  it("says what is in the way", async () => {
    const path = newFolder();
    writeFileSync(path, "a file");
    const storage = new FileStorage({ path });
    const node = workflow("node", () => 1)();
    await assert.rejects(
      new LocalWorkflow(node, { workflowName: "n = 1", storage, onWarning() {} }).run(),
      (error) =>
        isFuseError(error, "StorageError") && error.reason === "unavailable" &&
        error.message.includes(`Cannot list ${path}: there is a file where a folder must be.`),
    );
    for (const wrong of ["", 3, undefined]) {
      assert.throws(() => new FileStorage({ path: wrong as string }), { message: /'path'/ });
    }
  });

  it("survives a run whose damaged result is computed again", async () => {
    const path = newFolder();
    let runs = 0;
    const node = workflow("node", () => ++runs);
    const target = node().setName("x");
    const run = () => {
      const storage = new FileStorage({ path });
      return new LocalWorkflow(target, { workflowName: "w", storage, onWarning: () => {} }).run();
    };
    assert.equal(await run(), 1);
    assert.equal(await run(), 1);
    writeFileSync(join(path, "w", "x.fuse"), "torn");
    assert.equal(await run(), 2);
    const objects = readdirSync(join(path, "w")).filter((name) => !name.endsWith(".jsonl"));
    assert.deepEqual(objects.sort(), ["x.fuse", "x.fuse.damaged"]);
  });
});

describe("storageFactory", () => {
  it("makes a file storage from a path, a URL or options", async () => {
    const path = newFolder();
    await new FileStorage({ path }).save("w", "t", 5);
    const configs = [path, `file:${path}`, pathToFileURL(path).href];
    for (const config of configs) {
      assert.equal(await storageFactory(config).readTask("w", "t"), 5, config);
    }
    const storage = storageFactory({ kind: "file", options: { path, alwaysRead: true } });
    assert.equal(storage.alwaysRead, true);
    assert.equal(storage.location, path);
  });

  it("refuses what it does not know", () => {
    const unknown = { name: "UnsupportedError" };
    assert.throws(() => storageFactory("gopher://x"), unknown);
    assert.throws(() => storageFactory({ kind: "tape" } as never), unknown);
    assert.throws(() => storageFactory(null as never), unknown);
  });
});

describe("Keys", () => {
  it("give the name back where they hold it", () => {
    for (const name of ["plain_0001", "Mixed.Case", "a/b", "ä", "a~b", "."]) {
      assert.equal(nameOf(keyOf(name)), name);
    }
    assert.equal(nameOf(keyOf("x".repeat(500))), undefined);
  });

  it("differ also where case does not count, and are short and safe", () => {
    const names = ["a", "A", "ab", "aB", "AB", "x".repeat(1_000), "X".repeat(1_000), "con", "Con"];
    const keys = names.map((name) => keyOf(name));
    assert.equal(new Set(keys.map((key) => key.toLowerCase())).size, names.length);
    for (const key of keys) assert.match(key, /^[\w%.~-]{1,200}$/);
  });
});
