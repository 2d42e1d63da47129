/** `fuse version`: what this is and what it runs on. */

import { Command } from "commander";
import process from "node:process";
import { isStandalone } from "../backends/parallel/bundle.ts";
import { VERSION } from "../core/version.ts";
import { writeOut } from "./_output.ts";

/** The command. */
export function versionCommand(): Command {
  return new Command("version")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  fuse version                          as in "fuse ${VERSION} (executable, bun 1.4.5, linux x64)"
  fuse version --json | jq -r .built    executable or source: whether it needs a runtime beside it`,
    )
    .action(version);
}

async function version({ json }: { readonly json?: boolean }): Promise<void> {
  const { deno, bun, node } = process.versions;
  const runtime = deno ? `deno ${deno}` : bun ? `bun ${bun}` : `node ${node}`;
  const { platform, arch } = process;
  if (json) {
    const built = isStandalone ? "executable" : "source";
    const document = { version: VERSION, built, runtime, platform, arch };
    return await writeOut(`${JSON.stringify(document, undefined, 2)}\n`);
  }
  const what = isStandalone ? `executable, ${runtime}` : runtime;
  await writeOut(`fuse ${VERSION} (${what}, ${platform} ${arch})\n`);
}
