/** Files of the user's project, each read once. */

import { readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Parses JSON with comments and trailing commas, as lock files and configurations are written in. */
export type ParseJsonc = (text: string, errors: never[], options: object) => unknown;

/** Reads files, and remembers what it has read. */
export class Files {
  readonly #texts = new Map<string, string | undefined>();
  readonly #json = new Map<string, unknown>();
  readonly #real = new Map<string, string | undefined>();
  readonly #nearest = new Map<string, string[]>();
  readonly #parseJsonc: ParseJsonc;

  constructor(parseJsonc: ParseJsonc) {
    this.#parseJsonc = parseJsonc;
  }

  /** The text of a file; `undefined` if it can't be read. */
  text(path: string): string | undefined {
    return remember(this.#texts, path, () => attempt(() => readFileSync(path, "utf8")));
  }

  /** The bytes of a file. */
  bytes(path: string): Uint8Array | undefined {
    return attempt(() => readFileSync(path));
  }

  /** What a file of JSON holds; `undefined` if it can't be read. */
  json(path: string): Record<string, unknown> | undefined {
    return remember(this.#json, path, () => {
      const text = this.text(path);
      return text === undefined ? undefined : this.#parseJson(text);
    }) as Record<string, unknown> | undefined;
  }

  /** Plain JSON, which most are, takes much less time. */
  #parseJson(text: string): unknown {
    return attempt(() => JSON.parse(text)) ??
      this.#parseJsonc(text, [], { allowTrailingComma: true });
  }

  /** Where a file is, links followed; `undefined` if there is none. */
  find(path: string): string | undefined {
    return remember(
      this.#real,
      path,
      () => attempt(() => statSync(path).isFile() ? realpathSync(path) : undefined),
    );
  }

  /** The folder that a path means, links followed. */
  folder(path: string): string | undefined {
    return remember(
      this.#real,
      `${path}/`,
      () => attempt(() => statSync(path).isDirectory() ? realpathSync(path) : undefined),
    );
  }

  /** Paths of a name in a file's folder and in all above, nearest first. */
  above(path: string, name: string): string[] {
    const folder = dirname(path);
    return remember(this.#nearest, `${folder}\0${name}`, () => {
      const found: string[] = [];
      for (let at = folder;; at = dirname(at)) {
        const candidate = join(at, name);
        if (this.find(candidate) ?? this.folder(candidate)) found.push(candidate);
        if (dirname(at) === at) return found;
      }
    });
  }
}

function remember<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  if (!known.has(key)) known.set(key, make());
  return known.get(key)!;
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
