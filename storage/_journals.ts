/** The journals of runs, beside the objects of their workflow. */

import { keyOf, nameOf } from "./keys.ts";
import type { ObjectStore } from "./object_store.ts";

const SUFFIX = ".jsonl";

/** Journals in any place that keeps objects. */
export class Journals {
  readonly #objects: ObjectStore;

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  async add(folder: string, run: string, lines: string): Promise<void> {
    await this.#objects.append(folder, keyOf(run) + SUFFIX, lines);
  }

  /** The ids of the runs, sorted, which is by time. */
  async list(folder: string): Promise<string[]> {
    const runs: string[] = [];
    for (const object of await this.#objects.list(folder)) {
      if (!object.endsWith(SUFFIX)) continue;
      // Ids have capitals, for which keys have digests.
      const run = nameOf(object.slice(0, -SUFFIX.length));
      if (run !== undefined) runs.push(run);
    }
    return runs.sort();
  }

  async read(folder: string, run: string): Promise<string | undefined> {
    const object = await this.#objects.open(folder, keyOf(run) + SUFFIX);
    if (!object) return undefined;
    try {
      return new TextDecoder().decode(await object.read(0, object.byteLength));
    } finally {
      await object.close();
    }
  }
}
