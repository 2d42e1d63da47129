import { FileStorage, zarrSerializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { PYTHON, skipWithout } from "../../support/peers.ts";
import { temporaryFolder } from "../../support/places.ts";

const PAGE = new URL("../../../docs/serializers.md", import.meta.url);

const SHOW = `
import sys

def show(value):
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.str, "values": value.tolist()}
    if isinstance(value, dict):
        return {key: show(inner) for key, inner in value.items()}
    return [show(inner) for inner in value] if isinstance(value, list) else value

print(json.dumps([show(read_value(path)) for path in sys.argv[1:]]))
`;

describe("The recipe for Python in docs/serializers.md", { skip: skipWithout(PYTHON) }, () => {
  it("reads JSON, typed arrays, and objects with both", async () => {
    const path = temporaryFolder();
    const storage = new FileStorage({ path, serializers: [zarrSerializer()] });
    const shared = new Float64Array([0.5, 1.5, 2.5]);
    const long = Array.from({ length: 100 }, (_, i) => i / 2);
    const values = {
      json: { accuracy: 0.95, labels: ["a", "日", null, true], nested: [[1], []] },
      typed: new Int16Array([1, -2, 3]).subarray(1),
      long,
      mixed: {
        label: "x",
        weights: shared,
        tail: shared.subarray(1),
        bytes: new Uint8Array([255]),
        big: BigUint64Array.of(2n ** 40n),
        list: [-0, { deep: new Float32Array([0.25]) }],
      },
      marked: { nothing: undefined, least: -0.5, zero: -0, price: "$5", list: [-0, "$$"] },
      kept: [{ data: new Int8Array(3), shape: [3] }, "beside"],
    };
    for (const [name, value] of Object.entries(values)) await storage.save("w", name, value);
    const blocks = [...readFileSync(PAGE, "utf8").matchAll(/^```python\n([^]*?)^```/gm)];
    const [plain, recipe] = blocks.map(([, code]) => code);
    const script = join(path, "recipe.py");
    writeFileSync(script, recipe + SHOW);
    const files = Object.keys(values).map((name) => join(path, "w", `${name}.fuse`));
    const output = execFileSync(PYTHON, [script, ...files], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(output), [
      values.json,
      { dtype: "<i2", values: [-2, 3] },
      { dtype: "<f8", values: long },
      {
        label: "x",
        weights: { dtype: "<f8", values: [0.5, 1.5, 2.5] },
        tail: { dtype: "<f8", values: [1.5, 2.5] },
        bytes: { dtype: "|u1", values: [255] },
        big: { dtype: "<u8", values: [2 ** 40] },
        list: [-0, { deep: { dtype: "<f4", values: [0.25] } }],
      },
      { nothing: "$undefined", least: -0.5, zero: -0, price: "$5", list: [-0, "$$"] },
      [["Taken", JSON.parse(output)[5][0][1]], "beside"],
    ]);
    const plainScript = join(path, "plain.py");
    writeFileSync(plainScript, `${plain}\nimport sys\nprint(json.dumps(read_plain(sys.argv[1])))`);
    const shown = execFileSync(PYTHON, [plainScript, files[0]], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(shown), values.json);
    assert.throws(() => execFileSync(PYTHON, [plainScript, files[1]], { stdio: "pipe" }));
  });
});
