/** Ready nodes that wait for a place, grouped by what they need. */

import type { Needs, Resources } from "./resources.ts";

/** What became of a node: placed, waiting for one certain worker, or waiting as no worker can take any more. */
export type Placement = "placed" | "waits" | "full";

interface Group {
  readonly needs: Needs;
  /** First come first served, from `head` on. */
  items: number[];
  head: number;
}

// So many nodes that wait for a certain worker are looked past, to find others that need not wait.
const MOST_PASSED = 256;

/** The queue of one run. */
export class Queue {
  readonly #groups = new Map<string, Group>();
  #passed = 0;

  /** How many nodes wait for something else than a free worker. */
  get waitingCount(): number {
    let count = this.#passed;
    for (const { needs, items, head } of this.#groups.values()) {
      if (!needs.isPlain) count += items.length - head;
    }
    return count;
  }

  /** How many nodes wait. */
  get size(): number {
    let count = 0;
    for (const { items, head } of this.#groups.values()) count += items.length - head;
    return count;
  }

  add(i: number, needs: Needs): void {
    const group = this.#groups.get(needs.key);
    if (group) group.items.push(i);
    else this.#groups.set(needs.key, { needs, items: [i], head: 0 });
  }

  /** Empties the queue. */
  takeAll(): number[] {
    const all = [...this.#groups.values()].flatMap(({ items, head }) => items.slice(head));
    this.#groups.clear();
    this.#passed = 0;
    return all;
  }

  /** Offers nodes to `place`, group by group: those with needs of their own first, as plain ones would always be in their way. */
  forEachFitting(
    resources: Resources,
    place: (i: number, needs: Needs) => Placement,
  ): void {
    const groups = [...this.#groups.values()]
      .sort((a, b) => Number(a.needs.isPlain) - Number(b.needs.isPlain));
    this.#passed = 0;
    let isShort = false;
    for (const group of groups) {
      // CPUs are kept free for a node that needs several of them.
      if (group.needs.isPlain && isShort) continue;
      const { others, cpus } = resources.fit(group.needs);
      if (!others) continue;
      if (!cpus && !group.needs.isPlain) isShort = true;
      else this.#offer(group, resources, place);
    }
  }

  #offer(
    group: Group,
    resources: Resources,
    place: (i: number, needs: Needs) => Placement,
  ): void {
    const passed: number[] = [];
    while (group.head < group.items.length && passed.length < MOST_PASSED) {
      if (!group.needs.isPlain) {
        const { others, cpus } = resources.fit(group.needs);
        if (!others || !cpus) break;
      }
      const i = group.items[group.head];
      const placement = place(i, group.needs);
      if (placement === "full") break;
      group.head++;
      if (placement === "waits") passed.push(i);
    }
    group.items = passed.concat(group.head > 0 ? group.items.slice(group.head) : group.items);
    group.head = 0;
    if (group.needs.isPlain) this.#passed += passed.length;
  }
}
