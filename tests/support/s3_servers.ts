/** S3 servers of others, for tests: each on a free port, in a process that the test ends. */

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3ClientConfig } from "functionfuse/storage";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { PYTHON_BIN, VERSITYGW } from "./peers.ts";
import { freePort } from "./ports.ts";

/** Moto's server, an S3 in Python. */
export const MOTO_SERVER: string = join(PYTHON_BIN, "moto_server");
/** What the servers are to be given. */
export const CREDENTIALS = { accessKeyId: "functionfuse", secretAccessKey: "kept-to-itself" };
/** There is this bucket at the beginning. */
export const BUCKET = "results";

const LONGEST_START_MS = 30_000;

/** A server that runs. */
export interface S3Server {
  readonly name: string;
  readonly endpoint: string;
  readonly port: number;
  /** How a client reaches it. */
  readonly client: S3ClientConfig;
  stop(): Promise<void>;
}

/** Starts Versity's gateway to a folder of files. */
export async function startVersity(): Promise<S3Server> {
  try {
    return await startGateway(false);
  } catch {
    // The file system has no extended attributes.
    return await startGateway(true);
  }
}

async function startGateway(hasMetadataFiles: boolean): Promise<S3Server> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "functionfuse-s3-"));
  for (const name of ["data", "meta"]) mkdirSync(join(folder, name));
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  const child = spawn(VERSITYGW, [
    ...["--access", accessKeyId, "--secret", secretAccessKey],
    ...["--port", `127.0.0.1:${port}`, "--quiet", "--keep-alive", "posix"],
    // An object is then not replaced at once with its metadata.
    ...hasMetadataFiles ? ["--sidecar", join(folder, "meta")] : [],
    join(folder, "data"),
  ], { stdio: "ignore" });
  return await ready("Versity", port, child, () => {
    rmSync(folder, { recursive: true, force: true });
  });
}

/** Starts Moto's server, which keeps objects in memory and accepts all credentials. */
export async function startMoto(): Promise<S3Server> {
  const port = await freePort();
  const child = spawn(MOTO_SERVER, ["--host", "127.0.0.1", "--port", String(port)], {
    stdio: "ignore",
    env: { ...process.env, MOTO_S3_DEFAULT_KEY_BUFFER_SIZE: "16777216" },
  });
  return await ready("Moto", port, child, () => {});
}

async function ready(
  name: string,
  port: number,
  child: ChildProcess,
  tidy: () => void,
): Promise<S3Server> {
  const ended = once(child, "exit");
  let isOver = false;
  ended.then(() => isOver = true);
  const endpoint = `http://127.0.0.1:${port}`;
  const client = {
    endpoint,
    forcePathStyle: true,
    region: "us-east-1",
    credentials: CREDENTIALS,
  };
  const stop = async () => {
    if (!isOver) process.kill(child.pid!, "SIGKILL");
    await ended;
    tidy();
  };
  try {
    await makeBucket(client, () => {
      if (isOver) {
        throw new Error(`${name}'s S3 server has ended with exit code ${child.exitCode}.`);
      }
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { name, endpoint, port, client, stop };
}

/** Tries until the server answers. */
async function makeBucket(config: S3ClientConfig, check: () => void): Promise<void> {
  const client = new S3Client({ ...config, maxAttempts: 1 });
  const deadline = performance.now() + LONGEST_START_MS;
  while (true) {
    check();
    try {
      await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
      return client.destroy();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
}
