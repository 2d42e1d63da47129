import { Buffer } from "node:buffer";
import { MemoryStorage, TaskStorage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { keyOf } from "../../storage/keys.ts";
import { MemoryObjects } from "../../storage/memory.ts";
import { testStorage } from "../contract/storage.ts";

/** Objects in memory whose bytes a test can change. */
class OpenMemory extends MemoryObjects {
  readonly bytes = new Map<string, Uint8Array>();

  override put(folder: string, name: string, chunks: Uint8Array<ArrayBuffer>[]): Promise<void> {
    this.bytes.set(`${folder}/${name}`, new Uint8Array(Buffer.concat(chunks)));
    return super.put(folder, name, chunks);
  }
}

testStorage("MemoryStorage", () => {
  const objects = new OpenMemory();
  return {
    storage: new TaskStorage(objects),
    tamper(workflow, task, change) {
      const [folder, name] = [keyOf(workflow), `${keyOf(task)}.fuse`];
      const changed = change(objects.bytes.get(`${folder}/${name}`)!);
      objects.put(folder, name, [new Uint8Array(changed)]);
    },
  };
});

describe("MemoryStorage", () => {
  it("starts empty and knows its place", async () => {
    const storage = new MemoryStorage();
    assert.equal(storage.location, "memory");
    assert.equal(storage.alwaysRead, false);
    assert.deepEqual(await storage.listTasks("w"), []);
  });
});
