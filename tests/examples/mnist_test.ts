import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { generator, shuffle, split } from "../../examples/mnist/data.ts";
import { Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());
const file = fileURLToPath(new URL("../../examples/mnist/workflow.ts", import.meta.url));

describe("The digits example", () => {
  it("classifies held-out digits well, and reads all results the second time", {
    // Half a minute here; Bun gives a test five seconds otherwise.
    timeout: 600_000,
  }, async () => {
    const first = await workspace.fuse(["run", file, "--json"]);
    assert.equal(first.code, 0, first.stderr);
    const rows: { classifier: string; accuracy: number }[] = JSON.parse(first.stdout);
    const accuracies = new Map(rows.map(({ classifier, accuracy }) => [classifier, accuracy]));
    assert.equal(accuracies.size, 4);
    assert.ok(accuracies.get("k-nearest neighbours")! >= 0.93, first.stdout);
    assert.ok(accuracies.get("softmax regression")! >= 0.88, first.stdout);
    assert.ok(accuracies.get("random forest")! >= 0.9, first.stdout);
    assert.ok(accuracies.get("nearest centroid")! >= 0.75, first.stdout);

    const second = await workspace.fuse(["run", file, "--json"]);
    assert.equal(second.stdout, first.stdout);
    assert.match(second.stderr, /Nothing had to run: all 23 results are in storage/);
  });

  it("shuffles by the seed alone and loses no digit", () => {
    const labels = Uint8Array.from({ length: 50 }, (_, i) => i);
    const pixels = Uint8Array.from({ length: 50 * 784 }, (_, i) => Math.floor(i / 784));
    const shuffled = shuffle({ pixels, labels }, 3);
    assert.deepEqual(shuffled, shuffle({ pixels, labels }, 3));
    assert.notDeepEqual(shuffled.labels, labels);
    assert.deepEqual(shuffled.labels.toSorted(), labels);
    shuffled.labels.forEach((label, i) => assert.equal(shuffled.pixels[i * 784 + 5], label));
    const { train, test } = split(shuffled, 0.8);
    assert.deepEqual([train.labels.length, test.labels.length], [40, 10]);
    assert.deepEqual([...train.labels, ...test.labels], [...shuffled.labels]);
  });

  it("draws numbers that look uniform", () => {
    const random = generator(1);
    const numbers = Array.from({ length: 10_000 }, random);
    const mean = numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
    assert.ok(Math.abs(mean - 0.5) < 0.02);
    assert.ok(numbers.every((n) => n >= 0 && n < 1));
  });
});
