import {
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { isFuseError, LocalWorkflow, workflow } from "functionfuse";
import {
  type S3ClientConfig,
  S3Storage,
  type S3StorageOptions,
  storageFactory,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { testStorage } from "../contract/storage.ts";
import { oneLineFailure as failure } from "../support/failures.ts";
import { skipWithout, VERSITYGW } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import {
  BUCKET,
  MOTO_SERVER,
  type S3Server,
  startMoto,
  startVersity,
} from "../support/s3_servers.ts";
import { keyOf } from "../../storage/keys.ts";
import { S3Objects } from "../../storage/s3.ts";

let prefixes = 0;
const newPath = () => `${BUCKET}/tests/${prefixes++}`;

const text = async (objects: S3Objects, name: string) => {
  const object = await objects.open("w", name);
  return object && new TextDecoder().decode(await object.read(0, object.byteLength));
};
const chunk = (value: string) => [new TextEncoder().encode(value)];

/** What holds on every server. */
function testServer(server: S3Server, damageStep: number): void {
  const raw = new S3Client(server.client);
  after(() => raw.destroy());
  const at = (path: string, client: S3ClientConfig = server.client) =>
    new S3Storage({ path, client });
  const keysBelow = async (path: string) => {
    const [bucket, ...rest] = path.split("/");
    const wanted = { Bucket: bucket, Prefix: `${rest.join("/")}/` };
    const { Contents = [] } = await raw.send(new ListObjectsV2Command(wanted));
    return Contents.map(({ Key }) => Key!.slice(wanted.Prefix.length)).sort();
  };

  testStorage(`S3Storage on ${server.name}`, () => {
    const path = newPath();
    return {
      storage: at(path),
      damageStep,
      async tamper(workflow, task, change) {
        const Key = `${path}/${keyOf(workflow)}/${keyOf(task)}.fuse`.slice(BUCKET.length + 1);
        const { Body } = await raw.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
        const bytes = change(await Body!.transformToByteArray());
        await raw.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: bytes }));
      },
    };
  });

  describe(`S3Storage on ${server.name}`, () => {
    it("leaves no name outside its prefix", async () => {
      const path = newPath();
      const storage = at(`s3://${path}/`);
      assert.equal(storage.location, `s3://${path}`);
      await storage.save("../../up", "/etc/../x", 1);
      await assert.rejects(storage.save("../../up", "y", () => 1), { name: "CodecError" });
      assert.deepEqual(await keysBelow(path), ["%2E.%2F..%2Fup/%2Fetc%2F..%2Fx.fuse"]);
    });

    it("lists and removes more tasks than a page has", async () => {
      const path = newPath();
      const storage = at(path);
      const names = Array.from({ length: 1_100 }, (_, i) => `x_${String(i).padStart(4, "0")}`);
      const waiting = names.values();
      await Promise.all(Array.from({ length: 16 }, async () => {
        for (const name of waiting) await storage.save("w", name, name);
      }));
      assert.deepEqual(await storage.listTasks("w"), names);
      await storage.save("w2", "x", 1);
      assert.equal(await storage.removeWorkflow("w"), true);
      assert.deepEqual(await keysBelow(path), ["w2/x.fuse"]);
    });

    it("can be opened again, and by several at once", async () => {
      const path = newPath();
      const storages = Array.from({ length: 4 }, () => at(path));
      await Promise.all(storages.map(async (storage, writer) => {
        for (let round = 0; round < 10; round++) {
          await storage.save("shared", "same", { writer, data: new Array(500).fill(round) });
          const { data } = await storage.readTask("shared", "same") as { data: number[] };
          assert.ok(data.every((value) => value === data[0]));
        }
      }));
      assert.deepEqual(await at(path).listTasks("shared"), ["same"]);
      assert.deepEqual(await keysBelow(path), ["shared/same.fuse"]);
    });

    it("reads whole values while others write the same task", async () => {
      const path = newPath();
      const [reader, writer] = [at(path), at(path)];
      const write = (round: number) =>
        writer.save("w", "x", new Float64Array(20_000 + round * 1_000).fill(round));
      await write(0);
      for (let round = 1; round < 20; round++) {
        const reading = reader.readTask("w", "x");
        await write(round % 7);
        const value = await reading as Float64Array;
        assert.equal(value.length, 20_000 + value[0] * 1_000);
      }
      assert.deepEqual(await keysBelow(path), ["w/x.fuse"]);
    });

    it("sets a damaged object aside once, however many read it at once", async () => {
      const path = newPath();
      const storage = at(path);
      const Key = `${path}/w/x.fuse`.slice(BUCKET.length + 1);
      await raw.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: "torn" }));
      const reads = Array.from({ length: 5 }, () => storage.readTask("w", "x"));
      for (const read of await Promise.allSettled(reads)) {
        assert.ok(read.status === "rejected" && isFuseError(read.reason, "StorageError"));
        assert.ok(["damaged", "missing"].includes(read.reason.reason), read.reason.message);
      }
      assert.deepEqual(await keysBelow(path), ["w/x.fuse.damaged"]);
    });

    it("keeps values of many parts", async () => {
      const path = newPath();
      const storage = at(path);
      const value = {
        small: new Uint8Array([1, 2]),
        large: new Float64Array(2_000_000).map((_, i) => i / 7),
        between: new Int32Array(1_500_000).map((_, i) => i * 3),
      };
      await storage.save("w", "x", value);
      assert.deepEqual(await storage.readTask("w", "x"), value);
      const { Uploads } = await raw.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
      assert.deepEqual(Uploads ?? [], []);
    });

    it("adds to journals, with few requests, and goes on with those of others", async () => {
      const storage = at(newPath());
      const lines = Array.from({ length: 300 }, (_, i) => `{"line":${i}}\n`);
      await Promise.all(lines.slice(0, 100).map((line) => storage.addToJournal("w", "1", line)));
      assert.equal(await storage.readJournal("w", "1"), lines.slice(0, 100).join(""));
      await Promise.all(lines.slice(100, 200).map((line) => storage.addToJournal("w", "1", line)));
      const other = at(storage.location);
      for (const line of lines.slice(200, 205)) await other.addToJournal("w", "1", line);
      assert.equal(await other.readJournal("w", "1"), lines.slice(0, 205).join(""));
      assert.deepEqual(await storage.listRuns("w"), ["1"]);
      assert.deepEqual(await storage.listTasks("w"), []);
      await storage.removeWorkflow("w");
      await storage.addToJournal("w", "1", "anew");
      assert.equal(await storage.readJournal("w", "1"), "anew");
    });

    it("gives places for files, which are removed with their folder", async () => {
      const path = newPath();
      const objects = new S3Objects(BUCKET, `${path.slice(BUCKET.length + 1)}/`, server.client);
      await objects.put("w", "x.fuse", chunk("object"));
      const place = objects.place("w", "x.parts");
      const bytes = new Uint8Array(100_000).map((_, i) => i % 251);
      for (const name of ["a", "0/1/2"]) await place.write(name, bytes);
      assert.deepEqual(await place.list(), new Map([["0/1/2", 100_000], ["a", 100_000]]));
      assert.deepEqual(await place.read("0/1/2"), bytes);
      assert.deepEqual(
        await place.read("a", { offset: 99_000, length: 5_000 }),
        bytes.slice(99_000),
      );
      assert.deepEqual(await place.read("a", { offset: 100, length: 7 }), bytes.slice(100, 107));
      assert.equal(await place.size("a"), 100_000);
      assert.equal(await place.size("b"), undefined);
      assert.equal(await place.read("b"), undefined);
      await assert.rejects(place.write("../b", bytes), { name: "TypeError" });
      assert.deepEqual(await objects.list("w"), ["x.fuse"]);
      assert.deepEqual(await objects.listFolders(), ["w"]);
      await objects.place("w", "y.parts").write("a", bytes);
      await place.remove();
      assert.deepEqual(await keysBelow(path), ["w/x.fuse", "w/y.parts/a"]);
      assert.equal(await objects.removeFolder("w"), true);
      assert.deepEqual(await keysBelow(path), []);
    });

    it("reads no mix of two versions", async () => {
      const path = newPath();
      const objects = new S3Objects(BUCKET, `${path.slice(BUCKET.length + 1)}/`, server.client);
      await objects.put("w", "x", [new Uint8Array(300_000).fill(1)]);
      const object = await objects.open("w", "x");
      await objects.put("w", "x", [new Uint8Array(300_000).fill(2)]);
      await assert.rejects(object!.read(0, 300_000), { name: "CodecError", message: /replaced/ });
      await objects.remove("w", "x");
      await assert.rejects(object!.read(0, 300_000), { name: "CodecError", message: /replaced/ });
    });

    it("takes small values as they are when they are saved", async () => {
      const storage = at(newPath());
      await storage.newWorkflow("w");
      const value = new Uint8Array(500_000).fill(1);
      const saving = storage.save("w", "x", value);
      value.fill(2);
      await saving;
      assert.deepEqual(await storage.readTask("w", "x"), new Uint8Array(500_000).fill(1));
    });

    it("sets nothing aside that was written since it was read", async () => {
      const path = newPath();
      const objects = new S3Objects(BUCKET, `${path.slice(BUCKET.length + 1)}/`, server.client);
      await objects.put("w", "x", chunk("bad"));
      await objects.open("w", "x");
      await objects.put("w", "x", chunk("good"));
      await objects.rename("w", "x", "x.damaged");
      assert.equal(await text(objects, "x"), "good");
      await objects.rename("w", "x", "x.damaged");
      assert.equal(await text(objects, "x"), undefined);
      assert.equal(await text(objects, "x.damaged"), "good");
      await objects.rename("w", "x", "x.damaged");
    });

    it("goes on with a run that failed", async () => {
      const storage = at(newPath());
      let [made, failures] = [0, 1];
      const make = workflow("make", () => new Float64Array(50_000).fill(++made));
      const sum = workflow("sum", (values: Float64Array) => {
        if (failures-- > 0) throw new Error("not yet");
        return values.reduce((total, value) => total + value);
      });
      const target = sum(make().setName("values")).setName("sum");
      const run = () =>
        new LocalWorkflow(target, { workflowName: "w", storage, onWarning: () => {} }).run();
      await assert.rejects(run(), { name: "NodeError" });
      assert.deepEqual(await storage.listTasks("w"), ["values"]);
      assert.equal(await run(), 50_000);
      assert.equal(await run(), 50_000);
      assert.equal(made, 1);
    });

    it("says that a bucket is not there", async () => {
      const storage = at("no-such-bucket/x");
      for (
        const action of [
          () => storage.newWorkflow("w"),
          () => storage.save("w", "x", 1),
          () => storage.listTasks("w"),
          () => storage.hasTask("w", "x"),
          () => storage.removeWorkflow("w"),
        ]
      ) {
        const error = await failure(action());
        assert.equal(error.reason, "unavailable");
        assert.match(error.message, /s3:\/\/no-such-bucket\/x.*no bucket "no-such-bucket" at http/);
      }
    });
  });
}

