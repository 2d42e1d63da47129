/**
 * What keeping results costs: big arrays, small objects, many small nodes, fingerprints.
 *
 * Beside each figure stands what the same bytes cost without a storage, measured in the same run: plain files with
 * SHA-256, or V8's own serialization. Medians of five after a warm-up. Run it with `deno run -A bench/storage.ts` or
 * `bun bench/storage.ts`.
 */

import { LocalWorkflow, type Node, workflow } from "functionfuse";
import { FileStorage, MemoryStorage } from "functionfuse/storage";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { median } from "./median.ts";

const ROUNDS = 5;
const folder = fs.mkdtempSync(join(tmpdir(), "functionfuse-bench-"));

/** Milliseconds of the median round. */
async function time(action: () => unknown, prepare: () => unknown = () => {}): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    await prepare();
    const started = performance.now();
    await action();
    if (round > 0) times.push(performance.now() - started);
  }
  return median(times);
}

async function bigArray() {
  const array = new Float64Array(32 * 1024 * 1024).map((_, i) => i / 7);
  const storage = new FileStorage({ path: folder });
  await storage.newWorkflow("bench");
  const plain = join(folder, "plain");
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  const stored = await time(async () => {
    await storage.save("bench", "array", array);
    await storage.readTask("bench", "array");
  });
  const bytes = new Uint8Array(array.buffer);
  const bare = await time(() => {
    const digest = hash(bytes);
    fs.writeFileSync(plain, bytes);
    if (hash(fs.readFileSync(plain)) !== digest) throw new Error("It is not what it was.");
  });
  fs.rmSync(plain);
  return {
    figure: "256 MB Float64Array, save and read",
    ours: `${Math.round(stored)} ms`,
    beside: `${Math.round(bare)} ms`,
    ratio: `${Math.round(bare / stored * 100)} % of its speed`,
  };
}

const objects = {
  "plain": (i: number) => ({
    id: i,
    name: `row ${i}`,
    score: i / 3,
    tags: ["a", "b"],
    isOdd: i % 2 === 1,
  }),
  "with dates and undefined": (i: number) => ({
    id: i,
    at: new Date(i * 1_000),
    score: i / 3,
    note: undefined,
  }),
};

async function smallObjects(kind: keyof typeof objects) {
  const list = Array.from({ length: 200_000 }, (_, i) => objects[kind](i));
  const storage = new MemoryStorage();
  const ours = await time(async () => {
    await storage.save("bench", "objects", list);
    await storage.readTask("bench", "objects");
  });
  const v8 = await time(() => deserialize(serialize(list)));
  return {
    figure: `200,000 small objects, ${kind}`,
    ours: `${Math.round(ours)} ms`,
    beside: `${Math.round(v8)} ms (v8)`,
    ratio: `${(ours / v8).toFixed(2)} ×`,
  };
}

const add = workflow(function add(a: number, b: number) {
  return a + b;
});

/** A root, and layers that all hang off it; two of the last nodes are targets. */
function layers(count: number): Node<number>[] {
  const root = add(0, 0);
  const half = Math.floor(count / 2);
  const first = Array.from({ length: half }, (_, i) => add(root, i));
  const second = Array.from(
    { length: count - half - 1 },
    (_, i) => add(first[i], first[(i + 1) % half]),
  );
  return second.slice(0, 2);
}

async function manyNodes() {
  const COUNT = 10_000;
  const targets = layers(COUNT);
  let rounds = 0;
  const make = () => {
    const path = join(folder, `many ${rounds}`);
    return new LocalWorkflow(targets, { workflowName: "many", storage: new FileStorage({ path }) });
  };
  // A folder for each round: removing so many files would make the next round slower.
  const first = await time(() => make().run(), () => rounds++);
  const second = await time(() => make().run());
  const plan = await time(() => make().plan());
  const plainFolder = join(folder, "plain files");
  fs.mkdirSync(plainFolder);
  const plain = await time(() => {
    const bytes = new Uint8Array(700);
    for (let i = 0; i < COUNT; i++) {
      fs.writeFileSync(join(plainFolder, `${rounds} ${i}.tmp`), bytes);
      fs.renameSync(join(plainFolder, `${rounds} ${i}.tmp`), join(plainFolder, `${rounds} ${i}`));
    }
  }, () => rounds++);
  const perSecond = (ms: number) =>
    `${Math.round(COUNT / ms * 1_000).toLocaleString("en")} nodes/s`;
  const show = (figure: string, ms: number, beside = "") => ({
    figure,
    ours: `${Math.round(ms)} ms`,
    beside,
    ratio: perSecond(ms),
  });
  return [
    show("10,000 small nodes, file storage", first, `${Math.round(plain)} ms (plain files)`),
    show("the same again, all stored", second),
    show("the plan of the same", plan),
  ];
}

async function fingerprints() {
  const COUNT = 100_000;
  const storage = new MemoryStorage();
  const wf = new LocalWorkflow(layers(COUNT), { workflowName: "prints", storage });
  const ms = await time(() => wf.plan());
  return {
    figure: "fingerprints of 100,000 nodes",
    ours: `${Math.round(ms)} ms`,
    beside: "",
    ratio: "",
  };
}

try {
  console.table([
    await bigArray(),
    await smallObjects("plain"),
    await smallObjects("with dates and undefined"),
    ...await manyNodes(),
    await fingerprints(),
  ]);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
