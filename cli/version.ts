/** `fuse version`: what this is and what it runs on. */

import { Command } from "commander";
import process from "node:process";
import { VERSION } from "../core/version.ts";

/** The command. */
export function versionCommand(): Command {
  return new Command("version")
    .action(() => {
      const { deno, bun, node } = process.versions;
      const runtime = deno ? `deno ${deno}` : bun ? `bun ${bun}` : `node ${node}`;
      process.stdout.write(`fuse ${VERSION} (${runtime}, ${process.platform} ${process.arch})\n`);
    });
}