for (
  const [program, start, damageStep] of [
    [VERSITYGW, startVersity, 16],
    // The slower one.
    [MOTO_SERVER, startMoto, 64],
  ] as const
) {
  const skip = skipWithout(program);
  if (skip) {
    it("S3Storage", { skip }, () => {});
    continue;
  }
  const server = await start();
  after(() => server.stop());
  testServer(server, damageStep);
}

describe("S3Storage", () => {
  it("needs a path with a bucket", () => {
    for (const path of ["", "s3://", "s3:/x", "/x", "a/../b", "a/.", 3, undefined]) {
      assert.throws(() => new S3Storage({ path: path as string }), {
        name: "TypeError",
        message: /'path' must be "bucket\/prefix"/,
      });
    }
    assert.throws(() => new S3Storage(undefined as unknown as S3StorageOptions), TypeError);
  });

  it("is made of a URL or of options, without a request", () => {
    const options = { path: "bucket/a/b", alwaysRead: true };
    for (const kind of ["S3", "s3"] as const) {
      const storage = storageFactory({ kind, options });
      assert.equal(storage.location, "s3://bucket/a/b");
      assert.equal(storage.alwaysRead, true);
    }
    assert.equal(storageFactory("s3://bucket//a/").location, "s3://bucket/a");
    assert.equal(storageFactory("S3://bucket").location, "s3://bucket");
  });

  it("says that a server can't be reached", async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const client = { endpoint, credentials: { accessKeyId: "a", secretAccessKey: "wrong-secret" } };
    const error = await failure(new S3Storage({ path: "bucket", client }).newWorkflow("w"));
    assert.deepEqual([error.operation, error.reason], ["save", "unavailable"]);
    assert.match(error.message, /ECONNREFUSED/);
    assert.ok(error.message.includes(endpoint));
    const nowhere = { ...client, endpoint: "http://nowhere.invalid" };
    const unknown = await failure(
      new S3Storage({ path: "bucket", client: nowhere }).hasTask("w", "x"),
    );
    assert.equal(unknown.reason, "unavailable");
    assert.match(unknown.message, /nowhere\.invalid/);
  });
});
