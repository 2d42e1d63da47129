/** Looks up in this process what a host knows by reference. */

import type { AnyFunction } from "./callable.ts";
import { digestOf, findCarried, keepCarried, type Reference } from "./carried.ts";
import { type Definition, methodDefinition } from "./definition.ts";
import type { Plugin, PluginHooks } from "./plugin.ts";
import { type Known, runProgram } from "./groups.ts";
import type { LoadItem, LoadProblem, ProgramItem } from "./protocol.ts";

/** How modules are imported. */
export interface Importer {
  /** The URL of the module that the process runs by itself, if that may be asked for: it is not imported again. */
  readonly main?: string;
  /** Imports a module. */
  load(url: string): Promise<unknown>;
}

/** What has been looked up, by the numbers that the host gave it. */
export class Lookup {
  readonly known = new Map<number, Known>();
  readonly #importer: Importer;
  readonly #imports = new Map<string, Promise<string | undefined>>();
  #stopImport: () => void = () => {};
  #isMainStopped = false;

  constructor(importer: Importer) {
    this.#importer = importer;
    keepCarried();
  }

  /** The module that is being imported has come to a `run()`: it is as good as imported. */
  stopImport(): void {
    this.#isMainStopped = true;
    this.#stopImport();
  }

  /** Looks things up; gives what could not be found. */
  async load(items: readonly (LoadItem | ProgramItem)[]): Promise<LoadProblem[]> {
    const problems: LoadProblem[] = [];
    for (const item of items) {
      if ("program" in item) this.#enter(item);
      else {
        const problem = await this.#find(item);
        if (problem) problems.push({ id: item.id, ...problem });
      }
    }
    return problems;
  }

  /** A group is a function of what was looked up before; where some of that is missing, the host does not send it. */
  #enter({ id, program }: ProgramItem): void {
    const known = (id: number) => this.known.get(id)!;
    this.known.set(id, (...given) => runProgram(program, known, given));
  }

  async #find(item: LoadItem): Promise<Omit<LoadProblem, "id"> | undefined> {
    const { reference } = item;
    const failure = await this.#import(reference.module);
    const origin = findCarried(reference);
    if (!origin) return { kind: "missing", text: failure ?? notMade(reference) };
    const { name, digest } = reference;
    if (origin.name !== name || (digest !== undefined && await digestOf(origin.code) !== digest)) {
      return {
        kind: "changed",
        text: `${reference.module} makes another ${origin.name} in its place`,
      };
    }
    try {
      this.known.set(item.id, resolve(origin.value, item));
    } catch (error) {
      return { kind: "missing", text: `it can't be made: ${String(error)}` };
    }
  }

  /** Imports once; gives why it went wrong, if it did. A module that comes to a `run()` is as good as imported. */
  #import(url: string): Promise<string | undefined> {
    const known = this.#imports.get(url);
    if (known) return known;
    if (url === this.#importer.main && this.#isMainStopped) return Promise.resolve(undefined);
    const imported = new Promise<string | undefined>((done) => {
      this.#stopImport = () => done(undefined);
      this.#importer.load(url).then(
        () => done(undefined),
        (error) => done(`importing ${url} in a worker failed: ${String(error)}`),
      );
    });
    this.#imports.set(url, imported);
    return imported;
  }
}

function notMade({ module, name }: Reference): string {
  return `importing ${module} does not make ${
    name ? `"${name}"` : "it"
  } there, as it is made inside a call or after the first run()`;
}

function resolve(value: unknown, { reference, method, options }: LoadItem) {
  switch (reference.kind) {
    case "definition":
      return method === undefined
        ? value as Definition
        : methodDefinition(value as Definition, method);
    case "plugin":
      return (value as (options: unknown) => PluginHooks)(options);
    case "pluginUse":
      return (value as Plugin).hooks;
    case "replacement":
      return value as AnyFunction;
  }
}
