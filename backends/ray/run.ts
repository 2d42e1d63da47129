/** One run on a cluster: its code and its description are uploaded, and one job carries it out. */

import { randomBytes } from "node:crypto";
import type { RunInHand, RunRequest } from "../../core/backend.ts";
import { unlessAborted } from "../../core/unless_aborted.ts";
import { RayClient } from "../../ray/client.ts";
import { FollowedJob } from "./follow.ts";
import type { RayJobRequest } from "../../ray/jobs.ts";
import type { RayRunOptions } from "./options.ts";
import { type CodePackage, packCode, showSize, uriOf, zip } from "../../ray/package.ts";
import { describeRun, packRun } from "./run_record.ts";

/** What the driver takes the description out of. */
const RUN_FILE = "run.bin";
const LONGEST_SLUG = 40;

/** A run that a cluster carries out. */
export class RayRun implements RunInHand {
  readonly #request: RunRequest;
  readonly #options: RayRunOptions;
  #job: FollowedJob | undefined;

  constructor(request: RunRequest, options: RayRunOptions) {
    this.#request = request;
    this.#options = options;
  }

  /** How many nodes were not run as their stored values are right. */
  get reused(): number {
    return this.#job?.reused ?? 0;
  }

  /** Gives the values of the targets' nodes. */
  async run(): Promise<unknown[]> {
    const { signal } = this.#request;
    const client = await RayClient.connect(this.#options.connection, { signal });
    const { code, run } = await unlessAborted(this.#describe(), signal);
    await this.#uploadCode(client, code);
    const uri = uriOf(run);
    await client.uploadPackage(uri, run, { signal });
    signal?.throwIfAborted();
    const id = jobId(this.#request.workflowName);
    await client.submit(this.#jobRequest(id, code.uri, uri));
    this.#options.log(`Ray job ${id}: ${client.jobPage(id)}`);
    return await this.#follow(client, id, code);
  }

  async #follow(client: RayClient, id: string, { folderUrl }: CodePackage): Promise<unknown[]> {
    const { signal, watchers, workflowName } = this.#request;
    const job = this.#job = new FollowedJob(client, id, {
      watch: () => watchers,
      warn: (text) => watchers.warn(text),
      log: this.#options.log,
      workflowName,
      folderUrl,
    });
    try {
      return await job.follow(signal);
    } catch (error) {
      if (signal?.aborted) {
        await job.stop().catch((error) =>
          watchers.warn(`The Ray job ${id} could not be stopped. ${(error as Error).message}`)
        );
        throw signal.reason;
      }
      throw error;
    }
  }

  /** What is sent: the code, and the run that uses it. */
  async #describe(): Promise<{ code: CodePackage; run: Uint8Array<ArrayBuffer> }> {
    const { files, folder, mostBytes } = this.#options;
    const warn = (text: string) => this.#request.watchers.warn(text);
    let code: CodePackage | undefined;
    const record = await describeRun(
      this.#request,
      (module) => code!.urlOf(module),
      async (modules) => {
        code = await packCode({ modules, files, folder, mostBytes, warn });
      },
    );
    return { code: code!, run: await zip(new Map([[RUN_FILE, packRun(record)]])) };
  }

  async #uploadCode(client: RayClient, { uri, bytes, files }: CodePackage): Promise<void> {
    const { signal } = this.#request;
    const { log, isVerbose } = this.#options;
    if (isVerbose) {
      for (const file of files) log(`  ${showSize(file.bytes).padStart(9)}  ${file.path}`);
    }
    const isThere = await client.hasPackage(uri, { signal });
    if (isVerbose) {
      const all = files.reduce((sum, { bytes }) => sum + bytes, 0);
      const what = `${files.length} files of ${showSize(all)} and this library`;
      log(
        `The code is ${what}, ${showSize(bytes.length)} packed: ${
          isThere ? "the cluster has it already" : "it is uploaded"
        }.`,
      );
    }
    if (!isThere) await client.uploadPackage(uri, bytes, { signal });
  }

  #jobRequest(id: string, codeUri: string, runUri: string): RayJobRequest {
    const { runtimeEnv, driverArgs, metadata } = this.#options;
    const { numCpus, numGpus, memory, resources } = driverArgs;
    return {
      id,
      entrypoint: "python driver.py",
      runtimeEnv: {
        ...runtimeEnv,
        working_dir: codeUri,
        env_vars: { ...runtimeEnv.env_vars as object | undefined, FUSE_RAY_RUN: runUri },
      },
      metadata: { ...metadata, workflow: this.#request.workflowName },
      resources: { numCpus, numGpus, memoryBytes: memory && Math.ceil(memory), custom: resources },
    };
  }
}

/** A name that people recognize, and no two runs share. */
function jobId(workflowName: string): string {
  const slug = workflowName.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")
    .slice(0, LONGEST_SLUG);
  return ["fuse", ...(slug === "" ? [] : [slug]), randomBytes(5).toString("hex")].join("-");
}
