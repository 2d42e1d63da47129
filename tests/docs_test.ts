/** The examples of the documentation, run as the scripts that users make of them. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "functionfuse-docs-"));
after(() => rmSync(folder, { recursive: true }));

const { exports }: { exports: Record<string, string> } = JSON.parse(
  readFileSync(join(ROOT, "package.json"), "utf8"),
);

/** With the library's names as paths, as the script lies elsewhere. */
function withPaths(code: string): string {
  return code.replace(/"functionfuse(\/[^"]*)?"/g, (_, entry = "") => {
    return JSON.stringify(join(ROOT, exports[`.${entry}`]));
  });
}

const pages = ["README.md", ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`)];

for (const page of pages) {
  const text = readFileSync(join(ROOT, page), "utf8");
  const examples = [...text.matchAll(/^```ts\n([^]*?)^```/gm)].map(([, code]) => code);
  if (examples.length === 0) continue;
  describe(`The examples of ${page}`, () => {
    examples.forEach((code, index) => {
      it(`number ${index + 1} runs, and its functions in workers`, () => {
        const script = join(folder, `${page.replaceAll("/", "-")}-${index}.ts`);
        writeFileSync(script, withPaths(code));
        const flags = process.versions.deno
          ? ["run", "-A", "--quiet", "--config", join(ROOT, "deno.json")]
          : [];
        const { status, stderr } = spawnSync(process.execPath, [...flags, script], {
          cwd: folder,
          encoding: "utf8",
          env: { ...process.env, NO_COLOR: "1" },
        });
        assert.equal(status, 0, stderr);
        assert.doesNotMatch(stderr, /run on the host/);
      });
    });
  });
}
