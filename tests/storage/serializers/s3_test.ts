import { hdf5Serializer, parquetSerializer, S3Storage, zarrSerializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, describe, it } from "node:test";
import { S3Objects } from "../../../storage/s3.ts";
import { testSerializer } from "../../contract/serializer.ts";
import { skipWithout, VERSITYGW } from "../../support/peers.ts";
import { BUCKET, type S3Server, startVersity } from "../../support/s3_servers.ts";
import { ofArrays, ofTables } from "../../support/serializers.ts";

let prefixes = 0;

function openBucket(server: S3Server) {
  const prefix = `serializers/${prefixes++}`;
  const { client } = server;
  const objects = new S3Objects(BUCKET, `${prefix}/`, client);
  return {
    storage: new S3Storage({ path: `${BUCKET}/${prefix}`, client }),
    place: (name: string) => objects.place("w", name),
  };
}

const skip = skipWithout(VERSITYGW);
if (skip) describe("Serializers on S3", () => it("need a server", { skip }));
else {
  assert.ok(existsSync(VERSITYGW), `${VERSITYGW} is not there`);
  const server = await startVersity();
  after(() => server.stop());
  const open = () => openBucket(server);
  testSerializer("zarr, on S3", ofArrays(() => zarrSerializer()), open);
  testSerializer("parquet, on S3", ofTables(() => parquetSerializer()), open);

  describe("Serializers on S3", () => {
    it("that need files say so", async () => {
      const { storage } = open();
      storage.registerSerializers(hdf5Serializer());
      const value = { data: new Int8Array(2), shape: [2] };
      await assert.rejects(storage.save("w", "x", value), {
        name: "UnsupportedError",
        message: /s3:.*needs a folder of files/,
      });
    });
  });
}
