/** What users say of workflows and tasks, checked and as names of folders and objects. */

import type { TaskSelection } from "../core/storage.ts";
import { picomatch } from "./_libraries.ts";
import { keyOf } from "./keys.ts";

/** What the names of objects end with. */
export const SUFFIX = ".fuse";

/** The folder of a workflow. */
export function folderOf(workflow: string): string {
  checkName("workflow", workflow);
  return keyOf(workflow);
}

/** The object of a task. */
export function objectOf(task: string): string {
  checkName("task", task);
  return keyOf(task) + SUFFIX;
}

/** Checks which tasks are meant. */
export function checkSelection(selection: TaskSelection): { taskName?: string; pattern?: string } {
  const { taskName, pattern } = (selection ?? {}) as { taskName?: string; pattern?: string };
  if ((typeof taskName === "string") !== (typeof pattern === "string")) {
    return { taskName, pattern };
  }
  throw new TypeError(
    "Cannot remove tasks as either 'taskName' or 'pattern' must be a text: " +
      (taskName === undefined ? "both are missing." : "both are there."),
  );
}

function checkName(what: string, name: string): void {
  if (typeof name === "string" && name !== "" && name.isWellFormed()) return;
  throw new TypeError(
    `Cannot use a storage as '${what}' must be a well-formed text of at least one character: current value is ${
      typeof name === "string" ? JSON.stringify(name) : typeof name
    }.`,
  );
}

/** Globs here know no folders: `*` and `?` match slashes too, as they do in the names that people give. */
export function compileGlob(glob: string): (name: string) => boolean {
  if (glob === "*") return () => true;
  const flat = (text: string) => `=${text.replaceAll("/", "\u001f")}`;
  const matches = picomatch(flat(glob), { bash: true, dot: true, windows: false, flags: "s" });
  return (name) => matches(flat(name));
}
