import {
  arrowSerializer,
  FileStorage,
  hdf5Serializer,
  MemoryStorage,
  parquetSerializer,
  S3Storage,
  type StorageConfig,
  storageFactory,
  type StorageSpec,
  zarrSerializer,
} from "functionfuse/storage";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { after, afterEach, describe, it } from "node:test";
import { packValue, unpackValue } from "../../encoding/packed.ts";

const root = mkdtempSync(join(tmpdir(), "functionfuse-"));
after(() => rmSync(root, { recursive: true, force: true }));
const VARIABLES = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"];
const before = VARIABLES.map((name) => [name, process.env[name]] as const);
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** As it arrives in another process. */
const carried = (spec: StorageSpec | undefined) =>
  unpackValue(packValue(spec)) as StorageConfig & StorageSpec;

describe("What a storage tells other processes of itself", () => {
  it("of a folder makes the same storage there, wherever it runs", async () => {
    const path = join(root, "results");
    const storage = new FileStorage({ path: relative(process.cwd(), path), alwaysRead: true });
    const spec = carried(storage.spec);
    assert.deepEqual(spec, { kind: "file", options: { path, alwaysRead: true } });
    await storage.save("w", "task", [1]);
    const again = storageFactory(spec);
    assert.equal(again.alwaysRead, true);
    assert.deepEqual(await again.readTask("w", "task"), [1]);
    assert.deepEqual(again.spec, spec);
  });

  it("has the serializers of this library, with their options, in order", async () => {
    const storage = new FileStorage({
      path: join(root, "arrays"),
      serializers: [
        zarrSerializer({ compression: 3, chunks: [2], minBytes: 8 }),
        arrowSerializer(),
      ],
    });
    storage.registerSerializers(hdf5Serializer({ compression: 2 }), parquetSerializer());
    const spec = carried(storage.spec);
    assert.deepEqual((spec.options as { serializers: unknown }).serializers, [
      { name: "zarr", options: { compression: 3, chunks: [2], minBytes: 8 } },
      { name: "arrow", options: {} },
      { name: "hdf5", options: { compression: 2 } },
      { name: "parquet", options: {} },
    ]);
    const again = storageFactory(spec);
    assert.deepEqual(again.spec, spec);
    // It takes what the other one would take.
    const saved = await again.save("w", "x", { data: Float64Array.of(1, 2, 3), shape: [3] });
    assert.equal(saved.isSerialized, true);
  });

  it("says what is wrong with other serializers, and with options that are functions", () => {
    const own = {
      name: "pickles",
      test: (_: unknown): _ is never => false,
      save: () => Promise.resolve(),
      load: () => 1,
    };
    assert.throws(() => new FileStorage({ path: root, serializers: [own] }).spec, {
      name: "UnsupportedError",
      message:
        `Cannot use the storage ${JSON.stringify(root)} on other machines, as its serializer ` +
        `"pickles" is none of this library, so no other machine has it: use one of zarr, hdf5, arrow, parquet, or none.`,
    });
    // Not even under a name of this library's.
    const posing = { ...own, name: "zarr" };
    assert.throws(
      () => new FileStorage({ path: root, serializers: [posing] }).spec,
      /none of this/,
    );
    const chunks = (shape: readonly number[]) => shape;
    const serializers = [zarrSerializer({ chunks })];
    assert.throws(() => new FileStorage({ path: root, serializers }).spec, {
      name: "UnsupportedError",
      message: /options of its serializer "zarr" are no plain data: options\.chunks \(a function\)/,
    });
  });

  it("is nothing where only this process has it", () => {
    assert.equal(new MemoryStorage().spec, undefined);
  });

  it("of a bucket is the way to the server", () => {
    const client = {
      endpoint: "http://s3.lab:9000",
      region: "eu-central-1",
      forcePathStyle: true,
      maxAttempts: 2,
    };
    const storage = new S3Storage({ path: "bucket/a/b", client, alwaysRead: true });
    const spec = carried(storage.spec);
    assert.deepEqual(spec, {
      kind: "S3",
      options: { path: "s3://bucket/a/b", client, alwaysRead: true },
    });
    assert.deepEqual(storageFactory(spec).spec, spec);
  });

  it("has what the environment says of the server, and nothing of this machine's profiles", () => {
    process.env.AWS_ENDPOINT_URL_S3 = "http://s3.lab:9000";
    process.env.AWS_REGION = "eu-north-1";
    const clientOf = (client?: object) =>
      (new S3Storage({ path: "bucket", client }).spec!.options as { client: unknown }).client;
    const server = { endpoint: "http://s3.lab:9000", region: "eu-north-1" };
    assert.deepEqual(clientOf(), server);
    assert.deepEqual(clientOf({ profile: "work", region: undefined }), server);
    assert.deepEqual(clientOf({ region: "eu-west-1" }), { ...server, region: "eu-west-1" });
    const url = new URL("https://s3.lab/");
    assert.deepEqual(clientOf({ endpoint: url }), { ...server, endpoint: "https://s3.lab/" });
  });

  it("never has a secret: it is refused, with what to do instead", () => {
    const secret = "wJalrXUtnFEMI";
    const refused: [object, RegExp][] = [
      [{ credentials: { accessKeyId: "AKIA", secretAccessKey: secret } }, /'credentials'.*its own/],
      [{ credentials: () => Promise.resolve({ secretAccessKey: secret }) }, /'credentials'/],
      [{ token: { token: secret } }, /'token'/],
      [{ endpoint: `http://me:${secret}@s3.lab` }, /names a user/],
      [{ endpoint: new URL(`http://me:${secret}@s3.lab`) }, /names a user/],
      [{ region: () => Promise.resolve("eu-west-1") }, /'region' can't be taken there: leave it/],
      [{ requestHandler: { requestTimeout: 5 } }, /'requestHandler' can't/],
    ];
    for (const [client, message] of refused) {
      const storage = new S3Storage({ path: "bucket", client });
      assert.throws(() => storage.spec, (error: Error) => {
        assert.equal(error.name, "UnsupportedError");
        assert.match(error.message, message);
        assert.ok(!error.message.includes(secret));
        return true;
      });
    }
    process.env.AWS_ENDPOINT_URL = `http://me:${secret}@s3.lab`;
    assert.throws(() => new S3Storage({ path: "bucket" }).spec, /names a user/);
  });
});
