/**
 * A random forest on coarse pixels (Breiman, 2001): trees that each see other digits and, at each fork, other pixels.
 *
 * Values are cut into a few levels, so that one count of a node's digits judges all forks of a pixel. The trees of
 * `ml-cart` look at every value of every column instead, which takes minutes here.
 */

import { generator } from "./data.ts";
import type { Rows } from "./features.ts";
import { type Timed, timed } from "./timed.ts";

const LABELS = 10;
const LEVELS = 8;
const MAX_DEPTH = 16;
const MIN_DIGITS = 4;

/** A leaf is a label; a fork sends rows whose value is at most `level` to the left. */
export type Tree = number | { column: number; level: number; left: Tree; right: Tree };

/** Grows trees on samples of the rows, drawn with replacement. */
export function trainForest(
  rows: Rows,
  labels: Uint8Array,
  options: { trees: number; seed: number },
): Timed<Tree[]> {
  return timed(() => {
    const random = generator(options.seed);
    const grower = new Grower(rows.map(levelsOf), labels, random);
    return Array.from({ length: options.trees }, () => {
      const sample = Uint32Array.from(labels, () => Math.floor(random() * labels.length));
      return grower.grow(sample, 0);
    });
  });
}

/** The label that most trees vote for. */
export function predictForest(trees: Tree[], rows: Rows): Timed<Uint8Array> {
  return timed(() =>
    Uint8Array.from(rows.map(levelsOf), (levels) => {
      const votes = new Uint32Array(LABELS);
      for (const tree of trees) votes[follow(tree, levels)]++;
      return indexOfMax(votes);
    })
  );
}

function levelsOf(row: number[]): Uint8Array {
  return Uint8Array.from(row, (value) => Math.min(LEVELS - 1, Math.floor(value * LEVELS)));
}

function follow(tree: Tree, levels: Uint8Array): number {
  while (typeof tree !== "number") {
    tree = levels[tree.column] <= tree.level ? tree.left : tree.right;
  }
  return tree;
}

class Grower {
  constructor(
    readonly rows: readonly Uint8Array[],
    readonly labels: Uint8Array,
    readonly random: () => number,
  ) {}

  grow(sample: Uint32Array, depth: number): Tree {
    const counts = new Uint32Array(LABELS);
    for (const i of sample) counts[this.labels[i]]++;
    const majority = indexOfMax(counts);
    if (depth === MAX_DEPTH || sample.length < MIN_DIGITS || counts[majority] === sample.length) {
      return majority;
    }
    const fork = this.#bestFork(sample);
    if (!fork) return majority;
    const goesLeft = (i: number) => this.rows[i][fork.column] <= fork.level;
    return {
      ...fork,
      left: this.grow(sample.filter(goesLeft), depth + 1),
      right: this.grow(sample.filter((i) => !goesLeft(i)), depth + 1),
    };
  }

  #bestFork(sample: Uint32Array): { column: number; level: number } | undefined {
    const columns = this.rows[0].length;
    let best: { column: number; level: number } | undefined;
    let bestScore = -Infinity;
    for (let tries = Math.ceil(Math.sqrt(columns)); tries > 0; tries--) {
      const column = Math.floor(this.random() * columns);
      const counts = new Uint32Array(LEVELS * LABELS);
      for (const i of sample) counts[this.rows[i][column] * LABELS + this.labels[i]]++;
      for (let level = 0; level < LEVELS - 1; level++) {
        const score = purity(counts, level, sample.length);
        if (score > bestScore) [best, bestScore] = [{ column, level }, score];
      }
    }
    return best;
  }
}

/** How pure a fork's sides are, by Gini's measure; -∞ if one is empty. */
function purity(counts: Uint32Array, level: number, total: number): number {
  let leftTotal = 0;
  let leftSquares = 0;
  let rightSquares = 0;
  for (let label = 0; label < LABELS; label++) {
    let left = 0;
    let right = 0;
    for (let at = 0; at < LEVELS; at++) {
      if (at <= level) left += counts[at * LABELS + label];
      else right += counts[at * LABELS + label];
    }
    leftTotal += left;
    leftSquares += left * left;
    rightSquares += right * right;
  }
  const rightTotal = total - leftTotal;
  if (leftTotal === 0 || rightTotal === 0) return -Infinity;
  return leftSquares / leftTotal + rightSquares / rightTotal;
}

function indexOfMax(values: Uint32Array): number {
  return values.indexOf(values.reduce((most, value) => Math.max(most, value), 0));
}
