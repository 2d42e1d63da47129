import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { Workspace } from "../support/fuse.ts";
import { readDot, readSvg } from "../support/pictures.ts";

const workspace = new Workspace();
after(() => workspace.remove());

const graph = (...args: string[]) => workspace.fuse(["graph", ...args, "--no-check"]);

workspace.write(
  "work.ts",
  `import { workflow } from "functionfuse";
const one = workflow(function one(n: number) { return n; });
const sum = workflow(function sum(...all: number[]) { return all.reduce((a, b) => a + b, 0); });
export default ({ width = 2 }: { width?: number }) =>
  sum(...Array.from({ length: width }, (_, i) => one(i).setName(\`part \${i}\`))).setName("total");
`,
);

describe("fuse graph", () => {
  it("gives SVG to a pipe, and makes no file", async () => {
    const { code, stdout, stderr } = await graph("work.ts");
    assert.deepEqual([code, stderr], [0, ""]);
    const { boxes, texts } = readSvg(stdout);
    assert.deepEqual(boxes.map(({ lines }) => lines[0]), ["part 0", "part 1", "total"]);
    assert.deepEqual(texts.slice(0, 2), ["work", "3 nodes"]);
    assert.match(boxes[0].classes[1], /^ff-hue-/);
    assert.deepEqual(readdirSync(workspace.path), ["work.ts"]);
  });

  it("writes a file in the format of its name, says so, and replaces it the next time", async () => {
    for (
      const [name, begin] of [
        ["work.html", /^<!doctype html>/],
        ["work.dot", /^\/\/ .*\ndigraph/],
        ["work.mmd", /^%% .*\nflowchart LR/],
        ["work.svg", /^<svg /],
        ["work.svg", /^<svg /],
      ] as const
    ) {
      const ended = await graph("work.ts", "-o", name, "--direction", "right");
      assert.deepEqual([ended.code, ended.stdout, ended.stderr], [
        0,
        "",
        `Wrote ${name} (3 nodes).\n`,
      ]);
      assert.match(workspace.read(name), begin);
    }
  });

  it("writes what --format says, also to stdout", async () => {
    const dot = await graph("work.ts", "--format", "dot");
    assert.deepEqual((await readDot(dot.stdout)).edges, ["n0 → n2", "n1 → n2"]);
    assert.match((await graph("work.ts", "-o", "-", "--format", "mermaid")).stdout, /flowchart/);
    await graph("work.ts", "-o", "diagram.txt", "--format", "mermaid");
    assert.match(workspace.read("diagram.txt"), /flowchart/);
  });

  it("tells the states of nodes once something is stored, unless that is not wanted", async () => {
    await workspace.fuse(["run", "work.ts", "--no-check", "--storage", "kept"]);
    const kept = readSvg((await graph("work.ts", "--storage", "kept")).stdout);
    assert.deepEqual(kept.boxes.map(({ classes }) => classes[1]), Array(3).fill("ff-stored"));
    const rerun = await graph("work.ts", "--storage", "kept", "--rerun", "part 1");
    assert.deepEqual(readSvg(rerun.stdout).boxes.map(({ classes }) => classes[1]), [
      "ff-stored",
      "ff-run",
      "ff-maybe",
    ]);
    const other = readSvg((await graph("work.ts", "--storage", "empty")).stdout);
    assert.deepEqual(other.boxes.map(({ classes }) => classes[1]), Array(3).fill("ff-run"));
    const plain = readSvg((await graph("work.ts", "--no-storage")).stdout);
    assert.match(plain.boxes[0].classes[1], /^ff-hue-/);
    assert.equal(existsSync(join(workspace.path, "empty")), false);
  });

  it("draws a part, parameters, and many nodes folded or not", async () => {
    const some = await graph("work.ts", "--select", "part 1");
    assert.deepEqual(readSvg(some.stdout).boxes.map(({ lines }) => lines[0]), [
      "part 1",
    ]);
    const many = readSvg((await graph("work.ts", "--param", "width=500")).stdout);
    assert.deepEqual(many.boxes.map(({ badge }) => badge), ["×500", undefined]);
    const each = await graph("work.ts", "--param", "width=150", "--fold", "never");
    assert.equal(readSvg(each.stdout).boxes.length, 151);
  });

  it("draws what the configuration sets and edits", async () => {
    workspace.write(
      "configured/fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";
export default defineConfig({
  rules: [
    { query: "part 1", remoteArgs: { resources: { _model: 2 } } },
    { query: "part 0|total", collapse: "all the rest" },
  ],
});
`,
    );
    workspace.write(
      "configured/work.ts",
      `import { workflow } from "functionfuse";
const one = workflow(function one(n: number) { return n; });
const first = one(1).setName("part 1");
export default one(one(first).setName("part 0")).setName("total");
`,
    );
    const { stdout, stderr } = await graph("configured/work.ts");
    assert.match(stderr, /Using configured\/fuse\.config\.ts/);
    const { boxes } = readSvg(stdout);
    assert.deepEqual(boxes.map(({ lines }) => lines), [
      ["part 1", "one", "_model 2"],
      ["all the rest", "2 nodes"],
    ]);
    const without = await graph("configured/work.ts", "--no-config");
    assert.equal(readSvg(without.stdout).boxes.length, 3);
  });

  it("replaces no file that somebody else wrote, unless it is told to", async () => {
    workspace.write("mine.svg", "<svg>drawn by hand</svg>");
    const refused = await graph("work.ts", "-o", "mine.svg");
    assert.equal(refused.code, 64);
    assert.match(refused.stderr, /There is a file mine\.svg already .*--force replaces it/);
    assert.equal(workspace.read("mine.svg"), "<svg>drawn by hand</svg>");
    assert.equal((await graph("work.ts", "-o", "mine.svg", "--force")).code, 0);
    assert.match(workspace.read("mine.svg"), /Drawn by Function Fuse/);
  });

  it("says what is wrong with where and how to draw", async () => {
    for (
      const [code, message, ...args] of [
        [64, /let it end with \.svg, \.dot, \.mmd or \.html/, "-o", "a.png"],
        [64, /Allowed choices are svg, dot, mermaid, html/, "--format", "png"],
        [64, /The file to write has no name/, "-o", ""],
        [64, /Cannot write dot to "a\.svg", as it ends like svg/, "-o", "a.svg", "--format", "dot"],
        [3, /there is no folder none\. Make it/, "-o", "none/a.svg"],
        [64, /can't be opened: name a file/, "-o", "-", "--open"],
        [2, /No node's whole name matches "nothing"/, "--select", "nothing"],
      ] as const
    ) {
      const ended = await graph("work.ts", ...args);
      assert.match(ended.stderr, message);
      assert.deepEqual([ended.code, ended.stdout], [code, ""], ended.stderr);
    }
  });

  it("draws the picture of the documentation as it is there", async () => {
    const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
    const { stdout } = await graph(
      path("examples/mnist/workflow.ts"),
      "--no-config",
      "--no-storage",
    );
    const there = readFileSync(path("docs/digits.svg"), "utf8");
    assert.ok(stdout === there, "make it anew, by the command in docs/drawing.md");
    assert.ok(there.length < 60_000);
  });

  const isLinux = process.platform === "linux";

  it("opens the page with the system's program", { skip: !isLinux && "for xdg-open" }, async () => {
    workspace.write("bin/xdg-open", `#!/bin/sh\necho "$1" > opened.txt\n`);
    chmodSync(join(workspace.path, "bin/xdg-open"), 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${join(workspace.path, "bin")}:${path}`;
    try {
      const { code, stderr } = await graph("work.ts", "--open");
      assert.equal(code, 0, stderr);
      const [, file] = /^Wrote (.*work\.html) \(3 nodes\)\.$/m.exec(stderr)!;
      assert.ok(existsSync(file));
      const until = Date.now() + 10_000;
      while (!existsSync(join(workspace.path, "opened.txt")) && Date.now() < until) {
        await new Promise((done) => setTimeout(done, 50));
      }
      assert.match(workspace.read("opened.txt"), /^file:\/\/.*work\.html$/m);
    } finally {
      process.env.PATH = path;
    }
  });

  it(
    "says where the page is if there is no browser",
    { skip: !isLinux && "for xdg-open" },
    async () => {
      const path = process.env.PATH;
      // Where there is such a program that finds nothing, and where there is none.
      for (const [folder, script] of [["helpless", "#!/bin/sh\nexit 3\n"], ["none", undefined]]) {
        mkdirSync(join(workspace.path, folder!));
        if (script !== undefined) {
          workspace.write(`${folder}/xdg-open`, script);
          chmodSync(join(workspace.path, `${folder}/xdg-open`), 0o755);
        }
        const others = script === undefined ? "" : `:${path}`;
        process.env.PATH = `${join(workspace.path, folder!)}${others}`;
        try {
          const { code, stderr } = await graph("work.ts", "--open", "--no-check");
          assert.equal(code, 0, stderr);
          const [, url] = /could not be opened .*: open (file:\S+work\.html) in/.exec(stderr) ?? [];
          assert.ok(url !== undefined && existsSync(fileURLToPath(url)), stderr);
        } finally {
          process.env.PATH = path;
        }
      }
    },
  );

  it("writes a file where stdout is a terminal", { skip: !isLinux && "for script(1)" }, () => {
    const cli = fileURLToPath(new URL("../../cli.ts", import.meta.url));
    const program = [
      process.execPath,
      ...process.versions.deno ? ["run", "-A", "--quiet"] : [],
      cli,
    ];
    const command = [...program, "graph", "work.ts", "--no-check", "--format", "html"].join(" ");
    workspace.write("terminal/work.ts", workspace.read("work.ts"));
    const cwd = join(workspace.path, "terminal");
    const ended = spawnSync("script", ["-qec", command, "/dev/null"], { cwd, encoding: "utf8" });
    assert.match(ended.stdout, /Wrote work\.html \(3 nodes\)\./);
    assert.deepEqual(readdirSync(cwd), ["work.html", "work.ts"]);
  });
});
