import { type EngineError, isFuseError } from "functionfuse";
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { readlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, describe, it } from "node:test";
import { inspect } from "node:util";
import { LARGEST_PACKAGE_BYTES, OLDEST_RAY, RayClient } from "../../ray/client.ts";
import { MARK } from "../../ray/events.ts";
import { send, sendByNode } from "../../ray/http.ts";
import { type RayJob, whyFailed } from "../../ray/jobs.ts";
import { type FaultyProxy, startProxy } from "../support/faulty_proxy.ts";
import { freePort } from "../support/ports.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";
import { type Answer, startAnswering } from "../support/web_servers.ts";

const skip = skipWithoutRay();
const TOKEN = "the-token-of-the-tests-0123456789abcdef";
const env = { HOME: "/nonexistent" };
const newId = () => `test-${randomUUID()}`;
const portOf = (address: string) => Number(new URL(address).port);

/** The failure of an action: an `EngineError` in one line, which shows no secret however it is looked at. */
async function failure(action: Promise<unknown>): Promise<EngineError> {
  const error = await action.then(() => undefined, (error) => error);
  assert.ok(isFuseError(error, "EngineError"), inspect(error));
  assert.doesNotMatch(error.message, /\n/);
  const shown = inspect(error, { depth: 9, showHidden: true });
  for (const secret of [TOKEN, "wrong-token"]) assert.ok(!shown.includes(secret), shown);
  return error;
}

async function followed(client: RayClient, id: string): Promise<{ text: string; job: RayJob }> {
  const lines: string[] = [];
  const log = client.follow(id);
  while (true) {
    const { value, done } = await log.next();
    if (done) return { text: lines.join("\n"), job: value };
    lines.push(...value);
  }
}

const withoutEnd = (log: string) => log.replace(/\n$/, "");

const python = (code: string) => `python -c '${code}'`;

