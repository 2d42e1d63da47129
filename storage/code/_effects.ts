/** Code beside a variable's declaration that may change what it stands for. */

import type { Mutation } from "./_notes.ts";
import { isFunctionSyntax, isTopLevel, type Item, type Module, usesWithin } from "./_module.ts";
import { keyOf, type Project, type Target, targetOf } from "./_project.ts";
import { isWithin, START, type Syntax } from "./_syntax.ts";
import { canChange, isLibraryCall } from "./_values.ts";

/** A statement or declaration that may change something. */
export interface Effect {
  /** The key of what it may change. */
  readonly key: string;
  readonly item: Item;
}

type Place = readonly [module: Module, item: Item];

/** Finds effects; what was found for a module is kept. */
export class Effects {
  readonly #project: Project;
  readonly #direct = new Map<Module, ReadonlyMap<Item, ReadonlySet<string>>>();
  readonly #calls = new Map<Item, readonly Place[]>();
  readonly #all = new Map<Module, readonly Effect[]>();

  constructor(project: Project) {
    this.#project = project;
  }

  /** What the code of a module may change, of its own variables and of those of other modules. */
  of(module: Module): readonly Effect[] {
    let all = this.#all.get(module);
    if (!all) {
      all = module.items.flatMap((item) =>
        this.#keysOf(module, item).map((key) => ({ key, item }))
      );
      this.#all.set(module, all);
    }
    return all;
  }

  #keysOf(module: Module, item: Item): string[] {
    const keys = new Set(this.#directOf(module).get(item));
    if (isRunAtOnce(module, item)) {
      for (const [other, called] of this.#called(module, item)) {
        for (const key of this.#directOf(other).get(called) ?? []) keys.add(key);
      }
    }
    return [...keys];
  }

  /** What each item changes itself. */
  #directOf(module: Module): ReadonlyMap<Item, ReadonlySet<string>> {
    let direct = this.#direct.get(module);
    if (!direct) this.#direct.set(module, direct = this.#readDirect(module));
    return direct;
  }

  #readDirect(module: Module): Map<Item, Set<string>> {
    const direct = new Map<Item, Set<string>>();
    const add = (at: number, key: string) => {
      const item = itemAt(module, at);
      if (!item) return;
      const known = direct.get(item) ?? new Set();
      direct.set(item, known.add(key));
    };
    for (const use of module.uses) {
      if (use.isWrite && isTopLevel(use)) add(use.at, `${module.path}#${use.name}`);
    }
    for (const mutation of module.notes.mutations) {
      const at = mutation.root[START];
      const use = usesWithin(module, mutation.root).find((use) => use.at === at);
      if (!use || !isTopLevel(use)) continue;
      const target = targetOf(this.#project.meaning(module, use));
      if (target && this.#changes(module, mutation, target)) add(at, keyOf(target));
    }
    return direct;
  }

  #changes(module: Module, mutation: Mutation, target: Target): boolean {
    const item = itemAt(module, mutation.root[START]);
    if (target.kind === "package") {
      // Almost all that is called of packages changes nothing there: what a statement calls for nothing else may.
      return mutation.how === "assigned" ||
        (item?.names.length === 0 && mutation.how !== "given");
    }
    if (target.kind !== "binding") return false;
    const [declaration] = target.module.bindings.get(target.name) ?? [];
    if (!declaration) return false;
    const root = mutation.root.name as string;
    if (this.#project.variable(module, root).kind === "namespace") {
      // Its first member is the variable of the other module.
      const path = mutation.path.slice(1);
      if (path.length === 0 && mutation.how === "called") return false;
      mutation = { ...mutation, path };
    }
    return canChange(this.#project, { mutation, module }, {
      item: declaration,
      module: target.module,
    });
  }

  /** All functions that an item may call when its module is evaluated, those that they call included. */
  #called(module: Module, item: Item): Iterable<Place> {
    const found = new Map<Item, Place>();
    const queue: Place[] = [[module, item]];
    for (const place of queue) {
      for (const next of this.#calledBy(...place)) {
        if (found.has(next[1])) continue;
        found.set(next[1], next);
        queue.push(next);
      }
    }
    return found.values();
  }

  /** The functions that an item names. */
  #calledBy(module: Module, item: Item): readonly Place[] {
    const known = this.#calls.get(item);
    if (known) return known;
    const given = this.#givenToLibrary(module, item.node);
    const called = usesWithin(module, item.node).flatMap((use): Place[] => {
      if (!isTopLevel(use) || given.some((node) => isWithin(use.at, node))) return [];
      const meaning = this.#project.meaning(module, use);
      if (meaning.kind !== "binding") return [];
      const items = meaning.module.bindings.get(meaning.name) ?? [];
      return items.filter(({ value }) => isFunctionSyntax(value))
        .map((item) => [meaning.module, item]);
    });
    this.#calls.set(item, called);
    return called;
  }

  /** Functions and names that are given to this library, which does not call them while a graph is built. */
  #givenToLibrary(module: Module, within: Syntax): Syntax[] {
    return module.notes.calls
      .filter(({ node, callee }) =>
        isWithin(node[START], within) && isLibraryCall(this.#project, module, callee)
      )
      .flatMap(({ args }) => args)
      .filter((arg) => isFunctionSyntax(arg) || arg.type === "Identifier");
  }
}

/** Whether an item calls something when its module is evaluated. */
function isRunAtOnce({ notes }: Module, { node, value }: Item): boolean {
  return !isFunctionSyntax(value) &&
    notes.calls.some((call) => call.isImmediate && isWithin(call.node[START], node));
}

/** The item at a position. */
export function itemAt({ items }: Module, at: number): Item | undefined {
  return items.find(({ node }) => isWithin(at, node));
}
