/** Everything that a piece of code uses. */

import type { Origin } from "../core/carried.ts";
import type { CodePrint } from "../core/storage.ts";
import { type Done, Effects, type State } from "./_effects.ts";
import { isTopLevel, itemAt, type Module, usesWithin } from "./_module.ts";
import {
  digestOf,
  keyOf,
  labelFrom,
  labelOf,
  pathFrom,
  type Project,
  type Target,
  targetOf,
} from "./_project.ts";
import { findRoot, folderOf, placeOf, type Root } from "./_roots.ts";
import { isWithin, START, type Syntax } from "./_syntax.ts";

/** One piece of code: its own text and what it refers to. */
interface Piece {
  readonly digest: string;
  readonly edges: readonly Target[];
  /** What can't be followed in it. */
  readonly hazards: readonly Hazard[];
}

interface Hazard {
  readonly module: Module;
  readonly at: number;
  readonly what: string;
}

/** Follows code; what was found for a piece is kept. */
export class Follower {
  readonly #project: Project;
  readonly #effects: Effects;
  readonly #pieces = new Map<string, Piece>();

  constructor(project: Project) {
    this.#project = project;
    this.#effects = new Effects(project);
  }

  /** What an origin uses; `undefined` if its module can't be read. */
  print(origin: Origin): CodePrint | undefined {
    const root = findRoot(this.#project, origin);
    if (!root) return undefined;
    const own = this.#read(root.module, root.nodes);
    const reached = new Reached({
      piece: (target) => this.#piece(target),
      state: (modules) => this.#effects.of(modules),
    });
    reached.modules.add(root.module);
    for (const target of own.edges) reached.add(target);
    for (const module of root.whole?.modules ?? []) reached.add({ kind: "whole", module });
    const { binding: name, module } = root;
    if (name !== undefined) reached.add({ kind: "binding", module, name });
    reached.follow(namesOf(root));
    const digests = new Map<string, string[]>();
    if (root.nodes.length > 0) digests.set(origin.name || "its function", [own.digest]);
    for (const target of reached.targets) {
      const label = labelOf(target, folderOf(root));
      digests.set(label, [...(digests.get(label) ?? []), this.#piece(target).digest]);
    }
    for (const [module, ordered] of Map.groupBy(reached.done, ({ module }) => module)) {
      const label = `${pathFrom(folderOf(root), module.path)}#(top level)`;
      digests.set(label, [digestOf(...ordered.map(({ target }) => this.#piece(target).digest))]);
    }
    const order = [
      ...new Set(reached.done.map(({ module }) => pathFrom(folderOf(root), module.path))),
    ];
    if (order.length > 1) digests.set("(order of imports)", [digestOf(order.join("\n"))]);
    const hazards = [...own.hazards, ...reached.targets.flatMap((at) => this.#piece(at).hazards)];
    return { ...combine(digests), unfollowed: explain(origin.name, root, hazards) };
  }

  #piece(target: Target): Piece {
    const key = keyOf(target);
    let piece = this.#pieces.get(key);
    if (!piece) this.#pieces.set(key, piece = this.#make(target));
    return piece;
  }

  #make(target: Target): Piece {
    switch (target.kind) {
      case "binding": {
        const items = target.module.bindings.get(target.name) ?? [];
        return this.#read(target.module, items.map(({ node }) => node));
      }
      case "statement":
        return this.#read(target.module, [target.item.node]);
      case "whole":
        return this.#readWhole(target.module);
      case "package":
        return { digest: digestOf(JSON.stringify(target.all)), edges: [], hazards: [] };
      case "file": {
        const bytes = this.#project.files.bytes(target.path);
        return { digest: digestOf(bytes ?? "missing"), edges: [], hazards: [] };
      }
    }
  }

  /** Nodes of a module with all names and modules that they use. */
  #read(module: Module, nodes: readonly Syntax[]): Piece {
    const edges = new Map<string, Target>();
    const names = new Set<string>();
    const note = (name: string, target: Target | undefined) => {
      if (!target) return;
      names.add(`${name}=${labelFrom(target, module)}`);
      edges.set(keyOf(target), target);
    };
    const hazards: Hazard[] = [];
    for (const node of nodes) {
      for (const use of usesWithin(module, node)) {
        if (isTopLevel(use)) note(use.name, targetOf(this.#project.meaning(module, use)));
      }
      for (const { at, specifier } of module.notes.dynamic) {
        if (isWithin(at, node)) note(specifier, this.#imported(module, specifier));
      }
      for (const { at, what } of module.notes.hazards) {
        if (isWithin(at, node)) hazards.push({ module, at, what });
      }
    }
    if (hazards.length > 0) edges.set(module.path, { kind: "whole", module });
    const digest = digestOf(JSON.stringify([nodes, [...names].sort()]));
    return { digest, edges: [...edges.values()], hazards };
  }

  #readWhole(module: Module): Piece {
    const { failure, program, text, notes } = module;
    const edges = [...module.specifiers].flatMap((specifier) =>
      this.#imported(module, specifier) ?? []
    );
    const hazards = failure === undefined
      ? notes.hazards.map(({ at, what }) => ({ module, at, what }))
      : [{ module, at: 0, what: `what can't be parsed (${failure})` }];
    const digest = digestOf(failure === undefined ? JSON.stringify(program) : text);
    return { digest, edges, hazards };
  }

  #imported(module: Module, specifier: string): Target | undefined {
    return targetOf(this.#project.import(module, { specifier, name: "*" }));
  }
}

/** The keys of the variables that stand for what a root makes. */
function namesOf({ module, nodes }: Root): string[] {
  return nodes.flatMap((node) => itemAt(module, node[START])?.names ?? [])
    .map((name) => keyOf({ kind: "binding", module, name }));
}

/** What `Reached` asks of code. */
interface Code {
  piece(target: Target): Piece;
  state(modules: Iterable<Module>): State;
}

/** What was reached from a root, cycles and all. */
class Reached {
  readonly targets: Target[] = [];
  readonly modules: Set<Module> = new Set();
  /** What is done at the top level of modules, in its order. */
  done: readonly Done[] = [];
  readonly #code: Code;
  readonly #keys = new Set<string>();

  constructor(code: Code) {
    this.#code = code;
  }

  add(target: Target): void {
    const key = keyOf(target);
    if (this.#keys.has(key)) return;
    this.#keys.add(key);
    this.targets.push(target);
    if ("module" in target) this.modules.add(target.module);
  }

  /** Adds all that was reached refers to, and all that may change it; `own` are variables that stand for the root. */
  follow(own: readonly string[]): void {
    let next = 0;
    do {
      for (; next < this.targets.length; next++) {
        for (const other of this.#code.piece(this.targets[next]).edges) this.add(other);
      }
      const state = this.#code.state(this.modules);
      for (const target of state.runs) this.add(target);
      const keys = [...own, ...this.targets.flatMap(keysOf)];
      this.done = state.changing(keys);
      for (const { target } of this.done) this.add(target);
      for (const target of state.changers(keys)) this.add(target);
    } while (next < this.targets.length);
  }
}

/** A module that is taken as a whole has all of its variables. */
function keysOf(target: Target): string[] {
  if (target.kind !== "whole") return [keyOf(target)];
  const { module } = target;
  return [...module.bindings.keys()].map((name) => keyOf({ kind: "binding", module, name }));
}

/** One digest of all, and shorter ones of each. */
function combine(
  digests: ReadonlyMap<string, readonly string[]>,
): Pick<CodePrint, "digest" | "parts"> {
  const all = [...digests].map(([label, own]) => [label, digestOf(...own.toSorted())] as const)
    .sort(([a], [b]) => a < b ? -1 : 1);
  const parts = Object.fromEntries(all.map(([label, digest]) => [label, digest.slice(0, 16)]));
  return { digest: digestOf(JSON.stringify(all)), parts };
}

/** Why more was taken than what is used; `undefined` if all could be followed. */
function explain(name: string, root: Root, hazards: readonly Hazard[]): string | undefined {
  const [first] = hazards.toSorted((a, b) =>
    a.module.path < b.module.path ? -1 : a.module.path > b.module.path ? 1 : a.at - b.at
  );
  const reason = root.whole?.reason ??
    (first && `uses ${first.what} at ${placeOf(first.module, first.at)}`);
  if (reason === undefined) return undefined;
  const modules = root.whole?.modules ?? [first.module];
  const names = modules.map(({ path }) => pathFrom(folderOf(root), path)).join(" or ");
  return `"${name}" ${reason}, so any change in ${names} runs it again.`;
}
