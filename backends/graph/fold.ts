/** Folding: nodes that are alike become one box, so that a large graph stays a picture. */

import type { Drawing } from "./drawing.ts";

/** When nodes are folded. */
export type Fold = "auto" | "always" | "never";

/** What nodes of one box have in common. */
export type FoldRule = "none" | "alike" | "layer" | "following" | "function" | "band";

/** What is drawn as one thing: a node, or several folded ones. */
export interface Box {
  /** The indexes of the nodes, in graph order. */
  readonly members: readonly number[];
}

/** An arrow between two boxes: an edge, or several. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly kind: "value" | "order";
  /** The parts read, each once. */
  readonly items: readonly string[];
  /** How many edges it stands for. */
  readonly count: number;
}

/** The boxes of an instance, or of the instances of a class. */
export interface Cluster {
  /** The class's name. */
  readonly title: string;
  readonly boxes: readonly number[];
  /** How many instances. */
  readonly instances: number;
}

/** What is laid out. */
export interface Picture {
  readonly drawing: Drawing;
  readonly rule: FoldRule;
  readonly boxes: readonly Box[];
  readonly links: readonly Link[];
  readonly clusters: readonly Cluster[];
}

/** What a rule says, for people. */
export const RULE_WORDS: Readonly<Record<FoldRule, string>> = {
  none: "",
  alike: "calls of one function that read and are read alike are one box",
  layer: "calls of one function in one layer are one box",
  following: "calls of one function that follow one another are one box",
  function: "all calls of a function are one box",
  band: "neighbouring layers are one box",
};

// What an eye can still follow.
const MOST_BOXES = 64;
const MOST_LINKS = 256;

/** Makes boxes of a graph's nodes, folded by the gentlest rule that gives a picture. */
export function fold(drawing: Drawing, mode: Fold): Picture {
  const isSmall = drawing.nodes.length <= MOST_BOXES && drawing.edges.length <= MOST_LINKS;
  if (mode === "never" || (mode === "auto" && isSmall)) {
    return makePicture(drawing, "none", drawing.nodes.map((_, i) => i));
  }
  const rules: readonly (readonly [FoldRule, (drawing: Drawing) => number[]])[] = [
    ["alike", groupAlike],
    ["layer", (drawing) => groupBy(drawing, levelsOf(drawing, () => 1))],
    ["following", (drawing) => groupBy(drawing, levelsOf(drawing, countsChange(drawing)))],
    ["function", (drawing) => groupBy(drawing, undefined)],
  ];
  for (const [rule, group] of rules) {
    const groups = group(drawing);
    if (new Set(groups).size > MOST_BOXES) continue;
    const picture = makePicture(drawing, rule, groups);
    if (picture.links.length <= MOST_LINKS) return picture;
  }
  return makePicture(drawing, "band", groupBands(drawing));
}

/** Numbers of groups, by keys. */
class Groups {
  readonly #numbers = new Map<string, number>();

  of(key: string): number {
    let number = this.#numbers.get(key);
    if (number === undefined) this.#numbers.set(key, number = this.#numbers.size);
    return number;
  }
}

/** For each node, the positions of the edges that lead to it. */
function incoming({ nodes, edges }: Drawing): number[][] {
  const lists: number[][] = nodes.map(() => []);
  edges.forEach(({ to }, at) => lists[to].push(at));
  return lists;
}

