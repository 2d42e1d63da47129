/** What the top level of modules does when they are evaluated, and to which variables. */

import { MAYBE } from "./_aliases.ts";
import { Graph } from "./_graph.ts";
import { isFunctionSyntax, type Item, type Module } from "./_module.ts";
import { keyOf, type Project, type Target, targetOf } from "./_project.ts";
import { Summarizer } from "./_summaries.ts";
import { GLOBALS, type Summary } from "./_summary.ts";
import { START, type Syntax } from "./_syntax.ts";
import { isConstant, isPlain } from "./_values.ts";

/** A statement or declaration that takes part in making what a variable stands for. */
export interface Done {
  readonly module: Module;
  readonly target: Target;
}

/** What modules do together. */
export interface State {
  /** Modules that are imported only to be run. */
  readonly runs: readonly Target[];
  /** All that may change some of the variables, or what they share with others, in the order in which it is evaluated. */
  changing(keys: readonly string[]): readonly Done[];
  /** Functions that change them when they are called, by whomever. */
  changers(keys: readonly string[]): readonly Target[];
}

/** An item that reads or changes what can be changed. */
interface Step extends Done {
  /** Of the variables that it uses and declares: they may share something after it. */
  readonly keys: readonly string[];
  readonly isEffect: boolean;
}

/** Finds effects; what was found for a module is kept. */
export class Effects {
  readonly #project: Project;
  readonly #graph: Graph;
  readonly #steps = new Map<Module, readonly Step[]>();
  readonly #functions = new Map<Syntax, Summary>();
  readonly #states = new Map<string, State>();

  constructor(project: Project) {
    this.#project = project;
    this.#graph = new Graph(project);
  }

  /** What modules do, and all that they import. */
  of(roots: Iterable<Module>): State {
    const modules = this.#evaluated(roots);
    const key = modules.map(({ path }) => path).join("\n");
    let state = this.#states.get(key);
    if (!state) this.#states.set(key, state = this.#stateOf(modules));
    return state;
  }

  /** In the order in which they are evaluated. */
  #evaluated(roots: Iterable<Module>): Module[] {
    const seen = new Set<Module>();
    const ordered: Module[] = [];
    const visit = (module: Module) => {
      if (seen.has(module)) return;
      seen.add(module);
      for (const specifier of module.specifiers) {
        const target = this.#imported(module, specifier);
        if (target?.kind === "whole") visit(target.module);
      }
      ordered.push(module);
    };
    for (const root of roots) visit(root);
    return ordered;
  }

  #imported(module: Module, specifier: string): Target | undefined {
    return targetOf(this.#project.import(module, { specifier, name: "*" }));
  }

  #stateOf(modules: readonly Module[]): State {
    const steps = modules.flatMap((module) => this.#stepsOf(module));
    const changers = modules.flatMap((module) => this.#changersOf(module));
    const groups = new Groups();
    for (const { keys } of steps) groups.join(keys);
    const changed = new Set(
      steps.filter(({ isEffect }) => isEffect).map(({ keys: [key] }) => groups.of(key)),
    );
    return {
      runs: modules.flatMap((module) =>
        module.effects.flatMap((specifier) => this.#imported(module, specifier) ?? [])
      ),
      changing: (keys) => {
        const asked = new Set([...keys, GLOBALS].map((key) => groups.of(key)));
        return steps.filter(({ keys: [key] }) =>
          changed.has(groups.of(key)) && asked.has(groups.of(key))
        );
      },
      changers: (keys) => {
        const asked = new Set(keys.map((key) => groups.of(key)));
        return changers.filter(({ key }) => asked.has(groups.of(key))).map(({ target }) => target);
      },
    };
  }

  #changersOf(module: Module): readonly { key: string; target: Target }[] {
    return module.items.filter(isPlain).flatMap(({ names: [name], value }) =>
      name === undefined ? [] : [...this.#function(module, value!).changed].map((key) => (
        { key, target: { kind: "binding", module, name } as const }
      ))
    );
  }

  #stepsOf(module: Module): readonly Step[] {
    let steps = this.#steps.get(module);
    if (!steps) {
      steps = module.items.flatMap((item) => this.#stepOf(module, item) ?? [])
        .toSorted((a, b) => a.at - b.at);
      this.#steps.set(module, steps);
    }
    return steps;
  }

  #stepOf(module: Module, item: Item): Step & { readonly at: number } | undefined {
    if (isPlain(item)) return undefined;
    const [name] = item.names;
    const target: Target = name === undefined
      ? { kind: "statement", module, item }
      : { kind: "binding", module, name };
    const { keys, isEffect } = this.#evaluate(module, item.node);
    const isState = !isConstant(item) && !this.#graph.has(module, item.value);
    if (!isEffect && (!isState || name === undefined)) return undefined;
    const own = isState || isFunctionSyntax(item.value)
      ? item.names.map((name) => keyOf({ kind: "binding", module, name }))
      : [];
    const all = [...new Set([...keys, ...own])];
    if (all.length === 0) return undefined;
    return { module, target, keys: all, isEffect, at: item.node[START] };
  }

  /** What evaluating a piece of code may do, with all functions that it may call. */
  #evaluate(module: Module, node: Syntax): { keys: Set<string>; isEffect: boolean } {
    const own = new Summarizer(this.#project, this.#graph, module, node).read(false);
    const keys = new Set(own.keys);
    let changes = own.changes || own.changesGiven;
    const queue = [...own.calls];
    const seen = new Map<Syntax, number>();
    for (const { module, node, given, isLive } of queue) {
      const isGiven = (given & MAYBE) !== 0;
      const state = (isGiven ? 1 : 0) | (isLive ? 2 : 0);
      const known = seen.get(node) ?? 0;
      if (seen.has(node) && (known | state) === known) continue;
      seen.set(node, known | state);
      const summary = this.#function(module, node);
      for (const key of summary.keys) if (isLive || key !== GLOBALS) keys.add(key);
      if (isLive) changes ||= summary.changes || isGiven && summary.changesGiven;
      for (const call of summary.calls) {
        // What was given to it may be given on.
        const { given } = call;
        const passed = given & MAYBE || isGiven && given ? MAYBE : 0;
        queue.push({ ...call, given: passed, isLive });
      }
    }
    return { keys, isEffect: changes && keys.size > 0 };
  }

  #function(module: Module, node: Syntax): Summary {
    let summary = this.#functions.get(node);
    if (!summary) {
      summary = new Summarizer(this.#project, this.#graph, module, node).read(true);
      this.#functions.set(node, summary);
    }
    return summary;
  }
}

/** Keys that belong together. */
class Groups {
  readonly #parents = new Map<string, string>();

  of(key: string): string {
    let at = key;
    for (let next = this.#parents.get(at); next !== undefined; next = this.#parents.get(at)) {
      at = next;
    }
    return at;
  }

  join([first, ...others]: readonly string[]): void {
    for (const key of others) {
      const [a, b] = [this.of(first), this.of(key)];
      if (a !== b) this.#parents.set(a, b);
    }
  }
}
