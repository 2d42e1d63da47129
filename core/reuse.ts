/**
 * Which stored values are still right, and which might turn out to be: what decides that a node need not run.
 *
 * A value is right when its recipe is what it would be now. The recipe tells the values that the node read by their bytes;
 * so it can be compared once all of these are known. While one is still to be computed, the node is one to check: if that
 * gives what it gave before, the node need not run.
 */

import { isFuseError, type StorageError } from "./errors.ts";
import { type Graph, settingsOf } from "./graph.ts";
import { findNumbers } from "./query.ts";
import type { Pattern } from "./names.ts";
import type { Parents, Recipes } from "./recipes.ts";
import type { ExpectedValue, Recipe, StoredRecord } from "./storage.ts";

/** When a stored value is used: when running the node would give the same, or whenever there is one of its name. */
export type ReuseRule = "exact" | "name";

/** What is known of a node's stored value. */
export type Standing =
  /** It is right. */
  | "right"
  /** It depends on values that are not known yet. */
  | "check"
  /** There is none, or it is not right any more. */
  | "none";

/** What a reuse is decided by. */
export interface ReuseSetup {
  readonly graph: Graph;
  readonly rule: ReuseRule;
  /** Without them, names alone count. */
  readonly recipes: Recipes | undefined;
  readonly records: ReadonlyMap<string, StoredRecord | StorageError>;
  /** The nodes that are to run whatever is stored. */
  readonly rerun: Pattern | undefined;
}

/** The standing of all nodes' stored values, as far as it is known at each moment of a run. */
export class Reuse {
  readonly #setup: ReuseSetup;
  readonly #standings: Standing[];
  /** What tells a node's value from others, once it is known. */
  readonly #identities: (string | undefined)[];
  /** Of the stored values that are right, what the storage tells them apart by. */
  readonly #digests: (string | undefined)[];
  /** The same for the state in which a call leaves its instance. */
  readonly #states: (string | undefined)[];
  readonly #reasons = new Map<number, string>();
  readonly #forced: ReadonlySet<number>;

