import assert from "node:assert/strict";
import fc from "fast-check";
import { LocalWorkflow, workflow } from "functionfuse";
import { GraphWorkflow } from "functionfuse/backends/graph";
import { randomState } from "functionfuse/plugins";
import { storageFactory } from "functionfuse/storage";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { makeRandomGraph, randomGraph } from "../support/random_graph.ts";
import { HOSTILE_NAMES, readDot, readSvg } from "../support/pictures.ts";

const folder = fs.mkdtempSync(join(tmpdir(), "functionfuse-graph-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const load = workflow("load", () => ({ train: [1, 2], test: { labels: [3] } }));
const fit = workflow("fit", (rows: number[], rate: number) => rows.map((row) => row * rate));
const score = workflow("score", (model: number[], labels: number[]) => model.length + labels[0]);
const sum = workflow("sum", (...values: number[]) => values.reduce((all, n) => all + n, 0));
class Tally {
  #n: number;
  constructor(start: number) {
    this.#n = start;
  }
  add(n: number) {
    return this.#n += n;
  }
}
const Counter = workflow("Counter", Tally);

function smallGraph() {
  const data = load().setName("data");
  const model = fit(data.train, 2).setName("model");
  return score(model, data.test.labels).setName("result");
}

const draw = (targets: ConstructorParameters<typeof GraphWorkflow>[0], more = {}) =>
  new GraphWorkflow(targets, { workflowName: "demo", ...more });

describe("GraphWorkflow", () => {
  it("draws nodes by their names and functions, edges with the parts read, and marks targets", async () => {
    const { boxes, links, labels, texts } = readSvg(await draw(smallGraph()).run());
    assert.deepEqual(boxes.map(({ lines }) => lines), [
      ["data", "load"],
      ["model", "fit"],
      ["result", "score"],
    ]);
    assert.deepEqual(links, ["data → model", "model → result", "data → result"]);
    assert.deepEqual(labels, [".train", ".test.labels"]);
    assert.deepEqual(boxes.map(({ isTarget }) => isTarget), [false, false, true]);
    assert.deepEqual(texts.filter((text) => !labels.includes(text)), ["demo", "3 nodes"]);
  });

  it("names a function only where the node's name does not", async () => {
    const named = load().setName("load");
    const { boxes } = readSvg(
      await draw([fit(named.train, 1), fit([1], 1).setName("other")]).run(),
    );
    assert.deepEqual(boxes[0].lines, ["load"]);
    assert.match(boxes[1].lines.join(), /^fit_\d{4}$/);
    assert.deepEqual(boxes[2].lines, ["other", "fit"]);
  });

  it("runs no node", async () => {
    let ran = 0;
    const count = workflow("count", () => ++ran);
    await draw(count()).run();
    assert.equal(ran, 0);
  });

  it("groups an instance with its calls, in their order", async () => {
    const counter = Counter(1).setName("counter");
    const first = counter.add(1).setName("first");
    const text = await draw(counter.add(first).setName("second")).run();
    const { boxes, clusters, links } = readSvg(text);
    assert.deepEqual(clusters, ["Counter"]);
    assert.deepEqual(boxes.map(({ lines, badge }) => [...lines, badge]), [
      ["counter", "new Counter", undefined],
      ["first", ".add", "1"],
      ["second", ".add", "2"],
    ]);
    assert.deepEqual(links, ["counter → first", "first → second", "first → second"]);
    const dot = await readDot(await draw(counter, { format: "dot" }).run());
    assert.deepEqual(dot.clusters, [{ label: "Counter", nodes: ["n0", "n1", "n2"] }]);
  });

  it("notes resources, limits, plugins and what is not stored", async () => {
    const wf = draw(smallGraph(), { plugins: [randomState({ seed: 1 })] });
    wf.query("model").setRemoteArgs({
      numCpus: 2,
      memory: 4e9,
      resources: { _model: 1 },
      maxRetries: 3,
      timeoutMs: 60_000,
    }).setStored(false).setPlugin(randomState({ seed: 1 }));
    const { boxes, texts } = readSvg(await wf.run());
    assert.match(boxes[1].lines[2], /^2 CPU · 4\.0 GB · _model.*· randomState$/);
    assert.match(boxes[1].tip, /3 retries · ≤ 1 min · not stored/);
    assert.ok(texts.includes("3 nodes · with randomState"));
  });

  it("draws edits: what was inserted, replaced and collapsed", async () => {
    const wf = draw(smallGraph());
    wf.query("model").replaceFunction(function faster(rows: number[]) {
      return rows;
    });
    wf.query("data").insertAfter(function check(value: unknown) {
      return value;
    });
    const edited = readSvg(await wf.run());
    assert.ok(edited.boxes.some(({ lines }) => lines.some((line) => line.includes("check"))));
    assert.ok(edited.boxes.some(({ lines }) => lines[2] === "runs faster"));

    wf.query("model|result").collapse("learning");
    const { boxes, links } = readSvg(await wf.run());
    const group = boxes.find(({ lines }) => lines[0] === "learning")!;
    assert.deepEqual([group.lines[1], group.badge, group.isTarget], ["2 nodes", "2", true]);
    assert.ok(links.some((link) => link.endsWith("→ learning")));
    assert.ok(!boxes.some(({ lines }) => lines[0] === "model"));
  });

  it("writes DOT that Graphviz reads", async () => {
    const { name, nodes, edges } = await readDot(await draw(smallGraph(), { format: "dot" }).run());
    assert.equal(name, "demo");
    assert.deepEqual(nodes.map(({ tooltip }) => tooltip), ["data", "model", "result"]);
    assert.match(nodes[0].label, /<b>data<\/b><br\/>.*load/);
    assert.deepEqual(edges, ["n0 → n1", "n1 → n2", "n0 → n2"]);
  });

  it("writes Mermaid", async () => {
    const text = await draw(smallGraph(), { format: "mermaid", direction: "right" }).run();
    assert.deepEqual(text.split("\n").slice(0, 8), [
      "%% Drawn by Function Fuse",
      "flowchart LR",
      `  n0("data<br>load")`,
      `  n1("model<br>fit")`,
      `  n2(["result<br>score"])`,
      `  n0 -->|"#46;train"| n1`,
      `  n1 --> n2`,
      `  n0 -->|"#46;test.labels"| n2`,
    ]);
  });

  it("lets the arrows lead to the right", async () => {
    const size = (svg: string) => /width="(\d+)" height="(\d+)"/.exec(svg)!.slice(1).map(Number);
    const [down, right] = await Promise.all(
      ["down", "right"].map(async (direction) =>
        size(await draw(smallGraph(), { direction }).run())
      ),
    );
    assert.ok(down[1] > right[1] && down[0] < right[0]);
  });

  it("shows itself in a notebook", async () => {
    const display = Symbol.for("Jupyter.display") as unknown as "display";
    const wf = draw(smallGraph(), { format: "html" }) as unknown as Record<
      "display",
      () => Promise<Record<string, string>>
    >;
    assert.match((await wf[display]())["image/svg+xml"], /^<svg /);
  });

  it("finds nodes as every backend does", () => {
    assert.deepEqual(draw(smallGraph()).findNodes("model|result"), ["model", "result"]);
  });

  it("refuses wrong options, naming those that are known", () => {
    for (
      const [options, message] of [
        [{ fold: "sometimes" }, /'fold' must be auto or always or never/],
        [{ direction: "up" }, /'direction' must be down or right/],
        [{ format: "png" }, /'format' must be svg, dot, mermaid, html/],
        [{ path: "x.png" }, /let it end with \.svg, \.dot, \.mmd or \.html/],
        [{ path: "" }, /'path' must be the path of a file/],
        [{ path: "x.svg", format: "dot" }, /Cannot write dot to "x\.svg"/],
        [{ paht: "x.svg" }, /'paht' is no option/],
      ] as const
    ) assert.throws(() => draw(smallGraph(), options), { name: "TypeError", message });
  });
});

describe("A picture of a graph with a storage", () => {
  const flaky = { fails: true };
  const work = workflow("work", (n: number) => n + 1);
  const risky = workflow("risky", (n: number) => {
    if (flaky.fails) throw new RangeError("too much");
    return n;
  });
  const later = workflow("later", (n: number) => n);

  it("tells what is stored, what failed, what will run, how long it took and how large it is", async () => {
    const storage = storageFactory({ kind: "memory" });
    const done = work(1).setName("done");
    const failing = risky(done).setName("failing");
    const target = later(failing).setName("last");
    const options = { workflowName: "demo", storage, onWarning() {} };
    await assert.rejects(new LocalWorkflow(target, options).run());

    const { boxes, texts } = readSvg(await new GraphWorkflow(target, options).run());
    assert.deepEqual(boxes.map(({ classes }) => classes[1]), ["ff-stored", "ff-failed", "ff-run"]);
    assert.match(boxes[0].lines[2], /^(< 1|\d+) ms · \d+(\.\d)? k?B$/);
    assert.equal(boxes[1].tip, "failing\nrisky\nfailed: run: RangeError");
    assert.match(boxes[2].tip, /will run: /);
    assert.match(texts[1], /^3 nodes · 1 stored · .* · .*B$/);
    assert.deepEqual(texts.slice(-3), ["stored", "will run", "failed"]);
  });

  it("tells what may run, and what nothing needs", async () => {
    const storage = storageFactory({ kind: "memory" });
    const first = work(1).setName("first");
    const second = later(first).setName("second");
    const options = { workflowName: "demo", storage, onWarning() {} };
    await new LocalWorkflow(second, options).run();
    const again = new GraphWorkflow(second, { ...options, rerun: "first" });
    assert.deepEqual(readSvg(await again.run()).boxes.map(({ classes }) => classes[1]), [
      "ff-run",
      "ff-maybe",
    ]);
    const counter = Counter(0).setName("counter");
    const call = counter.add(1).setName("call");
    const calls = { ...options, workflowName: "calls" };
    await new LocalWorkflow(call, calls).run();
    const drawn = readSvg(await new GraphWorkflow(call, calls).run());
    assert.deepEqual(drawn.boxes.map(({ classes }) => classes[1]), ["ff-not-needed", "ff-stored"]);
    await storage.removeWorkflow("demo");
    const emptied = readSvg(await new GraphWorkflow(second, options).run());
    assert.deepEqual(emptied.boxes.map(({ classes }) => classes[1]), ["ff-run", "ff-run"]);
  });

  it("forgets a failure that a later run has made good", async () => {
    const storage = storageFactory({ kind: "memory" });
    const options = { workflowName: "demo", storage, onWarning() {} };
    const target = risky(2).setName("failing");
    flaky.fails = true;
    await assert.rejects(new LocalWorkflow(target, options).run());
    flaky.fails = false;
    await new LocalWorkflow(target, options).run();
    const { boxes } = readSvg(await new GraphWorkflow(target, options).run());
    assert.equal(boxes[0].classes[1], "ff-stored");
    const plain = await new GraphWorkflow(target, options).setStorage(undefined).run();
    assert.match(readSvg(plain).boxes[0].classes[1], /^ff-hue-/);
  });
});

describe("A file of a picture", () => {
  const inFolder = (name: string) => join(folder, name);

  it("is written in the format that its name says, and is what run() gives", async () => {
    for (
      const [name, begin] of [
        ["a.svg", /^<svg /],
        ["a.DOT", /^\/\/ Drawn by .*\ndigraph "demo" \{/],
        ["a.gv", /^\/\/ /],
        ["a.mmd", /^%% .*\nflowchart TD/],
        ["a.html", /^<!doctype html>/],
      ] as const
    ) {
      const text = await draw(smallGraph(), { path: inFolder(name) }).run();
      assert.match(text, begin);
      assert.equal(fs.readFileSync(inFolder(name), "utf8"), text);
    }
    await draw(smallGraph(), { path: inFolder("named.txt"), format: "mermaid" }).run();
    assert.match(fs.readFileSync(inFolder("named.txt"), "utf8"), /flowchart/);
  });

  it("replaces what was there as a whole, also behind a link, and leaves nothing beside it", async () => {
    fs.mkdirSync(inFolder("links"));
    fs.writeFileSync(inFolder("links/real.svg"), "old");
    fs.symlinkSync("real.svg", inFolder("links/link.svg"));
    const text = await draw(smallGraph(), { path: inFolder("links/link.svg") }).run();
    assert.equal(fs.readFileSync(inFolder("links/real.svg"), "utf8"), text);
    assert.ok(fs.lstatSync(inFolder("links/link.svg")).isSymbolicLink());
    assert.deepEqual(fs.readdirSync(inFolder("links")), ["link.svg", "real.svg"]);
  });

  it("that can't be written is refused, saying why", async () => {
    fs.writeFileSync(inFolder("file"), "");
    fs.mkdirSync(inFolder("folder.svg"));
    for (
      const [path, message] of [
        ["none/a.svg", /there is no folder .*none\. Make it/],
        ["file/a.svg", /file is no folder/],
        ["folder.svg", /it is a folder\. Name a file/],
        [`${"x".repeat(300)}.svg`, /the name is too long/],
      ] as const
    ) {
      await assert.rejects(
        draw(smallGraph(), { path: inFolder(path) }).run(),
        { name: "StorageError", operation: "save", message },
      );
    }
  });

  it("is not written when the run is aborted", async () => {
    const path = inFolder("aborted.svg");
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(draw(smallGraph(), { path }).run({ signal }), /enough/);
    assert.equal(fs.existsSync(path), false);
  });
});

describe("Any name", () => {
  const anyName = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }),
    fc.array(fc.constantFrom(...`_.-#;&<>"'\`*[](){}|\\/%@:~=+$ ab1\n\u202e`), { minLength: 1 })
      .map((letters) => letters.join("")),
    fc.constantFrom(...HOSTILE_NAMES),
  ).filter((name) => name.isWellFormed());

  it("is read back from DOT as it was, or with escapes for what can't be seen", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyName, { minLength: 1, maxLength: 5 }), async (names) => {
        const nodes = names.map((name) => sum(1).setName(name));
        const dot = await draw(nodes, { format: "dot", fold: "never", workflowName: names[0] })
          .run();
        const read = await readDot(dot);
        assert.deepEqual(read.nodes.map(({ name }) => name), names.map((_, i) => `n${i}`));
        read.nodes.forEach(({ tooltip }, i) => {
          if (/^[\x20-\x7e]*$/.test(names[i])) assert.equal(unquote(tooltip), names[i]);
          // deno-lint-ignore no-control-regex
          assert.doesNotMatch(tooltip, /[\x00-\x1f\u202e]/);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("has no meaning of its own in Mermaid", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyName, { minLength: 1, maxLength: 8 }), async (names) => {
        const nodes = names.map((name) => sum(1).setName(name));
        const text = await draw(nodes, { format: "mermaid", fold: "never" }).run();
        const lines = text.split("\n").filter((line) => /^ {2}n\d+\(/.test(line));
        assert.equal(lines.length, names.length);
        for (const line of lines) {
          const [, label] = /^ {2}n\d+\(\["([^"]*)"\]\)$/.exec(line)!;
          // Nothing but letters, codes and what joins parts of a name.
          const rest = label.replaceAll("<br>", "").replace(/#\d+;/g, "");
          // deno-lint-ignore no-control-regex
          assert.doesNotMatch(rest, /[\x00-\x1f!-,/:-@[-^`{-\x7f\u202e]/);
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** Texts in DOT know sequences that begin with a backslash, and entities. */
function unquote(text: string): string {
  return text.replaceAll("&amp;", "&").replace(/\\(.)/g, "$1");
}

describe("A large graph", () => {
  /** Data sets that are each loaded, fitted and scored, and one sum of it all. */
  function wide(width: number) {
    const settings = load().setName("settings");
    const scores = Array.from({ length: width }, () => {
      const data = load();
      return score(fit(data.train, settings.train.length), data.test.labels);
    });
    return sum(...scores).setName("total");
  }

  it("of 2,000 nodes is folded to a few boxes, and says so", async () => {
    const svg = await draw(wide(666)).run();
    const { boxes, links, texts } = readSvg(svg);
    assert.deepEqual(boxes.map(({ lines, badge }) => [lines[0], badge]), [
      ["settings", undefined],
      ["load", "×666"],
      ["fit", "×666"],
      ["score", "×666"],
      ["total", undefined],
    ]);
    assert.deepEqual(links.toSorted(), [
      "fit → score",
      "load → fit",
      "load → score",
      "score → total",
      "settings → fit",
    ]);
    assert.ok(
      texts.includes(
        "2,000 nodes in 5 boxes: calls of one function that read and are read alike are one box",
      ),
    );
  });

  it("is drawn node by node where that is asked for, and a small one folded", async () => {
    assert.equal(readSvg(await draw(wide(60), { fold: "never" }).run()).boxes.length, 182);
    assert.equal(readSvg(await draw(wide(3)).run()).boxes.length, 11);
    assert.equal(readSvg(await draw(wide(3), { fold: "always" }).run()).boxes.length, 5);
  });

  it("has instances of one kind in one cluster", async () => {
    const sums = Array.from({ length: 100 }, () => {
      const counter = Counter(0);
      return counter.add(counter.add(1));
    });
    const { boxes, clusters } = readSvg(await draw(sum(...sums)).run());
    assert.deepEqual(clusters, ["Counter ×100"]);
    assert.deepEqual(boxes.map(({ badge }) => badge), ["×100", "×100", "×100", undefined]);
  });

  it("of one long chain is a box that reads itself", async () => {
    let last = sum(1);
    for (let i = 0; i < 999; i++) last = sum(last, 1);
    const { boxes, links, texts } = readSvg(await draw(fit([last], 1)).run());
    assert.deepEqual(boxes.map(({ lines, badge }) => badge ?? lines[0].slice(0, 3)), [
      "×1,000",
      "fit",
    ]);
    assert.deepEqual(links.map((link) => link.slice(0, 9)), ["sum → sum", "sum → fit"]);
    assert.ok(texts.some((text) => text.includes("that follow one another")));
  });

  it("of a thousand different functions is folded by layers", async () => {
    let layer = [load().train.length as unknown as ReturnType<typeof sum>];
    for (let depth = 0; depth < 100; depth++) {
      layer = Array.from({ length: 10 }, (_, i) => {
        const fn = workflow(`f${depth}_${i}`, (n: number, m: number) => n + m);
        return fn(layer[i % layer.length], layer[(i + 1) % layer.length]);
      });
    }
    const { boxes, texts } = readSvg(await draw(layer).run());
    assert.ok(boxes.length <= 64, `${boxes.length} boxes`);
    assert.ok(texts.some((text) => text.endsWith("neighbouring layers are one box")));
  });

  it("of 100,000 nodes is a small picture", async () => {
    let layer = Array.from({ length: 1_000 }, () => sum(1));
    for (let depth = 1; depth < 100; depth++) {
      layer = layer.map((node, i) => sum(node, layer[(i * 7 + depth) % layer.length]));
    }
    const svg = await draw(layer).run();
    assert.ok(readSvg(svg).boxes.length <= 64);
    assert.ok(svg.length < 100_000);
    await assert.rejects(draw(layer, { fold: "never" }).run(), {
      name: "RangeError",
      message: /Cannot draw 100,000 nodes .* one by one: let them be folded/,
    });
  });

  it("shows the states of folded nodes", async () => {
    const storage = storageFactory({ kind: "memory" });
    const options = { workflowName: "many", storage, onWarning() {} };
    const nodes = Array.from({ length: 200 }, (_, i) => sum(i).setName(`n${i}`));
    await new LocalWorkflow(nodes, options).run();
    await storage.removeTask("many", { pattern: "n1?" });
    const { boxes } = readSvg(await new GraphWorkflow(nodes, options).run());
    assert.equal(boxes.length, 1);
    assert.deepEqual(boxes[0].lines.slice(1, 3), ["n0 … n199", "190 stored · 10 will run"]);
  });

  it("of any shape has each node in one box", async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph(), fc.constantFrom("always", "never"), async (graph, fold) => {
        const { targets, runnable } = makeRandomGraph(graph);
        const { boxes } = readSvg(await draw(targets, { fold }).run());
        const inside = boxes.map(({ badge }) => Number(badge?.replace("×", "") ?? 1));
        assert.equal(inside.reduce((all, n) => all + n, 0), runnable.length);
      }),
      { numRuns: 15 },
    );
  });

  it("of any shape has an arrow for each two nodes of which one reads the other", async () => {
    await fc.assert(
      fc.asyncProperty(randomGraph(), async (graph) => {
        const { targets, runnable } = makeRandomGraph(graph);
        const { links } = readSvg(await draw(targets, { fold: "never" }).run());
        const expected = runnable.flatMap((index) =>
          [...new Set(graph.nodes[index].parents)].map((parent) => `${parent} → ${index}`)
        );
        assert.deepEqual(links.toSorted(), expected.toSorted());
      }),
      { numRuns: 15 },
    );
  });
});
