/** Places for what serializers write: in folders of files, and in memory. */

import * as fs from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import type { Place } from "./object_store.ts";

/** Runs an action on a path, and gives its failures as the storage's own. */
export type Attempt = <T>(
  operation: "save" | "read" | "list" | "remove",
  path: string,
  action: () => T,
) => Promise<T>;

/** A place in a folder of files. */
export class FilePlace implements Place {
  constructor(readonly path: string, readonly attempt: Attempt) {}

  get location(): string {
    return this.path;
  }

  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const path = this.#file(name);
    return this.attempt("save", path, () => {
      fs.mkdirSync(dirname(path), { recursive: true });
      fs.writeFileSync(path, bytes);
    });
  }

  size(name: string): Promise<number | undefined> {
    const path = this.#file(name);
    return this.attempt("read", path, () => fs.statSync(path, { throwIfNoEntry: false })?.size);
  }

  read(
    name: string,
    range?: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = this.#file(name);
    return this.attempt("read", path, () => {
      const found = fs.statSync(path, { throwIfNoEntry: false });
      if (!found?.isFile()) return undefined;
      const { offset, length } = range ?? { offset: 0, length: found.size };
      const bytes = new Uint8Array(Math.max(0, Math.min(length, found.size - offset)));
      const file = fs.openSync(path, "r");
      try {
        for (let done = 0; done < bytes.length;) {
          const count = fs.readSync(file, bytes, done, bytes.length - done, offset + done);
          if (count === 0) return bytes.subarray(0, done);
          done += count;
        }
        return bytes;
      } finally {
        fs.closeSync(file);
      }
    });
  }

  list(): Promise<Map<string, number>> {
    return this.attempt("list", this.path, () => {
      const sizes = new Map<string, number>();
      if (!fs.existsSync(this.path)) return sizes;
      for (const entry of fs.readdirSync(this.path, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        sizes.set(relative(this.path, path).split(sep).join("/"), fs.statSync(path).size);
      }
      return sizes;
    });
  }

  remove(): Promise<void> {
    return this.attempt("remove", this.path, () => {
      fs.rmSync(this.path, { recursive: true, force: true });
    });
  }

  #file(name: string): string {
    return join(this.path, checkedName(name));
  }
}

/** A place in memory: the files of one name each. */
export class MemoryPlace implements Place {
  readonly path = undefined;

  /** `files` are those of all places; `name` is what this one's begin with. */
  constructor(readonly files: Map<string, Uint8Array<ArrayBuffer>>, readonly name: string) {}

  get location(): string {
    return `memory ${this.name}`;
  }

  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.files.set(this.#key(name), bytes.slice());
    return Promise.resolve();
  }

  size(name: string): Promise<number | undefined> {
    return Promise.resolve(this.files.get(this.#key(name))?.length);
  }

  read(
    name: string,
    range?: { offset: number; length: number },
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const bytes = this.files.get(this.#key(name));
    const { offset, length } = range ?? { offset: 0, length: Infinity };
    return Promise.resolve(bytes?.slice(offset, offset + length));
  }

  list(): Promise<Map<string, number>> {
    const start = this.#key("");
    const sizes = new Map<string, number>();
    for (const [key, { length }] of this.files) {
      if (key.startsWith(start)) sizes.set(key.slice(start.length), length);
    }
    return Promise.resolve(sizes);
  }

  remove(): Promise<void> {
    const start = this.#key("");
    for (const key of this.files.keys()) if (key.startsWith(start)) this.files.delete(key);
    return Promise.resolve();
  }

  #key(name: string): string {
    return `${this.name}/${name}`;
  }
}

/** No file of a place lies outside of it. */
export function checkedName(name: string): string {
  const isInside = name.split("/").every((part) => !["", ".", ".."].includes(part)) &&
    !/[\\\0]/.test(name);
  if (isInside) return name;
  throw new TypeError(
    `Cannot use a file of a serializer's place as 'name' must be one or more names with slashes between: current value is ${
      JSON.stringify(name)
    }.`,
  );
}
