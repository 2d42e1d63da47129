/**
 * What a large value costs on S3: time, and memory beside the value itself, saved and read in processes of their own.
 *
 * Takes `AWS_ENDPOINT_URL` and `FUSE_BENCH_PATH` (`bucket/prefix`), or starts the server of `deno task setup:peers`.
 */

import { storageFactory } from "functionfuse/storage";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BUCKET, CREDENTIALS, startVersity } from "../tests/support/s3_servers.ts";

const MEGABYTE = 1024 * 1024;
const STATUS = "/proc/self/status";
const ELEMENT_BYTES = Float64Array.BYTES_PER_ELEMENT;

async function measure(action: string, megabytes: number): Promise<Record<string, number>> {
  const storage = storageFactory({
    kind: "S3",
    options: { path: process.env.FUSE_BENCH_PATH!, client: { forcePathStyle: true } },
  });
  // Libraries loaded, and connected.
  await storage.newWorkflow("bench");
  await storage.save("bench", "small", 1);
  const value = new Float64Array(action === "save" ? megabytes * MEGABYTE / ELEMENT_BYTES : 0);
  for (let i = 0; i < value.length; i++) value[i] = i / 3;
  const before = process.memoryUsage.rss();
  const started = performance.now();
  let extraBytes = -before;
  if (action === "save") await storage.save("bench", "large", value);
  else {
    const back = await storage.readTask("bench", "large") as Float64Array;
    if (back.at(-1) !== (back.length - 1) / 3) throw new Error("It is not what was saved.");
    extraBytes -= back.byteLength;
  }
  const seconds = (performance.now() - started) / 1000;
  extraBytes += peakBytes();
  return {
    seconds,
    megabytesPerSecond: megabytes / seconds,
    extraMegabytes: extraBytes / MEGABYTE,
  };
}

function peakBytes(): number {
  // Linux counts the process that started this one in `maxRSS`.
  const status = existsSync(STATUS) ? readFileSync(STATUS, "utf8") : "";
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kilobytes) * 1024;
}

const [action, megabytes = "1024"] = process.argv.slice(2);
if (action) console.log(JSON.stringify(await measure(action, Number(megabytes))));
else {
  const self = fileURLToPath(import.meta.url);
  const command = process.versions.deno ? ["run", "-A", self] : [self];
  const server = process.env.FUSE_BENCH_PATH ? undefined : await startVersity();
  const env = {
    ...process.env,
    ...server && {
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      FUSE_BENCH_PATH: `${BUCKET}/bench`,
    },
  };
  try {
    const rows: Record<string, Record<string, number>> = {};
    for (const action of ["save", "read"]) {
      const { stdout } = await promisify(execFile)(process.execPath, [...command, action], { env });
      const figures: Record<string, number> = JSON.parse(stdout);
      rows[action] = Object.fromEntries(
        Object.entries(figures).map(([name, figure]) => [name, Math.round(figure * 10) / 10]),
      );
    }
    console.log("A Float64Array of 1 GB:");
    console.table(rows);
  } finally {
    await server?.stop();
  }
}
