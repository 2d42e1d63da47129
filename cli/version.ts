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
  await writeOut(
    json ? `${JSON.stringify(describeProgram(), undefined, 2)}\n` : `${programLine()}\n`,
  );
}

/** What this is and what it runs on. */
export function describeProgram() {
  const { deno, bun, node } = process.versions;
  const runtime = deno ? `deno ${deno}` : bun ? `bun ${bun}` : `node ${node}`;
  const built = isStandalone ? "executable" : "source";
  return { version: VERSION, built, runtime, platform: process.platform, arch: process.arch };
}

/** The same in one line. */
export function programLine(): string {
  const { version, built, runtime, platform, arch } = describeProgram();
  const what = built === "executable" ? `executable, ${runtime}` : runtime;
  return `fuse ${version} (${what}, ${platform} ${arch})`;
}
