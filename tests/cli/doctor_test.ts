import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());

interface Report {
  readonly version: string;
  readonly isUsable: boolean;
  readonly checks: readonly { name: string; status: string; found: string; todo?: string }[];
}

async function ask(...flags: string[]) {
  const { code, stdout, stderr } = await workspace.fuse(["doctor", "--json", ...flags]);
  const report: Report = JSON.parse(stdout);
  const checks = new Map(report.checks.map((check) => [check.name, check]));
  return { code, stderr, report, checks, stdout };
}

const NEEDED = ["machine", "configuration", "storage", "worker thread", "worker process"];

describe("fuse doctor", () => {
  it("finds that all works that is needed, and leaves nothing behind", async () => {
    process.env.RAY_ADDRESS = "ray://user:secret@cluster:10001";
    const { code, report, checks, stdout } = await ask();
    delete process.env.RAY_ADDRESS;
    assert.equal(code, 0, stdout);
    assert.equal(report.isUsable, true);
    for (const name of NEEDED) assert.notEqual(checks.get(name)!.status, "fail", name);
    assert.match(checks.get("worker process")!.found, /^answered in /);
    assert.match(checks.get("graphviz")!.found, /^\d+\.\d+\.\d+ draws$/);
    assert.equal(checks.get(process.versions.deno ? "deno" : "bun")!.status, "ok");
    // It may hold a password.
    assert.equal(checks.get("ray")!.status, "warn");
    assert.match(checks.get("ray")!.found, /can't hold a user or a password/);
    assert.doesNotMatch(stdout, /secret/);
    assert.deepEqual(readdirSync(workspace.path), []);
  });

  it("is plain where nobody looks at a terminal", async () => {
    const { code, stdout } = await workspace.fuse(["doctor"]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^fuse \d+\.\d+\.\d+ \((deno|bun) .*\)\n\nok {4}machine /);
    assert.match(stdout, /\nok {4}storage {9}\.fuse can be written and read\n/);
    assert.match(stdout, /\nWorkflows can be run\.\n$/);
    assert.ok(!stdout.includes("\x1b"));
  });

  it("ends with 3 where results can't be kept, and says what to do", async () => {
    workspace.write("occupied", "a file");
    const { code, report, checks } = await ask("--storage", "occupied");
    assert.equal(code, 3);
    assert.equal(report.isUsable, false);
    const { status, found, todo } = checks.get("storage")!;
    assert.equal(status, "fail");
    assert.match(found, /occupied/);
    assert.match(todo!, /--storage/);
    assert.equal(checks.get("worker thread")!.status, "ok");
    assert.equal(workspace.read("occupied"), "a file");
    const unknown = await ask("--storage", "tape://x");
    assert.equal(unknown.code, 3);
    assert.match(unknown.checks.get("storage")!.found, /kind "tape"/);
  });

  it("ends with 3 where a server does not answer, and shows no secret", async () => {
    const given = {
      AWS_ENDPOINT_URL: "http://127.0.0.1:9",
      AWS_ACCESS_KEY_ID: "AKIAEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "hidden-from-all",
    };
    const before = { ...process.env };
    Object.assign(process.env, given);
    const { code, checks, stdout } = await ask("--storage", "s3://bucket/prefix");
    for (const name of Object.keys(given)) delete process.env[name];
    Object.assign(process.env, before);
    assert.equal(code, 3);
    assert.match(checks.get("storage")!.found, /http:\/\/127\.0\.0\.1:9 can't be reached/);
    assert.doesNotMatch(stdout, /hidden-from-all/);
  });

  it("tries the storage of the configuration, in which it leaves what was there", async () => {
    mkdirSync(join(workspace.path, "kept/mnist"), { recursive: true });
    workspace.write(
      "fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";\nexport default defineConfig({ storage: "kept", rules: [{}] });`,
    );
    const { code, checks } = await ask();
    assert.equal(code, 0);
    assert.equal(checks.get("configuration")!.found, "fuse.config.ts, 1 rule");
    assert.equal(checks.get("storage")!.found, "kept can be written and read");
    assert.deepEqual(readdirSync(join(workspace.path, "kept")), ["mnist"]);
  });

  it("ends with 2 where the configuration is wrong, with the name that was meant", async () => {
    workspace.write(
      "fuse.config.ts",
      `import { defineConfig } from "functionfuse/config";\nexport default defineConfig({ worker: 2 } as never);`,
    );
    const { code, checks } = await ask();
    assert.equal(code, 2);
    assert.match(
      checks.get("configuration")!.found,
      /'worker' is no setting.*Did you mean "workers"/,
    );
    assert.match(checks.get("configuration")!.todo!, /--no-config/);
    assert.equal((await ask("--no-config")).code, 0);
  });
});
