/** The processes of this machine. */

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Those below one, parents before their children. */
export function processesBelow(root: number): { readonly pid: number; readonly command: string }[] {
  const all = process.platform === "linux" ? listFromProc() : listFromPs();
  const found: Listed[] = [];
  const todo = [root];
  while (todo.length > 0) {
    const parent = todo.shift()!;
    const below = all.filter((one) => one.parent === parent);
    found.push(...below);
    todo.push(...below.map(({ pid }) => pid));
  }
  return found.map(({ pid, command }) => ({ pid, command }));
}

function listFromProc(): Listed[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const [state, parent] = readFileSync(`/proc/${name}/stat`, "utf8")
        .replace(/^.*\) /s, "").split(" ");
      // Which has ended, and waits for its parent to notice.
      if (state === "Z") return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replace(/\0+/g, " ").trim();
      return [{ pid: Number(name), parent: Number(parent), command }];
    } catch {
      return [];
    }
  });
}

function listFromPs(): Listed[] {
  const listed = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  return [...listed.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)]
    .map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command }));
}
