/** The graph in Graphviz's language: for other programs, and for the layout of pictures. */

import { type Face, RING } from "./face.ts";
import type { Cluster, Link, Picture } from "./fold.ts";
import { colorOf, LIGHT } from "./palette.ts";
import { escapeXml, fit, visible } from "./text.ts";

/** What all our files have in one of their first lines, by which they can be told from others. */
export const GENERATOR = "Drawn by Function Fuse";

/** Where the arrows lead. */
export type Direction = "down" | "right";

// Of so many boxes, the best places would take Graphviz minutes to find; good ones take seconds.
const MOST_CAREFUL = 300;
const HASTE = "nslimit=0.2, nslimit1=0.2, mclimit=0.02, searchsize=10, ";
// Arrows arrive where the eye comes from.
const PORTS: Readonly<Record<Direction, string>> = {
  down: "headport=n",
  right: "headport=w",
};
const LABEL = 10;
const LONGEST_LABEL = 130;

/**
 * A graph as DOT.
 *
 * Boxes have the sizes of their faces, so that a layout fits what is drawn into it. All texts are labels in HTML's syntax
 * or quoted, and nodes are named by numbers: no name has a meaning of its own.
 */
export function toDot(picture: Picture, faces: readonly Face[], direction: Direction): string {
  const { tones } = LIGHT;
  const inCluster = new Set(picture.clusters.flatMap(({ boxes }) => boxes));
  const line = (box: number) => `n${box} [${boxAttributes(picture, faces[box], box)}];`;
  const loose = picture.boxes.flatMap((_, box) => inCluster.has(box) ? [] : [`  ${line(box)}`]);
  return [
    `// ${GENERATOR}`,
    `digraph ${quote(picture.drawing.workflowName)} {`,
    `  graph [rankdir=${direction === "down" ? "TB" : "LR"}, nodesep=0.3, ranksep=0.6, ` +
    (picture.boxes.length > MOST_CAREFUL ? HASTE : "") +
    `fontname="Helvetica,Arial,sans-serif", bgcolor="${tones.background}", pad=0.2];`,
    `  node [shape=box, style="rounded,filled", fixedsize=true, fontname="Helvetica,Arial,sans-serif", ` +
    `fontsize=14, fontcolor="${tones.text}", penwidth=1.2];`,
    `  edge [color="${tones.edge}", fontname="Helvetica,Arial,sans-serif", fontsize=${LABEL}, ` +
    `fontcolor="${tones.muted}", arrowsize=0.7, ${PORTS[direction]}];`,
    ...picture.clusters.flatMap((cluster, at) => clusterLines(cluster, at, line)),
    ...loose,
    ...picture.links.map((_, at) => `  ${linkLine(picture, at)}`),
    "}",
    "",
  ].join("\n");
}

/** What a cluster is called. */
export function clusterTitle({ title, instances }: Cluster): string {
  return instances > 1 ? `${title} ×${instances.toLocaleString("en")}` : title;
}

function clusterLines(cluster: Cluster, at: number, line: (box: number) => string): string[] {
  const { fill, stroke } = LIGHT.tones.cluster;
  const title = escapeXml(fit(clusterTitle(cluster), 12, 240, true));
  return [
    `  subgraph cluster_${at} {`,
    `    graph [label=<${title}>, labeljust=l, fontsize=12, fontcolor="${LIGHT.tones.muted}", ` +
    `style="rounded,filled", fillcolor="${fill}", color="${stroke}", margin=14];`,
    ...cluster.boxes.map((box) => `    ${line(box)}`),
    "  }",
  ];
}

function boxAttributes({ drawing, boxes }: Picture, face: Face, box: number): string {
  const { fill, stroke } = colorOf(face);
  const [title, ...rest] = face.lines.map(({ text }) => escapeXml(text));
  const badge = face.badge === undefined ? "" : ` <font point-size="11">${face.badge}</font>`;
  const label = [
    `<b>${title}</b>${badge}`,
    ...rest.map((text) => `<font point-size="11" color="${LIGHT.tones.muted}">${text}</font>`),
  ].join("<br/>");
  const { members } = boxes[box];
  return [
    `label=<${label}>`,
    `width=${inches(face.width - 2 * ringOf(face))}`,
    `height=${inches(face.height - 2 * ringOf(face))}`,
    `fillcolor="${fill}"`,
    `color="${stroke}"`,
    ...face.isTarget ? ["peripheries=2"] : [],
    ...face.state === "maybe" || face.state === "not needed"
      ? [`style="rounded,filled,dashed"`]
      : [],
    `tooltip=${quote(members.length === 1 ? drawing.nodes[members[0]].name : face.tip)}`,
  ].join(", ");
}

// Finding places for more of them takes Graphviz minutes, and nobody could read them.
const MOST_LABELS = 400;

/** The text on an arrow; an empty one where the whole value is read, or where there are too many arrows. */
export function labelOf({ items, count }: Link, { links }: Picture): string {
  if (links.length > MOST_LABELS || items.every((item) => item === "")) return "";
  // Of what many edges read, more would say less.
  return count > 1 && items.length > 3 ? "" : fit(showItems(items), LABEL, LONGEST_LABEL);
}

/** The parts read, in words. */
export function showItems(items: readonly string[]): string {
  return items.map((item) => item === "" ? "all" : item).join(", ");
}

function linkLine(picture: Picture, at: number): string {
  const { from, to, kind, count } = picture.links[at];
  const text = labelOf(picture.links[at], picture);
  const attributes = [
    `id=e${at}`,
    ...text === "" ? [] : [`label=<&#160;${escapeXml(text)}&#160;>`],
    ...kind === "order" ? ["style=dashed", "weight=4"] : [],
    ...count > 1 ? [`penwidth=${lineWidth(count).toFixed(1)}`] : [],
  ];
  return `n${from} -> n${to} [${attributes.join(", ")}];`;
}

/** How thick an arrow is that stands for so many edges. */
export function lineWidth(count: number): number {
  return 1.3 + Math.min(2.5, Math.log10(count) * 0.6);
}

function inches(pixels: number): string {
  return (pixels / 72).toFixed(3);
}

/** A quoted text; Graphviz knows sequences that begin with a backslash or an ampersand. */
function quote(text: string): string {
  const inside = visible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')
    .replaceAll("&", "&amp;");
  return `"${inside}"`;
}

/** The room around a target. */
export function ringOf(face: Face): number {
  return face.isTarget ? RING : 0;
}
