import { tableFromArrays } from "apache-arrow";
import { decode } from "cbor2";
import { arrowSerializer, FileStorage, zarrSerializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { Workspace } from "../support/fuse.ts";
import { PYTHON, skipWithout } from "../support/peers.ts";

const workspace = new Workspace();
after(() => workspace.remove());
let storage = new FileStorage({ path: join(workspace.path, ".fuse") });
const inside = (name: string) => join(workspace.path, name);

async function read(value: unknown, ...args: string[]) {
  await storage.save("w", "task", value, { definition: "make", durationMs: 5 });
  return await workspace.fuse(["read", "w", "task", ...args]);
}

const plain = storage;

/** Values saved meanwhile are stored with their arrays and tables beside them. */
async function withSerializers(action: () => Promise<void>): Promise<void> {
  const path = join(workspace.path, ".fuse");
  storage = new FileStorage({ path, serializers: [zarrSerializer(), arrowSerializer()] });
  try {
    await action();
  } finally {
    storage = plain;
  }
}

/** What Python finds in a file; `script` prints JSON. */
function python(script: string, ...args: string[]): unknown {
  const ended = spawnSync(PYTHON, ["-c", `import json, sys\n${script}`, ...args], {
    cwd: workspace.path,
    encoding: "utf8",
  });
  assert.equal(ended.status, 0, ended.stderr);
  return JSON.parse(ended.stdout);
}

describe("fuse read shows", () => {
  it("a value on standard output, and what is known of it on standard error", async () => {
    const big = await read(new Float64Array(1_000_000).fill(1 / 3));
    assert.equal(big.code, 0, big.stderr);
    assert.match(big.stdout, /^Float64Array\(1,000,000\) \[0\.333333, (0\.333333, )+…\]\n$/);
    assert.match(
      big.stderr,
      /^"task": made by "make" in 5\.0 ms, 8\.0 MB, saved \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/,
    );
    assert.equal((await read("one\ntwo")).stdout, "one\ntwo\n");
    assert.equal((await read(undefined)).stdout, "undefined\n");
  });

  it("the first rows of a table, and all of it with --all", async () => {
    const rows = Array.from({ length: 250 }, (_, i) => ({ i, name: `n\x1b[1m${i}`, p: i / 1_000 }));
    const some = await read(rows);
    assert.match(some.stdout, /│ 99 │ n\\u001b\[1m99 │ 0\.099 │\n└[^\n]*\n… and 150 more rows\n$/);
    const all = await read(rows, "--all");
    assert.match(all.stdout, /│ 249 │[^\n]*\n└[^\n]*\n$/);
    const long = Array.from({ length: 20_000 }, (_, i) => ({ i, name: "x".repeat(50) }));
    const lines = (await read(long, "--all")).stdout;
    assert.match(lines, /^Array\(20,000\) \[\n {2}\{ i: 0, name: "x{50}" \},\n[^]*\{ i: 19999,/);
    const numbers = await read(Array.from({ length: 3_000 }, (_, i) => i), "--all");
    assert.match(numbers.stdout, / 2998, 2999\n\]\n$/);
  });

  it("of arrays and tables that lie beside the value only the beginning, unless all is asked for", async () => {
    await withSerializers(async () => {
      const data = Float32Array.from({ length: 40_000 }, (_, i) => i / 2);
      const array = await read({ image: { data, shape: [200, 20, 10] } });
      assert.equal(array.code, 0, array.stderr);
      assert.match(
        array.stdout,
        /^\{ image: 200 × 20 × 10 float32\(40,000\) \[0, 0\.5, 1, .*3\.5, …\] stored in one chunk \}\n$/,
      );
      const chunks = await read({ data: new Int8Array(5e6), shape: [5_000, 1_000] });
      assert.match(
        chunks.stdout,
        /^5,000 × 1,000 int8\(5,000,000\) \[0, .*…\] stored in chunks of [\d,]+ × 1,000\n/,
      );
      const rows = tableFromArrays({ id: Int32Array.from({ length: 300 }, (_, i) => i) });
      const inside = await read({ rows });
      assert.equal(inside.stdout, "{ rows: table of 300 rows { id: Int32 } }\n");
      const table = await read(rows);
      assert.match(table.stdout, /│ id │[^]*│ 99 │\n[^]*… and 200 more rows\n$/);
      assert.match((await read(rows, "--all")).stdout, /│ 299 │\n└─+┘\n$/);
      assert.equal(JSON.parse((await read({ rows }, "--json")).stdout).rows.length, 300);
      assert.match((await read(rows, "--as", "csv")).stdout, /^id\n0\n1\n[^]*\n299\n$/);
      const small = await read({ data: new Float32Array([1, 2]), shape: [2] }, "--all");
      assert.equal(small.stdout, "2 Float32Array(2) [1, 2]\n");
      const number = await read({ data: new Float32Array([7]), shape: [] });
      assert.equal(number.stdout, "float32(1) [7] stored in one chunk\n");
    });
  });

  it("one JSON document with --json", async () => {
    const ended = await read({ map: new Map([["a", 1n]]), f: new Float32Array([1.5]) }, "--json");
    assert.deepEqual(JSON.parse(ended.stdout), { map: { a: "1" }, f: [1.5] });
    assert.equal(ended.stderr, "");
  });

  it("nothing of a task that is not there, or is damaged", async () => {
    await read(1);
    const cases: [args: string[], message: RegExp][] = [
      [["read", "w", "tusk"], /no stored value of "tusk" in the workflow "w".*mean "task"\?/],
      [["read", "ww", "task"], /Nothing of a workflow "ww".*Did you mean "w"\?/],
      [["read", "w", "task", "--storage", "stroage"], /There is no folder stroage/],
      [["read", "w", "\x1b[2J"], /no stored value of "\\u001b\[2J"/],
    ];
    for (const [args, message] of cases) {
      const ended = await workspace.fuse(args);
      assert.deepEqual([ended.code, ended.stdout], [3, ""]);
      assert.match(ended.stderr, message);
      assert.doesNotMatch(ended.stderr, /\n\s+at |[^\P{Cc}\n]/u);
    }
    const file = inside(".fuse/w/task.fuse");
    writeFileSync(file, readFileSync(file).subarray(0, -1));
    const damaged = await workspace.fuse(["read", "w", "task", "--json"]);
    assert.deepEqual([damaged.code, damaged.stdout], [3, ""]);
    assert.match(damaged.stderr, /^error: Cannot read the stored value of "task".*set aside/);
    assert.equal(existsSync(`${file}.damaged`), true);
  });
});

describe("fuse read writes", () => {
  it("JSON and CBOR of anything, CBOR with the types that JSON has not", async () => {
    const value = {
      list: new Float64Array([0.1, -0, NaN]),
      small: new Int16Array([-3]),
      bytes: new Uint8Array([1, 2]),
      map: new Map<unknown, unknown>([[1, "one"], ["two", new Set([2])]]),
      when: new Date(1_500),
      big: 5n,
      huge: 2n ** 80n,
      nothing: undefined,
      error: new RangeError("far", { cause: "near" }),
      buffer: new Uint8Array([7]).buffer,
    };
    const cbor = await read(value, "--out", "x.cbor");
    assert.deepEqual([cbor.code, cbor.stdout], [0, ""], cbor.stderr);
    assert.match(cbor.stderr, /^Wrote "task" to x\.cbor \(CBOR, \d+ B\)\.\n$/);
    assert.deepEqual(
      decode(new Uint8Array(readFileSync(inside("x.cbor"))), { collapseBigInts: false }),
      {
        ...value,
        error: { name: "RangeError", message: "far", cause: "near" },
        buffer: new Uint8Array([7]),
      },
    );
    assert.equal((await read(value, "--out", "x.json")).code, 0);
    const json = JSON.parse(readFileSync(inside("x.json"), "utf8"));
    assert.deepEqual([json.list, json.big, json.when], [
      [0.1, 0, null],
      "5",
      "1970-01-01T00:00:01.500Z",
    ]);
  });

  it("CSV of records, columns and lists, with cells as a spreadsheet needs them", async () => {
    const cases: [value: unknown, text: string][] = [
      [
        [{ "a, b": 'say "hi"', n: -0 }, { "a, b": "two\nlines", n: 1e21, more: true }],
        '"a, b",n,more\n"say ""hi""",-0,\n"two\nlines",1e+21,true\n',
      ],
      [{ x: new Float64Array([0.1, NaN]), y: ["a", null] }, "x,y\n0.1,a\nNaN,\n"],
      [[[1, "a"], [2n, new Date(0)]], "1,a\n2,1970-01-01T00:00:00.000Z\n"],
      [new Uint8Array([1, 2]), "1\n2\n"],
      [{ data: new Float32Array([1, 2, 3, 4]), shape: [2, 2] }, "1,2\n3,4\n"],
      [["é", ""], "é\n\n"],
    ];
    for (const [value, text] of cases) {
      const ended = await read(value, "--as", "csv");
      assert.deepEqual([ended.code, ended.stdout], [0, text], ended.stderr);
    }
  });

  it("NPY that NumPy reads, of every type", { skip: skipWithout(PYTHON) }, async () => {
    const cases: [value: unknown, dtype: string, shape: number[], sum: number][] = [
      [new Float64Array([0.5, 1]), "float64", [2], 1.5],
      [new Float32Array([0.5, 1]), "float32", [2], 1.5],
      [new Int8Array([-1, -2]), "int8", [2], -3],
      [new Uint8ClampedArray([1, 2]), "uint8", [2], 3],
      [new Uint16Array([1, 2]).subarray(1), "uint16", [1], 2],
      [new Int32Array([1, -2]), "int32", [2], -1],
      [new BigInt64Array([-5n]), "int64", [1], -5],
      [new BigUint64Array([2n ** 53n]), "uint64", [1], 2 ** 53],
      [{ data: new Float32Array([1, 2, 3, 4, 5, 6]), shape: [2, 3] }, "float32", [2, 3], 21],
      [{ data: [1, 2], shape: [2, 1] }, "float64", [2, 1], 3],
      [{ data: new Float64Array([7]), shape: [] }, "float64", [], 7],
      [new Float64Array(0), "float64", [0], 0],
      [[[1, 2, 3], [4, 5, 6]], "float64", [2, 3], 21],
      [[new Uint8Array([1]), new Uint8Array([2])], "float64", [2, 1], 3],
      [[[true, false], [true, true]], "bool", [2, 2], 3],
      [[1n, -3n], "int64", [2], -2],
    ];
    const { Float16Array } = globalThis as unknown as { Float16Array?: typeof Float32Array };
    if (Float16Array) cases.push([new Float16Array([0.5, 1]), "float16", [2], 1.5]);
    for (const [value, dtype, shape, sum] of cases) {
      const ended = await read(value, "--out", "x.npy", "--force");
      assert.equal(ended.code, 0, ended.stderr);
      const found = python(
        "import numpy\na = numpy.load('x.npy')\n" +
          "print(json.dumps([str(a.dtype), a.shape, a.sum().item(), a.flags.c_contiguous]))",
      );
      assert.deepEqual(found, [dtype, shape, sum, true]);
    }
    const columns = { data: Float64Array.of(1, 4, 2, 5, 3, 6), shape: [2, 3], stride: [1, 2] };
    const save = () => read(columns, "--out", "x.npy", "--force");
    assert.equal((await save()).code, 0);
    const script = "import numpy\nprint(json.dumps(numpy.load('x.npy').tolist()))";
    assert.deepEqual(python(script), [[1, 2, 3], [4, 5, 6]]);
    await withSerializers(async () => assert.equal((await save()).code, 0));
    assert.deepEqual(python(script), [[1, 2, 3], [4, 5, 6]]);
    await read([[1, 2, 3], [4, 5, 6]], "--out", "x.npy", "--force");
    assert.deepEqual(python(script), [[1, 2, 3], [4, 5, 6]]);
  });

  it(
    "typed arrays in CBOR as other languages find them",
    { skip: skipWithout(PYTHON) },
    async () => {
      await read(new Float64Array([0.5, -2]), "--out", "tagged.cbor");
      // RFC 8746: tag 86 (0xd856) is float64 in little-endian order, in a byte string of 16 bytes (0x50).
      const found = python(
        "import numpy\nraw = open('tagged.cbor', 'rb').read()\n" +
          "print(json.dumps([raw[:3].hex(), numpy.frombuffer(raw[3:], '<f8').tolist()]))",
      );
      assert.deepEqual(found, ["d85650", [0.5, -2]]);
    },
  );

  it("to standard output too, and in a format that the suffix does not say", async () => {
    const ended = await read([1, 2], "--out", "numbers.txt", "--as", "csv");
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(readFileSync(inside("numbers.txt"), "utf8"), "1\n2\n");
    assert.equal((await read([1], "--as", "json")).stdout, "[\n  1\n]\n");
  });
});

describe("fuse read refuses to write", () => {
  it("what does not fit the format, and names the formats that take it", async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const cases: [value: unknown, format: string, message: RegExp][] = [
      [{ a: { b: 1 } }, "csv", /as CSV: CSV takes lists of records,.*as json, cbor\.$/],
      [[{ a: [1] }], "csv", /in row 1, column "a" holds more than one value.*as json, cbor\.$/],
      [{ data: new Float64Array(8), shape: [2, 2, 2] }, "csv", /as json, cbor, npy\.$/],
      [{ x: [1, 2], y: [1] }, "csv", /equally long/],
      ["text", "csv", /CSV takes/],
      [[[1, 2], [3]], "npy", /as NPY: NPY takes typed arrays.*as json, cbor, csv\.$/],
      [[1, "a"], "npy", /NPY takes/],
      [{ data: new Float64Array(3), shape: [2, 2] }, "npy", /NPY takes/],
      [[2n ** 70n], "npy", /as json, cbor, csv\.$/],
      [cyclic, "cbor", /leads back to itself.*as json\.$/],
    ];
    for (const [value, format, message] of cases) {
      const ended = await read(value, "--out", `no.${format}`);
      assert.deepEqual([ended.code, ended.stdout], [2, ""], ended.stderr);
      assert.match(ended.stderr.trimEnd(), message);
      assert.equal(ended.stderr.trimEnd().includes("\n"), false, "one line");
      assert.equal(existsSync(inside(`no.${format}`)), false);
    }
  });

  it("over a file without --force, which writes through a link", async () => {
    writeFileSync(inside("mine.json"), "mine");
    const ended = await read(1, "--out", "mine.json");
    assert.equal(ended.code, 64);
    assert.match(ended.stderr, /There is a file mine\.json already: --force replaces it/);
    assert.equal(readFileSync(inside("mine.json"), "utf8"), "mine");
    symlinkSync("mine.json", inside("link.json"));
    assert.equal((await read(1, "--out", "link.json", "--force")).code, 0);
    assert.equal(readFileSync(inside("mine.json"), "utf8"), "1\n");
  });

  it("where it can't, in one line, and leaves nothing behind", async () => {
    mkdirSync(inside("folder.json"));
    mkdirSync(inside("closed"));
    chmodSync(inside("closed"), 0o500);
    const cases: [path: string, code: number, message: RegExp][] = [
      ["no/where/x.json", 3, /there is no folder no\/where/],
      ["mine.json/x.json", 3, /mine\.json is no folder/],
      ["folder.json", 64, /is a folder/],
      ["/dev/null", 64, /no plain file|format/],
      [`${"x".repeat(300)}.json`, 3, /too long/],
      ["x", 64, /Cannot tell the format of x: end its name with \.json/],
    ];
    // Who is root may write everywhere.
    if (process.getuid!() !== 0) cases.push(["closed/x.json", 2, /may not write/]);
    if (existsSync("/dev/full")) cases.push(["/dev/full", 64, /no plain file|format/]);
    for (const [path, code, message] of cases) {
      const ended = await read(1, "--out", path);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, message);
      assert.equal(ended.stderr.trimEnd().includes("\n"), false, ended.stderr);
    }
    assert.deepEqual(readdirSync(workspace.path).filter((name) => name.endsWith(".tmp")), []);
  });

  it("as flags say that make no sense together", async () => {
    const cases: string[][] = [
      ["--as", "xml"],
      ["--json", "--as", "csv"],
      ["--force"],
      ["--all", "--json"],
      ["--out", ""],
    ];
    for (const flags of cases) {
      const ended = await read(1, ...flags);
      assert.deepEqual([ended.code, ended.stdout], [64, ""], flags.join(" "));
    }
    const typo = await workspace.fuse(["raed", "w", "task"]);
    assert.equal(typo.code, 64);
    assert.match(typo.stderr, /Did you mean read\?/);
  });
});
