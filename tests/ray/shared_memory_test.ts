import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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
  const outbox = join(folder, "outbox");
  const store = join(folder, "store");
  after(() => rmSync(folder, { recursive: true }));

  const open = () => {
    writeFileSync(outbox, "");
    writeFileSync(store, new Uint8Array(BYTES).fill(3));
    return new SharedMemory(loadSystem()!, outbox);
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

  it("takes results, into memory that is new and into what was there before", () => {
    const memory = open();
    let kept = 0;
    for (const [round, size] of [100_000, 70_000, 150_000, 150_000, 400_000].entries()) {
      const parts = [1, 2].map((k) => new Uint8Array(size * k).fill(10 * round + k));
      const spans = memory.put(parts, kept);
      const file = readFileSync(outbox);
      spans.forEach(([offset, bytes], at) => {
        assert.deepEqual(new Uint8Array(file.subarray(offset, offset + bytes)), parts[at]);
      });
      // In the fourth round only a piece of it is there.
      kept = round === 2 ? 123_456 : file.byteLength;
    }
  });
});
