/** A reader of a page, who saves its files and types its commands, in whatever runtime the tests run in. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { assertShown } from "./output.ts";
import { ROOT } from "./pages.ts";

const isDeno = process.versions.deno !== undefined;
const RUN = isDeno ? `"${process.execPath}" run -A --quiet` : `"${process.execPath}"`;

/**
 * Programs by the names that pages call them by. `deno run` and `deno test` are carried out by Bun where the tests run in
 * it, and the other way round; `cli.ts` is that of this project.
 */
const PROGRAMS: Record<string, string> = {
  fuse: `exec ${RUN} "${join(ROOT, "cli.ts")}" "$@"`,
  npx: `[ "$1" = -y ] && shift
case "$1" in deno@*) shift; exec deno "$@";; bun@*) shift; exec bun "$@";; esac
echo "npx: $1 is not known here" >&2; exit 1`,
  deno: `kind=run
case "$1" in run|test) kind=$1; shift;; -*|*.ts) ;; *) ${
    isDeno ? `exec "${process.execPath}" "$@"` : `echo "deno $1 is not known here" >&2; exit 1`
  };; esac
flags=()
while [[ "$1" == -* ]]; do flags+=("$1"); shift; done
[ "$1" = cli.ts ] && { shift; set -- "${join(ROOT, "cli.ts")}" "$@"; }
${
    isDeno
      ? `exec "${process.execPath}" $kind --quiet "\${flags[@]}" "$@"`
      : `[ $kind = test ] && exec "${process.execPath}" test "\${@/#/./}"
exec "${process.execPath}" "$@"`
  }`,
  bun: `kind=run
case "$1" in run|test) kind=$1; shift;; *.ts) ;; *) ${
    isDeno ? `echo "bun $1 is not known here" >&2; exit 1` : `exec "${process.execPath}" "$@"`
  };; esac
[ "$1" = cli.ts ] && { shift; set -- "${join(ROOT, "cli.ts")}" "$@"; }
${
    isDeno
      ? `exec "${process.execPath}" $kind -A --quiet "$@"`
      : `exec "${process.execPath}" $kind "$@"`
  }`,
};

/** A folder inside the project: there, code finds the library and packages by their names. */
export function temporaryFolder(): string {
  const folder = join(ROOT, ".readers");
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, "reader-"));
}

/** How a command ended. */
export interface Output {
  readonly code: number | null;
  /** What it wrote, to standard output and error as on a terminal. */
  readonly all: string;
  readonly stdout: string;
}

/** A folder, and a shell in it. */
export class Reader {
  readonly folder: string;
  readonly #home: string;
  #scripts = 0;

  constructor() {
    this.#home = temporaryFolder();
    this.folder = join(this.#home, "folder");
    mkdirSync(this.folder);
    mkdirSync(join(this.#home, "bin"));
    symlinkSync(join(ROOT, "examples"), join(this.folder, "examples"));
    for (const [name, script] of Object.entries(PROGRAMS)) {
      const path = join(this.#home, "bin", name);
      writeFileSync(path, `#!/usr/bin/env bash\n${script}\n`);
      chmodSync(path, 0o755);
    }
    writeFileSync(join(this.#home, "folder-now"), this.folder);
  }

  remove(): void {
    rmSync(this.#home, { recursive: true, force: true });
  }

  /** The folder that the last command went to. */
  get #here(): string {
    return readFileSync(join(this.#home, "folder-now"), "utf8").trim();
  }

  /** Saves a file. */
  save(file: string, text: string): void {
    const path = join(this.#here, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Changes a file as a diff shows it. */
  change(file: string, diff: string): void {
    const lines = diff.trimEnd().split("\n").filter((line) => !line.startsWith("@@"));
    const side = (mark: string) =>
      lines.filter((line) => line === "" || line.startsWith(" ") || line.startsWith(mark))
        .map((line) => line.slice(1) + "\n").join("");
    const path = join(this.#here, file);
    const text = readFileSync(path, "utf8");
    const [before, after] = [side("-"), side("+")];
    assert.equal(text.split(before).length, 2, `${file} has not once:\n${before}`);
    writeFileSync(path, text.replace(before, () => after));
  }

  /** Runs a script that stands for itself. */
  async runScript(code: string): Promise<Output> {
    const file = `example_${++this.#scripts}.ts`;
    this.save(file, code);
    return await this.type(`${RUN} ./${file}`);
  }

  /** Types a command; interrupts it by Ctrl-C when it has written that a number of nodes is done. */
  async type(command: string, { interruptAt, status = 0 }: {
    interruptAt?: number;
    status?: number | null;
  } = {}): Promise<Output> {
    const [now, variables] = ["folder-now", "variables"].map((name) => join(this.#home, name));
    const script = [
      existsSync(variables) ? `source "${variables}"` : "",
      `trap 'pwd > "${now}"; export -p > "${variables}"' EXIT`,
      `(exit ${status ?? 1})`,
      command,
    ].join("\n");
    const child = spawn("bash", ["-c", script], {
      cwd: this.#here,
      // A group of its own, as Ctrl-C goes to all that runs in the terminal.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        NO_COLOR: "1",
        FORCE_COLOR: undefined,
        PATH: `${join(this.#home, "bin")}:${process.env.PATH}`,
      },
    });
    let [all, stdout] = ["", ""];
    let isInterrupted = interruptAt === undefined;
    child.stdout.on("data", (data) => {
      all += data;
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      all += data;
      if (isInterrupted || !all.includes(`[${interruptAt}/`)) return;
      isInterrupted = true;
      process.kill(-child.pid!, "SIGINT");
    });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", resolve);
    });
    return { code, all, stdout };
  }

  /** Types what stands after each "$ ", and compares what comes with the lines below it. */
  async follow(session: string): Promise<void> {
    let status: number | null = 0;
    for (const part of session.split(/^\$ /m).slice(1)) {
      const { command, shown } = splitCommand(part);
      const done = /^[█░]+ (\d+)\/\d+.*\n\^C$/m.exec(shown)?.[1];
      const interruptAt = done === undefined ? undefined : Number(done);
      const { code, all } = await this.type(command, { interruptAt, status });
      const expected = shown.replace(/^[█░].*\n\^C\n/m, "");
      try {
        if (expected !== "") assertShown(expected, all);
        const mayFail = done !== undefined || /^error/m.test(expected);
        assert.ok(code === 0 || mayFail, `It ended with ${code}:\n${all}`);
      } catch (error) {
        (error as Error).message = `$ ${command}\n${(error as Error).message}\n${all}`;
        throw error;
      }
      status = code;
    }
  }
}

/** A command may go on in the next line, after a "\" or in a here-document. */
function splitCommand(part: string): { command: string; shown: string } {
  const lines = part.split("\n");
  let end = 1;
  while (lines[end - 1].endsWith("\\")) end++;
  return { command: lines.slice(0, end).join("\n"), shown: lines.slice(end).join("\n") };
}
