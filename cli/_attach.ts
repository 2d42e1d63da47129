/** `fuse run --attach`: follows a run that was started on a Ray cluster. */

import { attach, type AttachedResult } from "../backends/ray/attach.ts";
import type { RaySettings } from "../config.ts";
import { checkCluster } from "./_cluster.ts";
import { type ConfigFlags, loadConfig } from "./_config.ts";
import { listenForInterrupt } from "./_exit.ts";
import { writeOut } from "./_output.ts";
import { createProgress, redirectConsole } from "./_progress.ts";
import { SHOWN, type ShownAs, showValues } from "./_values.ts";

interface AttachFlags extends ConfigFlags {
  readonly address?: string;
  readonly json?: boolean;
  readonly check: boolean;
}

/** Follows a job, and prints its values as the run would have. Ctrl-C ends the following, not the job. */
export async function attachRun(id: string, flags: AttachFlags): Promise<void> {
  const interrupt = listenForInterrupt();
  const progress = createProgress({});
  redirectConsole(progress.log);
  try {
    const found = await loadConfig(flags, { folder: ".", check: flags.check });
    const { address, token, headers }: RaySettings = found?.config.ray ?? {};
    const connection = { address: flags.address ?? address, token, headers };
    checkCluster(connection);
    const result = await attach({
      ...{ id, connection },
      signal: interrupt(),
      plugins: [progress.plugin],
      log: progress.log,
      warn: (message) => progress.log(`warning: ${message}`),
    });
    await writeOut(await showValues(shownAs(result), result.values, flags.json ?? false));
  } finally {
    progress.stop();
  }
}

/** As the run was asked to; of one that a script started, as its `run()` gives it. */
function shownAs({ metadata, names, isList }: AttachedResult): ShownAs {
  try {
    return { ...JSON.parse(metadata[SHOWN]), names };
  } catch {
    return { shape: isList ? "list" : "one", labels: [], names };
  }
}
