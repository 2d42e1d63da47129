/** An executable of one workflow: it takes the flags of `fuse run`. */

import type { EventEmitter } from "node:events";
import { basename, join } from "node:path";
import process from "node:process";
import { VERSION } from "../core/version.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import type { Manifest } from "./_manifest.ts";
import { unpack } from "./_payload.ts";
import { runCommand } from "./run.ts";

/** Runs the workflow that this executable has with it. */
export async function runShipped(manifest: Manifest, args: readonly string[]): Promise<void> {
  const name = basename(process.execPath);
  const workflow = basename(manifest.workflow);
  const command = runCommand();
  command.name(name)
    .description(`Runs the workflow ${workflow} and prints the values of its targets.`)
    .version(`${name}, made by fuse ${VERSION}`)
    .usage("[options]")
    .configureHelp({
      visibleArguments: () => [],
      visibleOptions: ({ options }) => options.filter(({ long }) => long !== "--no-check"),
    })
    .showHelpAfterError("(--help shows what can be given)")
    .allowExcessArguments()
    .exitOverride()
    .hook("preAction", ({ args: [, extra] }) => {
      if (extra === undefined) return;
      throw new CommandError(
        `${name} runs one workflow and takes flags only: what is ${JSON.stringify(extra)}?`,
        EXIT_USAGE,
      );
    });
  const configuration = command.options.find(({ long }) => long === "--config")!;
  configuration.description = "another configuration than its own";
  // Those of fuse run would name its workflow file.
  (command as unknown as EventEmitter).removeAllListeners("afterHelp");
  command.addHelpText(
    "after",
    `
Examples:
  ${name}                        run it; results are kept where the configuration says, or in .fuse/
  ${name} --json > values.json   values as JSON; progress stays on the terminal
  ${name} --rerun '.*'           run all of it again
  ${name} --config other.ts      with another configuration than its own

Exit codes: 0 done, 1 a node failed, 2 the workflow or its configuration is wrong, 3 storage, 4 a worker died, 64 usage, 130 interrupted.`,
  );
  const needsFiles = !args.some((arg) => ["--help", "-h", "--version", "-V"].includes(arg));
  const folder = needsFiles ? unpack(process.execPath, manifest) : "";
  const config = manifest.config === undefined
    ? ["--no-config"]
    : ["--config", join(folder, manifest.config)];
  const own = [join(folder, manifest.workflow), "--no-check", ...config];
  await command.parseAsync([...own, ...args], { from: "user" });
}