/** By function, by what is read of which groups, to any depth, and by who reads it, as far as is seen from the node. */
function groupAlike(drawing: Drawing): number[] {
  const { nodes, edges } = drawing;
  const groups = new Groups();
  const reading: number[] = [];
  const lists = incoming(drawing);
  // As parents come first, one pass is enough.
  nodes.forEach(({ definition }, i) => {
    const reads = lists[i].map((at) => {
      const { from, kind, items } = edges[at];
      return JSON.stringify([reading[from], kind, ...items]);
    });
    reading.push(groups.of(JSON.stringify([definition, ...distinct(reads)])));
  });
  const readers: string[][] = nodes.map(() => []);
  for (const { from, to, kind, items } of edges) {
    readers[from].push(JSON.stringify([reading[to], kind, ...items]));
  }
  const both = new Groups();
  return reading.map((group, i) => both.of(JSON.stringify([group, ...distinct(readers[i])])));
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** The longest way to each node, in the units of `step`. */
function levelsOf(drawing: Drawing, step: (from: number, to: number) => number): number[] {
  const levels = new Array<number>(drawing.nodes.length).fill(0);
  const lists = incoming(drawing);
  for (let to = 0; to < levels.length; to++) {
    for (const at of lists[to]) {
      const { from } = drawing.edges[at];
      levels[to] = Math.max(levels[to], levels[from] + step(from, to));
    }
  }
  return levels;
}

/** Only where the function changes a step is counted, so that boxes read one another in no circle. */
function countsChange({ nodes }: Drawing): (from: number, to: number) => number {
  return (from, to) => nodes[from].definition === nodes[to].definition ? 0 : 1;
}

function groupBy({ nodes }: Drawing, levels: readonly number[] | undefined): number[] {
  const groups = new Groups();
  return nodes.map(({ definition }, i) => groups.of(JSON.stringify([definition, levels?.[i]])));
}

const MOST_BANDS = 40;

function groupBands(drawing: Drawing): number[] {
  const levels = levelsOf(drawing, () => 1);
  const deepest = levels.reduce((most, level) => Math.max(most, level), 0);
  const height = Math.max(1, Math.ceil((deepest + 1) / MOST_BANDS));
  return levels.map((level) => Math.floor(level / height));
}

/** Boxes are numbered by their first nodes. */
function makePicture(drawing: Drawing, rule: FoldRule, groups: readonly number[]): Picture {
  const numbers = new Map<number, number>();
  const members: number[][] = [];
  const boxOf = groups.map((group, node) => {
    let box = numbers.get(group);
    if (box === undefined) {
      numbers.set(group, box = members.length);
      members.push([]);
    }
    members[box].push(node);
    return box;
  });
  const boxes = members.map((members) => ({ members }));
  const links = linksOf(drawing, boxOf, rule);
  return { drawing, rule, boxes, links, clusters: clustersOf(drawing, boxes, boxOf, rule) };
}

function linksOf(drawing: Drawing, boxOf: readonly number[], rule: FoldRule): Link[] {
  const links = new Map<string, Link & { items: string[]; count: number }>();
  for (const { from, to, kind, items } of drawing.edges) {
    const key = `${boxOf[from]} ${boxOf[to]} ${kind}`;
    const link = links.get(key);
    if (!link) {
      const ends = { from: boxOf[from], to: boxOf[to] };
      links.set(key, { ...ends, kind, items: [...items], count: 1 });
      continue;
    }
    link.count++;
    for (const item of items) {
      if (link.items.length < MOST_ITEMS && !link.items.includes(item)) link.items.push(item);
    }
  }
  // In a band nearly everything reads something else of it.
  return [...links.values()].filter(({ from, to }) => rule !== "band" || from !== to);
}

const MOST_ITEMS = 8;

/** Constructors with their calls; where calls of several constructors' boxes are one, the whole class. */
function clustersOf(
  { nodes }: Drawing,
  boxes: readonly Box[],
  boxOf: readonly number[],
  rule: FoldRule,
): Cluster[] {
  if (rule === "band") return [];
  const isOne = rule === "none" || rule === "alike";
  const clusters = new Map<string, { title: string; boxes: number[]; instances: number }>();
  const find = (key: string, title: string) => {
    let cluster = clusters.get(key);
    if (!cluster) clusters.set(key, cluster = { title, boxes: [], instances: 0 });
    return cluster;
  };
  boxes.forEach(({ members }, box) => {
    const { instance, kind } = nodes[members[0]];
    const owner = kind === "constructor" ? members[0] : instance;
    if (owner < 0) return;
    const title = nodes[owner].definition;
    const cluster = find(isOne ? String(boxOf[owner]) : title, title);
    cluster.boxes.push(box);
    if (kind === "constructor") cluster.instances += members.length;
  });
  return [...clusters.values()];
}
