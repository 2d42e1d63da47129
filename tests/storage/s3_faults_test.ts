/** S3 storage where networks and servers fail: nothing is lost, and errors say what to do. */

import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { LocalWorkflow, workflow } from "functionfuse";
import { S3Storage } from "functionfuse/storage";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { oneLineFailure } from "../support/failures.ts";
import { type Asked, type Fault, startProxy } from "../support/faulty_proxy.ts";
import { skipWithout, VERSITYGW } from "../support/peers.ts";
import { BUCKET, CREDENTIALS, type S3Server, startVersity } from "../support/s3_servers.ts";

const MEGABYTE = 1024 * 1024;
const busy: Fault = { kind: "status", status: 503, code: "ServiceUnavailable" };
const broken: Fault = { kind: "status", status: 500, code: "InternalError" };
const hang: Fault = { kind: "hang" };
const loseAnswer: Fault = { kind: "loseAnswer" };
const cutAfter = (afterBytes: number): Fault => ({ kind: "cutRequest", afterBytes });
const cutAnswer = (afterBytes: number): Fault => ({ kind: "cutAnswer", afterBytes });

const numbers = (megabytes: number) =>
  new Float64Array(megabytes * MEGABYTE / 8).map((_, i) => i / 3);

/** What a server and a proxy before it need to be there for. */
async function testFaults(server: S3Server): Promise<void> {
  const proxy = await startProxy(server.port);
  after(() => proxy.stop());
  const raw = new S3Client(server.client);
  const path = `${BUCKET}/faults`;
  const direct = new S3Storage({ path, client: server.client });
  const storage = new S3Storage({
    path,
    client: {
      ...server.client,
      endpoint: proxy.endpoint,
      requestHandler: { connectionTimeout: 500, socketTimeout: 600 },
    },
  });

  /** Gives faults to the requests of a kind, one each; all of them must have been met in the end. */
  const inject = (kind: RegExp, ...faults: (Fault | undefined)[]) => {
    const left = [...faults];
    proxy.decide = ({ method, url }: Asked) =>
      kind.test(`${method} ${url}`) ? left.shift() : undefined;
    return () => assert.equal(left.length, 0, "faults are left");
  };
  const unfinished = async () =>
    (await raw.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads ?? [];
  beforeEach(() => {
    proxy.decide = () => undefined;
  });

  describe("S3Storage behind a faulty network", () => {
    it("tries again where the server is busy or broken, whatever it does", async () => {
      const steps: [() => Promise<unknown>, unknown][] = [
        [() => storage.newWorkflow("busy"), undefined],
        [() => storage.save("busy", "x", 1).then(() => 1), 1],
        [() => storage.readTask("busy", "x"), 1],
        [() => storage.listTasks("busy"), ["x"]],
        [() => storage.listWorkflows(), ["busy"]],
        [() => storage.hasTask("busy", "x"), true],
        [() => storage.removeTask("busy", { taskName: "x" }), 1],
        [() => storage.removeWorkflow("busy"), true],
      ];
      for (const [act, expected] of steps) {
        const areMet = inject(/./, busy, broken);
        assert.deepEqual(await act(), expected);
        areMet();
      }
      const areMet = inject(/PUT/, { kind: "status", status: 503, code: "SlowDown" });
      await storage.save("busy", "x", 1);
      areMet();
    });

    it("saves what was cut, hung or whose answer was lost", async () => {
      for (const [i, fault] of [cutAfter(1), cutAfter(100_000), hang, loseAnswer].entries()) {
        const value = { i, data: numbers(1) };
        const areMet = inject(/PUT/, fault, fault);
        await storage.save("w", "small", value);
        areMet();
        assert.deepEqual(await direct.readTask("w", "small"), value);
      }
    });

    it("saves large values part by part", async () => {
      const value = numbers(22);
      const areMet = inject(
        /PUT.*partNumber/,
        cutAfter(1_000_000),
        busy,
        loseAnswer,
        hang,
        cutAfter(1),
      );
      await storage.save("w", "large", value);
      areMet();
      assert.deepEqual(await direct.readTask("w", "large"), value);
    });

    it("knows its own upload where the answer to its completion was lost", async () => {
      const value = numbers(11);
      // As Amazon answers a while later.
      const gone: Fault = { kind: "status", status: 404, code: "NoSuchUpload" };
      const areMet = inject(/POST.*uploadId/, loseAnswer, gone);
      await storage.save("w", "completed", value);
      areMet();
      assert.deepEqual(await direct.readTask("w", "completed"), value);
    });

    it("leaves nothing of an upload that failed, and what was there", async () => {
      await direct.save("w", "kept", "before");
      proxy.decide = ({ url }) => url.includes("partNumber=2") ? cutAfter(1_000) : undefined;
      const error = await oneLineFailure(storage.save("w", "kept", numbers(22)));
      assert.deepEqual([error.operation, error.reason], ["save", "unavailable"]);
      assert.match(error.message, /connection to http.* was cut .*in 5 tries/);
      assert.equal(await direct.readTask("w", "kept"), "before");
      assert.deepEqual(await unfinished(), []);
    });

    it("reads on where a connection was cut or came to a stop", async () => {
      const value = numbers(12);
      await direct.save("w", "long", value);
      const stop: Fault = { kind: "hangAnswer", afterBytes: 1_000 };
      const areMet = inject(
        /GET/,
        cutAnswer(10_000),
        cutAnswer(0),
        cutAnswer(0),
        stop,
        undefined,
        cutAnswer(1_000_000),
        { kind: "hangAnswer", afterBytes: 2_000_000 },
        cutAnswer(100),
        busy,
      );
      assert.deepEqual(await storage.readTask("w", "long"), value);
      areMet();
    });

    it("reads one version, also where another is written meanwhile", async () => {
      await direct.save("w", "replaced", numbers(2));
      const later = numbers(2).fill(7);
      let gets = 0;
      proxy.decide = async ({ method }) => {
        if (method !== "GET" || ++gets !== 2) return undefined;
        await direct.save("w", "replaced", later);
        return cutAnswer(50_000);
      };
      assert.deepEqual(await storage.readTask("w", "replaced"), later);
      assert.ok(gets > 2);
    });

    it("gives up in the end, and says why", async () => {
      const cases: [Fault, RegExp][] = [
        [
          busy,
          /^Cannot read s3:\/\/results\/faults\/w\/long\.fuse: http\S+ was busy.*503.*in 5 tries/,
        ],
        [hang, /did not answer in time, in 5 tries/],
        [loseAnswer, /connection to http\S+ was cut/],
      ];
      for (const [fault, message] of cases) {
        proxy.decide = () => fault;
        const error = await oneLineFailure(storage.readTask("w", "long"));
        assert.deepEqual([error.operation, error.reason], ["read", "unavailable"]);
        assert.match(error.message, message);
      }
    });

    it("says that a server has no room, or is none of S3", async () => {
      proxy.decide = () => ({ kind: "status", status: 507, code: "InsufficientStorage" });
      assert.equal((await oneLineFailure(storage.save("w", "x", 1))).reason, "full");
      proxy.decide = () => ({ kind: "status", status: 403, code: "AccessDenied" });
      const denied = await oneLineFailure(storage.newWorkflow("w"));
      assert.equal(denied.reason, "denied");
      assert.match(denied.message, /s3:PutObject/);
    });

    it("brings a run through", async () => {
      const add = workflow("add", (a: number, b: number) => a + b);
      let last = add(0, 1);
      for (let i = 0; i < 12; i++) last = add(last, i);
      const faults = [busy, cutAfter(1), undefined, loseAnswer, undefined];
      const met = new Map<string, number>();
      // Of each object's requests, some: with those of others between them, one could meet all.
      proxy.decide = ({ url }) => {
        const count = met.get(url) ?? met.size;
        met.set(url, count + 1);
        return faults[count % faults.length];
      };
      const run = (wanted: S3Storage) =>
        new LocalWorkflow(last, { workflowName: "run", storage: wanted }).run();
      assert.equal(await run(storage), 67);
      assert.equal((await direct.listTasks("run")).length, 13);
      assert.equal(await run(direct), 67);
    });
  });

  describe("S3Storage and credentials", () => {
    const folder = mkdtempSync(join(tmpdir(), "functionfuse-"));
    after(() => rmSync(folder, { recursive: true, force: true }));
    const script = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    const keys = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };

    /** Runs a script that knows nothing but its environment. */
    const runScript = async (name: string, args: string[], env: Record<string, string>) => {
      const others = Object.entries(process.env).filter(([key]) => !key.startsWith("AWS_"));
      const command = process.versions.deno
        ? ["run", "-A", "--quiet", script(name)]
        : [script(name)];
      const { stdout } = await promisify(execFile)(process.execPath, [...command, ...args], {
        env: {
          ...Object.fromEntries(others),
          AWS_ENDPOINT_URL: server.endpoint,
          AWS_EC2_METADATA_DISABLED: "true",
          AWS_SHARED_CREDENTIALS_FILE: join(folder, "credentials"),
          AWS_CONFIG_FILE: join(folder, "config"),
          ...env,
        },
      });
      return stdout.trim();
    };
    const runChild = (env: Record<string, string>) =>
      runScript("tests/fixtures/s3_child.ts", [`s3://${BUCKET}/child`], env);

    it("takes them from the environment", async () => {
      assert.equal(await runChild(keys), "6");
    });

    it("takes them from a profile, with its endpoint and region", async () => {
      writeFileSync(
        join(folder, "credentials"),
        `[lab]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`,
      );
      writeFileSync(
        join(folder, "config"),
        `[profile lab]\nregion = us-east-1\nendpoint_url = ${server.endpoint}\n`,
      );
      assert.equal(await runChild({ AWS_PROFILE: "lab", AWS_ENDPOINT_URL: "" }), "6");
    });

    it("says where they are looked for if there are none", async () => {
      const message = await runChild({ AWS_PROFILE: "nobody" });
      assert.match(
        message,
        /^Cannot \w+ s3:.*no usable credentials .*AWS_ACCESS_KEY_ID.*AWS_PROFILE/,
      );
      assert.doesNotMatch(message, /\n/);
    });

    it("says that they are not accepted", async () => {
      for (
        const [credentials, code] of [
          [{ ...CREDENTIALS, secretAccessKey: "wrong-secret" }, "SignatureDoesNotMatch"],
          [{ accessKeyId: "nobody", secretAccessKey: "wrong-secret" }, "XAdminUserNotFound"],
        ] as const
      ) {
        const wrong = new S3Storage({ path, client: { ...server.client, credentials } });
        const error = await oneLineFailure(wrong.newWorkflow("w"));
        assert.equal(error.reason, "denied", error.message);
        assert.ok(error.message.includes(code), error.message);
        assert.equal((await oneLineFailure(wrong.hasTask("w", "x"))).reason, "denied");
      }
    });

    it("takes little memory beside a large value", async () => {
      const env = { ...keys, FUSE_BENCH_PATH: `${BUCKET}/memory` };
      for (const action of ["save", "read"]) {
        const { extraMegabytes } = JSON.parse(await runScript("bench/s3.ts", [action, "96"], env));
        assert.ok(extraMegabytes <= 200, `${action}: ${extraMegabytes} MB`);
      }
    });
  });
}

const skip = skipWithout(VERSITYGW);
if (skip) it("S3Storage behind a faulty network", { skip }, () => {});
else {
  const server = await startVersity();
  after(() => server.stop());
  await testFaults(server);
}
