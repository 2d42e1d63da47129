import { storageFactory } from "functionfuse/storage";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type Ended, Workspace } from "../support/fuse.ts";
import { PYTHON_BIN, skipWithout } from "../support/peers.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NOTEBOOK = join(ROOT, "examples/mnist/figures.ipynb");
const JUPYTER = join(PYTHON_BIN, "jupyter");
const skip = process.versions.deno ? skipWithout(JUPYTER) : "the notebook's kernel is Deno's";

interface Output {
  readonly output_type: string;
  readonly data?: Record<string, string | string[]>;
}

interface Notebook {
  readonly cells: { readonly cell_type: string; readonly outputs?: Output[] }[];
}

const folder = mkdtempSync(join(tmpdir(), "functionfuse-notebook-"));
const workspace = new Workspace();
after(() => {
  workspace.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the notebook with this very Deno as the kernel, in Jupyter folders of its own. */
function execute(storage: string): Promise<Ended> {
  const kernel = join(folder, "data/kernels/deno");
  mkdirSync(kernel, { recursive: true });
  const argv = [process.execPath, "jupyter", "--kernel", "--conn", "{connection_file}"];
  writeFileSync(
    join(kernel, "kernel.json"),
    JSON.stringify({ argv, display_name: "Deno", language: "typescript" }),
  );
  const to = ["--to", "notebook", "--output-dir", folder, "--output", "done.ipynb"];
  // By default, what a busy kernel shows more than four seconds late is left out without a word.
  const patience = "--ExecutePreprocessor.iopub_timeout=300";
  const child = spawn(JUPYTER, ["nbconvert", "--execute", patience, ...to, NOTEBOOK], {
    env: {
      ...process.env,
      NO_COLOR: "1",
      FUSE_STORAGE: storage,
      JUPYTER_DATA_DIR: join(folder, "data"),
      JUPYTER_CONFIG_DIR: join(folder, "config"),
      JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
      IPYTHONDIR: join(folder, "ipython"),
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => stdout += data);
  child.stderr.on("data", (data) => stderr += data);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The demo's results: of the last `deno task demo`, or of one that is run here. */
async function demoResults(): Promise<string> {
  const kept = join(ROOT, ".fuse");
  if (await storageFactory(kept).hasTask("mnist", "compare")) return kept;
  const place = join(workspace.path, "results");
  const demo = join(ROOT, "examples/mnist/workflow.ts");
  const { code, stderr } = await workspace.fuse(["run", demo, "--storage", place]);
  assert.equal(code, 0, stderr);
  return place;
}

function readOutputs(path: string): Output[] {
  const { cells }: Notebook = JSON.parse(readFileSync(path, "utf8"));
  return cells.flatMap(({ outputs }) => outputs ?? []);
}

function figuresOf(outputs: readonly Output[]): string[] {
  return outputs.map((output) => textOf(output, "image/svg+xml"))
    .filter((svg) => svg !== undefined);
}

/** Jupyter keeps a text as it is, or as its lines. */
function textOf({ data }: Output, type: string): string | undefined {
  const text = data?.[type];
  return text && [text].flat().join("");
}

describe("The notebook of the digits example", { skip }, () => {
  it("draws the stored results in the Deno kernel", { timeout: 600_000 }, async () => {
    const place = await demoResults();
    // Publishing is best effort in ZeroMQ: on a busy machine, the kernel may drop what its reader is slow to take.
    let outputs: Output[] = [];
    for (let tries = 0; tries < 3 && outputs.length < 4; tries++) {
      const ended = await execute(place);
      assert.equal(ended.code, 0, ended.stderr);
      outputs = readOutputs(join(folder, "done.ipynb"));
    }
    assert.ok(outputs.every(({ output_type }) => output_type !== "error"));
    const [table] = outputs.map((output) => textOf(output, "text/markdown"));
    assert.match(table!, /\n\| knn_predict \| predictKnn \| \d+ \| \d+\.\d\d \|\n/);

    const [bars, confusion, misread, ...others] = figuresOf(outputs);
    assert.ok(misread && others.length === 0);
    const rows = await storageFactory(place).readTask("mnist", "compare") as {
      classifier: string;
      accuracy: number;
    }[];
    assert.equal(rows.length, 4);
    for (const { classifier, accuracy } of rows) {
      assert.ok(bars.includes(`>${classifier}</text>`), classifier);
      assert.ok(bars.includes(`>${(accuracy * 100).toFixed(2)} %</text>`), classifier);
    }
    assert.match(confusion, />digit<\/text>/);
    assert.equal(confusion.match(/<rect /g)!.length, 100);
    assert.equal(misread.match(/<image /g)!.length, 24);
    for (const svg of [bars, confusion, misread]) assert.match(svg, /^<svg xmlns="http:/);

    // What lies in the repository is what readers see there: it must not be of other results.
    const kept = figuresOf(readOutputs(NOTEBOOK));
    const stale = "The notebook's outputs are not those of its code: execute it and save it.";
    assert.equal(kept.length, 3, stale);
    assert.ok(kept[1] === confusion && kept[2] === misread, stale);
  });

  it("says what to run where there are no results", { timeout: 120_000 }, async () => {
    const { code, stderr } = await execute(join(folder, "nothing"));
    assert.notEqual(code, 0);
    assert.match(stderr, /There are no results in .*nothing: run "deno task demo" first/);
  });
});