  constructor(setup: ReuseSetup) {
    this.#setup = setup;
    const count = setup.graph.nodes.length;
    this.#standings = new Array(count).fill("none");
    this.#identities = new Array(count);
    this.#digests = new Array(count);
    this.#states = new Array(count);
    this.#forced = new Set(
      setup.rerun === undefined ? [] : findNumbers(setup.graph, setup.rerun),
    );
    for (let i = 0; i < count; i++) this.#judge(i);
  }

  /** What is known of the node's stored value. */
  standing(i: number): Standing {
    return this.#standings[i];
  }

  /** Why the node runs, or may run. */
  reason(i: number): string | undefined {
    return this.#reasons.get(i);
  }

  /** What the node's value is made from, to be kept with it; `undefined` if a part of that is not known. */
  recipe(i: number): Recipe | undefined {
    const parents = this.#parents(i);
    return parents && this.#setup.recipes?.recipe(i, parents);
  }

  /** Whether the node can have a stored value. */
  isStorable(i: number): boolean {
    const { graph } = this.#setup;
    return graph.nodes[i].definition.kind !== "constructor" &&
      settingsOf(graph, i)?.isStored !== false;
  }

  /**
   * Looks again at a node to check, when all that it reads is known. Whether it need not run: as its stored value is right,
   * or, of a constructor, for now.
   */
  check(i: number): boolean {
    if (this.#setup.graph.nodes[i].definition.kind === "constructor") {
      this.#settle(i, undefined);
      return true;
    }
    if (this.standing(i) === "check") this.#judge(i);
    if (this.standing(i) === "check") this.#standings[i] = "none";
    return this.standing(i) === "right";
  }

  /** Looks again at all nodes to check, as more is known now. */
  refresh(): void {
    for (let i = 0; i < this.#standings.length; i++) {
      if (this.#standings[i] === "check") this.#judge(i);
    }
  }

  /** The node has run; whether its value was saved, and what tells that from others if the storage knows. */
  hasRun(i: number, isSaved: boolean, valueDigest?: string): void {
    this.#standings[i] = isSaved ? "right" : "none";
    this.#digests[i] = valueDigest;
    this.#settle(i, valueDigest);
  }

  /** Which stored value is right; `undefined` if the storage does not tell them apart. */
  expected(i: number): ExpectedValue | undefined {
    const valueDigest = this.#digests[i];
    return valueDigest === undefined ? undefined : { valueDigest };
  }

  /** The node's stored value can't be read. */
  isUnreadable(i: number): void {
    this.#standings[i] = "none";
    this.#reasons.set(i, "its stored value is damaged or gone");
  }

  #judge(i: number): void {
    const reason = this.#findReason(i);
    this.#standings[i] = reason === undefined ? "right" : reason === MAYBE ? "check" : "none";
    if (reason !== undefined && reason !== MAYBE) this.#reasons.set(i, reason);
    const { records, graph } = this.#setup;
    if (reason === undefined) {
      const { valueDigest } = records.get(graph.nodes[i].name) as StoredRecord;
      this.#digests[i] = valueDigest || undefined;
      this.#settle(i, valueDigest);
    } else if (!this.isStorable(i)) this.#settle(i, undefined);
    else if (this.#isOfInstance(i)) this.#settleState(i);
  }

  /** How a call leaves its instance is known before it runs: that is not told by its value. */
  #settleState(i: number): void {
    const parents = this.#parents(i);
    if (parents) this.#states[i] = this.#setup.recipes?.fingerprint(i, parents);
  }

  /** Why the node has to run; `undefined` if its stored value is right. */
  #findReason(i: number): string | typeof MAYBE | undefined {
    const { graph, records, recipes, rule } = this.#setup;
    if (!this.isStorable(i)) return "it is not stored";
    const record = records.get(graph.nodes[i].name);
    if (!record) return "nothing is stored of it";
    if (isFuseError(record, "StorageError")) return "its stored value is damaged";
    if (this.#forced.has(i)) return "it was asked to";
    if (rule === "name" || !recipes) return undefined;
    const { recipe } = record as StoredRecord;
    if (!recipe) return "its stored value does not say what it was made from";
    const unknown = recipes.whyUnknown(i);
    if (unknown) return `nothing tells whether its arguments changed: ${unknown}`;
    return recipes.whatChanged(i, recipe) ?? this.#compareParents(i, recipe);
  }

  /** One value that is known to have changed is enough; all must be known to say that none has. */
  #compareParents(i: number, stored: Recipe): string | typeof MAYBE | undefined {
    const { nodes, instances } = this.#setup.graph;
    const parents = this.#parentIdentities(i);
    if (parents.length !== stored.parents.length) return "it reads other values";
    let unknown: number | undefined;
    for (const [at, [parent, identity]] of parents.entries()) {
      if (identity === undefined) unknown ??= parent;
      else if (identity !== stored.parents[at][1]) {
        const { name } = nodes[parent];
        const isState = instances[i] >= 0 && at === parents.length - 1;
        return isState
          ? `the instance is not what it was after "${name}"`
          : `the value of "${name}" changed`;
      }
    }
    if (unknown === undefined) return undefined;
    this.#reasons.set(i, `"${nodes[unknown].name}" runs, and may give another value`);
    return MAYBE;
  }

  /** What tells the values that the node reads from others; of a call, also how the call before left the instance. */
  #parentIdentities(i: number): [parent: number, identity: string | undefined][] {
    const { inputs, inputOffsets, previous } = this.#setup.graph;
    const parents: [number, string | undefined][] = [];
    for (let at = inputOffsets[i]; at < inputOffsets[i + 1]; at++) {
      parents.push([inputs[at], this.#identities[inputs[at]]]);
    }
    if (previous[i] >= 0) parents.push([previous[i], this.#states[previous[i]]]);
    return parents;
  }

  /** The same with names, if all are known. */
  #parents(i: number): Parents | undefined {
    const { nodes } = this.#setup.graph;
    const parents: [string, string][] = [];
    for (const [parent, identity] of this.#parentIdentities(i)) {
      if (identity === undefined) return undefined;
      parents.push([nodes[parent].name, identity]);
    }
    return parents;
  }

  /** Notes what tells the node's value from others, its bytes or else how it is made; and the state of an instance. */
  #settle(i: number, valueDigest: string | undefined): void {
    if (valueDigest !== undefined) this.#identities[i] = valueDigest;
    const { recipes } = this.#setup;
    if (!recipes || (valueDigest !== undefined && !this.#isOfInstance(i))) return;
    const parents = this.#parents(i);
    if (!parents) return;
    const fingerprint = recipes.fingerprint(i, parents);
    this.#states[i] = fingerprint;
    if (valueDigest === undefined) this.#identities[i] = fingerprint;
  }

  #isOfInstance(i: number): boolean {
    const { nodes, instances } = this.#setup.graph;
    return instances[i] >= 0 || nodes[i].definition.kind === "constructor";
  }
}

const MAYBE = Symbol("maybe");
