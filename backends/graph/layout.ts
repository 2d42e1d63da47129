/** Where Graphviz puts things. */

import { loadGraphviz } from "./_libraries.ts";

/** A point, in pixels from the upper left corner. */
export type Point = readonly [x: number, y: number];

/** A rectangle. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The way of an arrow. */
export interface Way {
  /** The first point of a curve, then three for each part of it. */
  readonly points: readonly Point[];
  /** Where the arrow's head ends. */
  readonly tip: Point;
  /** The middle of its label. */
  readonly label: Point | undefined;
}

/** Where everything is. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** The middles of the boxes. */
  readonly boxes: readonly Point[];
  readonly ways: readonly (Way | undefined)[];
  readonly clusters: readonly Area[];
}

/** What is read of Graphviz's answer; lengths are in points, upwards. */
interface Answer {
  readonly bb: string;
  readonly objects?: readonly {
    readonly name: string;
    readonly pos?: string;
    readonly bb?: string;
  }[];
  readonly edges?: readonly { readonly id?: string; readonly pos?: string; readonly lp?: string }[];
}

/**
 * Lays out a graph whose nodes are `n0`, `n1` …, its edges `e0` …, its clusters `cluster_0` …
 *
 * Boxes without arrows, which Graphviz puts all into one row, are put into several.
 */
export async function layOut(dot: string, loose: readonly number[]): Promise<Layout> {
  const { instance } = await loadGraphviz();
  // A new one each time: one that ran out of memory is of no more use.
  const viz = await instance();
  const answer = JSON.parse(
    viz.renderString(dot.replace(/\}\s*$/, `${rowsOf(loose)}}`), { format: "json0" }),
  ) as Answer;
  const [left, low, right, high] = numbers(answer.bb);
  const place = ([x, y]: readonly number[]): Point => [x - left, high - y];
  const boxes: Point[] = [];
  const clusters: Area[] = [];
  for (const { name, pos, bb } of answer.objects ?? []) {
    if (pos !== undefined) boxes[Number(name.slice(1))] = place(numbers(pos));
    if (bb === undefined) continue;
    const [x0, y0, x1, y1] = numbers(bb);
    const [x, y] = place([x0, y1]);
    clusters[Number(name.slice("cluster_".length))] = { x, y, width: x1 - x0, height: y1 - y0 };
  }
  const ways: Way[] = [];
  for (const { id, pos, lp } of answer.edges ?? []) {
    if (pos === undefined || id === undefined) continue;
    ways[Number(id.slice(1))] = {
      ...readWay(pos, place),
      label: lp === undefined ? undefined : place(numbers(lp)),
    };
  }
  return { width: right - left, height: high - low, boxes, ways, clusters };
}

const FEW = 6;

/** Edges that nobody sees, from each box to the one below it. */
function rowsOf(boxes: readonly number[]): string {
  if (boxes.length <= FEW) return "";
  const columns = Math.ceil(Math.sqrt(boxes.length));
  return boxes.slice(columns).map((box, i) => `n${boxes[i]} -> n${box} [style=invis];\n`).join("");
}

/** `e,x,y x,y x,y …`: the tip, if it has one, then the curve. */
function readWay(
  pos: string,
  place: (point: readonly number[]) => Point,
): Pick<Way, "points" | "tip"> {
  let tip: Point | undefined;
  const points: Point[] = [];
  for (const part of pos.split(" ")) {
    if (part.startsWith("e,")) tip = place(numbers(part.slice(2)));
    else if (!part.startsWith("s,")) points.push(place(numbers(part)));
  }
  return { points, tip: tip ?? points[points.length - 1] };
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}
