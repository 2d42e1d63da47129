/** Names of what is stored, for shells to complete: only where that is quick, and never with an error. */

import { existsSync } from "node:fs";
import type { Storage } from "../core/storage.ts";
import { FileStorage } from "../storage/mod.ts";
import { listWorkflows, openPlace } from "./_stored.ts";

/** The names of the workflows in the storage that the words of a command name. */
export async function storedWorkflows(words: readonly string[]): Promise<string[]> {
  return await quietly(words, (storage) => listWorkflows(storage));
}

/** The names of the tasks of the workflow that is among the words. */
export async function storedTasks(
  words: readonly string[],
  workflows: readonly string[],
): Promise<string[]> {
  const workflow = words.slice(1, -1).find((word) => workflows.includes(word));
  if (workflow === undefined) return [];
  return await quietly(words, (storage) => storage.listTasks(workflow));
}

async function quietly(
  words: readonly string[],
  list: (storage: Storage) => Promise<string[]>,
): Promise<string[]> {
  try {
    const storage = await openPlace({
      storage: valueOf("--storage", words),
      config: words.includes("--no-config") ? false : valueOf("--config", words),
    }, true);
    // A server may take long to answer.
    if (!(storage instanceof FileStorage) || !existsSync(storage.location)) return [];
    return (await list(storage)).filter(isPlainWord);
  } catch {
    return [];
  }
}

function valueOf(flag: string, words: readonly string[]): string | undefined {
  const at = words.indexOf(flag);
  return at >= 0 && at < words.length - 2 ? words[at + 1] : undefined;
}

/** Each shell quotes otherwise, so that only those names are offered that need no quotes. */
function isPlainWord(name: string): boolean {
  return /^[\p{L}\p{N}_@%+=:,.][\p{L}\p{N}_@%+=:,./-]*$/u.test(name);
}