describe("A client of a Ray cluster", { skip }, () => {
  let cluster: Promise<RayCluster> | undefined;
  const shared = () => cluster ??= RayCluster.shared();
  const connect = async () => await RayClient.connect({ address: (await shared()).address, env });

  it("says which Ray it has found", async () => {
    const client = await connect();
    assert.equal(client.rayVersion, "2.60.0");
    assert.match(client.sessionName, /^session_/);
    assert.equal(client.jobPage("a b"), `${client.address}/#/jobs/a%20b`);
  });

  it("runs a job, and follows its log to the end", async () => {
    const client = await connect();
    const id = newId();
    await client.submit({
      id,
      entrypoint: `echo "Hello, $WHO."; echo 'ä ü 😀' >&2; printf 'no end'`,
      runtimeEnv: { env_vars: { WHO: "you" } },
      metadata: { kind: "a test" },
    });
    const { text, job } = await followed(client, id);
    // Ray writes a line of its own to it, at any time.
    for (const said of [/\nHello, you\.\n/, /ä ü 😀\n/, /no end/]) assert.match(text, said);
    assert.equal(text, withoutEnd(await client.log(id)));
    const { status, isOver, driverExitCode, metadata, startTimeMs, endTimeMs } = job;
    assert.deepEqual([status, isOver, driverExitCode], ["SUCCEEDED", true, 0]);
    assert.deepEqual(metadata, { kind: "a test" });
    assert.ok(startTimeMs! > 0 && endTimeMs! >= startTimeMs!);
    assert.deepEqual(await client.job(id), job);
  });

  it("misses nothing of a log that is long, with and without events in it", async () => {
    const client = await connect();
    const id = newId();
    await client.submit({
      id,
      entrypoint: python(`
import sys, time
for i in range(60):
    for j in range(1 + (i * 7919) % 400):
        print("the same line, again and again")
    if i % 5 == 0 and i != 30:
        print(chr(30) + f"FUSE {i} [1, 2, 3]")
    if i == 40:
        print("x" * 300_000)
    sys.stdout.flush()
    time.sleep(0.05)
sys.exit(3)`),
    });
    const { text, job } = await followed(client, id);
    assert.deepEqual([job.status, job.driverExitCode], ["FAILED", 3]);
    assert.equal(text, withoutEnd(await client.log(id)));
    assert.equal(text.split(MARK).length, 12);
    assert.ok(text.split("\n").length > 10_000);
  });

  it("stops jobs, has them forgotten, and says which it doesn't know", async () => {
    const client = await connect();
    const id = newId();
    await client.submit({ id, entrypoint: "echo started; sleep 300" });
    for await (const lines of client.follow(id)) if (lines.includes("started")) break;
    await client.stop(id);
    assert.equal((await followed(client, id)).job.status, "STOPPED");
    await client.stop(id);
    await client.remove(id);
    assert.equal(await client.findJob(id), undefined);
    for (
      const action of [
        client.job(id),
        client.stop(id),
        client.remove(id),
        client.log(id),
        followed(client, id),
      ]
    ) {
      assert.match((await failure(action)).message, new RegExp(`has no job "${id}"`));
    }
  });

  it("refuses an id that another job has", async () => {
    const client = await connect();
    const id = newId();
    await client.submit({ id, entrypoint: "true" });
    const again = await failure(client.submit({ id, entrypoint: "true" }));
    assert.match(again.message, new RegExp(`Can't submit the job ${id}: .*already exists`));
  });

  it("tells in a line why a job could not be run", async () => {
    const client = await connect();
    const reasons = {
      "exit 3": /exit code 3/,
      "kill -9 $$": /exit code -9/,
    };
    for (const [entrypoint, reason] of Object.entries(reasons)) {
      const id = newId();
      await client.submit({ id, entrypoint });
      assert.match(whyFailed((await followed(client, id)).job), reason);
    }
    const id = newId();
    await client.submit({
      id,
      entrypoint: "true",
      runtimeEnv: { working_dir: "gcs://_ray_pkg_none.zip" },
    });
    const why = whyFailed((await followed(client, id)).job);
    assert.match(why, /^runtime_env setup failed: .*: OSError: Failed to download .*_pkg_none/);
    assert.doesNotMatch(why, /\n/);
  });

  it("takes no id that is none", async () => {
    const client = await connect();
    for (const id of ["", "a/b", "a b", ".."]) {
      await assert.rejects(client.job(id), TypeError);
      await assert.rejects(client.submit({ id, entrypoint: "true" }), TypeError);
    }
  });

  it("uploads packages, unless they are too large", async () => {
    const client = await connect();
    const uri = `gcs://_ray_pkg_${randomUUID().replaceAll("-", "")}.zip`;
    assert.equal(await client.hasPackage(uri), false);
    await client.uploadPackage(uri, new Uint8Array(randomBytes(1_000_000)));
    assert.equal(await client.hasPackage(uri), true);
    const large = client.uploadPackage(uri, new Uint8Array(LARGEST_PACKAGE_BYTES));
    assert.match((await failure(large)).message, /the package of 100\.0 MiB: clusters take less/);
  });

  it("reads files of any bytes from the logs of each node", async () => {
    const client = await connect();
    const { folder, nodes } = await shared();
    const bytes = randomBytes(100_000_000);
    const file = `${newId()}.bin`;
    const session = basename(readlinkSync(join(folder, "session_latest")));
    for (const { id, name } of nodes.slice(0, 2)) {
      const own = name === "head" ? folder : join(folder, name);
      writeFileSync(join(own, session, "logs", file), bytes);
      const read = await client.download(id, file, { bytes: bytes.length });
      assert.ok(bytes.equals(read));
    }
    const [{ id }] = nodes;
    const short = failure(client.download(id, file, { bytes: 5 }));
    assert.match((await short).message, /it has 100000000 bytes, not 5/);
    const missing = failure(client.download(id, "missing.bin"));
    assert.match((await missing).message, /Can't read missing\.bin .*not found/);
  });

  it("can be told to give up", async () => {
    const client = await connect();
    const id = newId();
    await client.submit({ id, entrypoint: "echo started; sleep 300" });
    const stopping = new AbortController();
    const log = client.follow(id, { signal: stopping.signal });
    await log.next();
    stopping.abort(new RangeError("enough"));
    await assert.rejects(log.next(), RangeError);
    await assert.rejects(client.job(id, { signal: stopping.signal }), RangeError);
    await client.stop(id);
  });

  it("works by Node's own client as by fetch", async () => {
    const { address } = await connect();
    const url = `${address}/api/packages/gcs/_ray_pkg_${randomUUID().replaceAll("-", "")}.zip`;
    const [signal, headers] = [AbortSignal.timeout(20_000), { "x-some": "header" }];
    const body = new Uint8Array(randomBytes(300_000));
    assert.notEqual(send, sendByNode);
    const all = { url, headers, signal };
    assert.equal((await sendByNode({ ...all, method: "GET" })).status, 404);
    assert.equal((await sendByNode({ ...all, method: "PUT", body })).status, 200);
    assert.equal((await sendByNode({ ...all, method: "GET" })).status, 200);
    const version = { ...all, url: `${address}/api/version`, method: "GET" };
    assert.deepEqual(await sendByNode(version), await send(version));
    const aborted = AbortSignal.abort();
    await assert.rejects(sendByNode({ ...version, signal: aborted }), { name: "AbortError" });
  });

  describe("behind a bad network", () => {
    let proxy: FaultyProxy | undefined;
    after(() => proxy?.stop());
    const connectByProxy = async () => {
      proxy ??= await startProxy(portOf((await shared()).address));
      proxy.decide = () => undefined;
      proxy.requests.length = 0;
      return { proxy, client: await RayClient.connect({ address: proxy.endpoint, env }) };
    };

    it("asks again where a server has no time, or a connection is cut", async () => {
      const { proxy, client } = await connectByProxy();
      const faults = [
        { kind: "status", status: 503, code: "Busy" },
        { kind: "loseAnswer" },
        { kind: "cutAnswer", afterBytes: 10 },
      ] as const;
      let asked = 0;
      proxy.decide = () => faults[asked++];
      assert.equal(await client.hasPackage("gcs://_ray_pkg_none.zip"), false);
      assert.equal(asked, 4);
    });

    it("submits a job once, even if the answer is lost", async () => {
      const { proxy, client } = await connectByProxy();
      proxy.decide = ({ method }) => method === "POST" ? { kind: "loseAnswer" } : undefined;
      const id = newId();
      await client.submit({ id, entrypoint: "echo once" });
      const { text } = await followed(client, id);
      assert.equal(text.match(/^once$/gm)?.length, 1);
      assert.equal(proxy.requests.filter(({ method }) => method === "POST").length, 1);
    });

    it("submits a job again that has not come to the cluster", async () => {
      const { proxy, client } = await connectByProxy();
      let posts = 0;
      proxy.decide = ({ method }) =>
        method === "POST" && posts++ === 0 ? { kind: "cutRequest", afterBytes: 1 } : undefined;
      const id = newId();
      await client.submit({ id, entrypoint: "echo at last" });
      assert.match((await followed(client, id)).text, /at last/);
      assert.equal(posts, 2);
    });

    it("follows a log through cuts", async () => {
      const { proxy, client } = await connectByProxy();
      let asked = 0;
      proxy.decide = () => {
        const at = asked++ % 6;
        if (at === 2) return { kind: "cutAnswer", afterBytes: 100 };
        return at === 4 ? { kind: "status", status: 502, code: "Gone" } : undefined;
      };
      const id = newId();
      await client.submit({
        id,
        entrypoint: "for i in $(seq 30); do echo line $i; sleep 0.1; done",
      });
      const { text, job } = await followed(client, id);
      assert.equal(job.status, "SUCCEEDED");
      assert.equal(text, withoutEnd(await (await connect()).log(id)));
    });

    it("says so when nothing helps", async () => {
      const { proxy, client } = await connectByProxy();
      proxy.stop();
      const error = await failure(client.hasPackage("gcs://_ray_pkg_none.zip"));
      assert.match(
        error.message,
        /Can't look for the package .*: no Ray dashboard answers at \S+\. Start a/,
      );
    });
  });
});

describe("A Ray cluster with a token", { skip }, () => {
  let cluster: RayCluster | undefined;
  after(async () => await cluster?.stop());

  it("is used with the right one only", async () => {
    cluster = await RayCluster.start({ nodes: [{}], token: TOKEN });
    const { address } = cluster;
    const none = await failure(RayClient.connect({ address, env }));
    assert.match(none.message, /Can't reach the cluster: .* wants a token\. .*RAY_AUTH_TOKEN_PATH/);
    const wrong = await failure(RayClient.connect({ address, token: "wrong-token", env }));
    assert.match(wrong.message, /refuses the token from the option `token`/);
    const client = await RayClient.connect({ address, env: { ...env, RAY_AUTH_TOKEN: TOKEN } });
    const id = newId();
    await client.submit({ id, entrypoint: "echo let in" });
    assert.match((await followed(client, id)).text, /let in/);
    assert.equal(await client.hasPackage("gcs://_ray_pkg_none.zip"), false);
  });
});

describe("An address where no usable Ray cluster is", () => {
  const refusal = async (address: string) => {
    const error = await failure(RayClient.connect({ address, token: TOKEN, env }));
    assert.ok(error.message.includes(address), error.message);
    return error.message;
  };
  const refusalOf = async (answer: Answer) => {
    const server = await startAnswering(answer);
    try {
      return await refusal(server.endpoint);
    } finally {
      server.stop();
    }
  };

  it("is told from one where nothing is", async () => {
    const nobody = await refusal(`http://127.0.0.1:${await freePort()}`);
    assert.match(nobody, /no Ray dashboard answers at \S+\. Start a cluster \(ray start --head/);
    assert.match(await refusal("http://no-such-host.invalid:8265"), /no host of the name in/);
  });

  it("may be some other server's", async () => {
    const page = await refusalOf({ status: 200, type: "text/html", body: "<h1>Hello</h1>" });
    assert.match(page, /is no Ray dashboard \(HTTP 200, text\/html\)/);
    assert.match(await refusalOf({ status: 404, body: "" }), /is no Ray dashboard \(HTTP 404/);
    const other = await refusalOf({ status: 200, type: "application/json", body: `{"a": 1}` });
    assert.match(other, /is no Ray dashboard/);
  });

  it("may lead on to a login, where no token goes", async () => {
    const location = "https://login.example/?state=abc";
    const login = await refusalOf({ status: 302, body: "", headers: { location } });
    assert.match(
      login,
      /leads on to https:\/\/login\.example\/\. Give the address of the dashboard/,
    );
  });

  it("may be that of a Ray that is too old", async () => {
    const body = JSON.stringify({ ray_version: "2.9.3", version: "4" });
    const old = await refusalOf({ status: 200, type: "application/json", body });
    assert.match(old, new RegExp(`runs Ray 2\\.9\\.3, and the oldest that works is ${OLDEST_RAY}`));
  });

  it("may fail, and say why in many words", async () => {
    const body = `Traceback (most recent call last):\n  File "x"\nValueError: ${TOKEN} it is\n\n`;
    assert.match(await refusalOf({ status: 500, body }), /says HTTP 500: ValueError: … it is\.$/);
  });

  it("may be one of Ray's other ports, or need another scheme", { skip }, async () => {
    const { gcsAddress, address } = await RayCluster.shared();
    assert.match(await refusal(`http://${gcsAddress}`), /usually 8265/);
    assert.match(
      await refusal(address.replace("http:", "https:")),
      /https can't be used with https:/,
    );
  });
});
