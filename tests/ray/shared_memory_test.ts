import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { SharedMemory } from "../../backends/ray/cluster/shared_memory.ts";
import { loadSystem } from "../../backends/ray/cluster/system.ts";

const BYTES = 1 << 23;
const isThere = "Deno" in globalThis && loadSystem() !== undefined;
const skip = isThere ? false : "only Deno maps memory, and only on Linux";

describe("Memory that a worker's program shares", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "fuse-shared-"));
  const store = join(folder, "store");
  after(() => rmSync(folder, { recursive: true }));

  const open = () => {
    writeFileSync(store, new Uint8Array(BYTES).fill(3));
    return new SharedMemory(loadSystem()!);
  };
  /** Shows a part of the store to `node`; gives what is let go of after that. */
  const run = async (memory: SharedMemory, pin: number, node: (seen: Uint8Array) => unknown) => {
    memory.begin();
    node(new Uint8Array(memory.see(store, [0, BYTES], pin).buffer));
    // A run takes more than one turn: what this one has looked at stays until it is over.
    await new Promise((done) => setTimeout(done));
    return await memory.end();
  };

  it("is let go of when nobody sees it any more, and not before", async () => {
    const memory = open();
    let kept: Uint8Array | undefined;
    assert.deepEqual(await run(memory, 1, (seen) => seen[5]), [1]);
    assert.deepEqual(await run(memory, 2, (seen) => kept = seen), []);
    assert.deepEqual(await run(memory, 3, (seen) => seen[5]), [3]);
    assert.equal(kept!.at(-1), 3);
    kept = undefined;
    assert.deepEqual((await run(memory, 4, (seen) => seen[5])).sort(), [2, 4]);
  });

  it("stays for good if its buffer was handed over", async () => {
    const memory = open();
    let kept: Uint8Array | undefined;
    const handOver = (seen: Uint8Array<ArrayBuffer>) => {
      kept = structuredClone(seen, { transfer: [seen.buffer] });
    };
    assert.deepEqual(await run(memory, 1, handOver as never), []);
    assert.deepEqual(await run(memory, 2, (seen) => seen[5]), [2]);
    assert.ok(kept!.every((byte) => byte === 3));
  });

  it("is a copy for who writes to it", async () => {
    const memory = open();
    await run(memory, 1, (seen) => seen.fill(9));
    assert.ok(readFileSync(store).every((byte) => byte === 3));
  });

  it("copies results into a file, which may become longer", () => {
    const memory = open();
    for (const [round, fileBytes] of [BYTES, BYTES, 2 * BYTES].entries()) {
      truncateSync(store, fileBytes);
      const part = new Uint8Array(BYTES / 2).fill(10 + round);
      const [offset, end] = [fileBytes - BYTES / 2 - 64, fileBytes - 64];
      memory.copy(part, store, fileBytes, offset);
      const file = new Uint8Array(readFileSync(store));
      assert.equal(file.byteLength, fileBytes);
      assert.deepEqual(file.subarray(offset, end), part);
      assert.ok(file[offset - 1] !== 10 + round && file[end] !== 10 + round);
    }
    assert.throws(() => memory.copy(new Uint8Array(8), join(folder, "none"), 8, 0));
  });
});
