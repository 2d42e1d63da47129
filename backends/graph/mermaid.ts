/** The graph in Mermaid's language, for pages that draw it themselves. */

import { clusterTitle, type Direction, GENERATOR, labelOf } from "./dot.ts";
import type { Face } from "./face.ts";
import { foldLine } from "./svg.ts";
import type { Picture } from "./fold.ts";
import { colorOf, LIGHT } from "./palette.ts";
import { fit, visible } from "./text.ts";

/**
 * A graph as Mermaid.
 *
 * Nodes are named by numbers. In texts, all that has a meaning in Mermaid, Markdown or HTML is written by its code.
 */
export function toMermaid(
  picture: Picture,
  faces: readonly Face[],
  direction: Direction,
): string {
  const inCluster = new Set(picture.clusters.flatMap(({ boxes }) => boxes));
  const line = (box: number) => `n${box}${shapeOf(faces[box])}`;
  const folded = foldLine(picture);
  return [
    `%% ${GENERATOR}`,
    ...folded === "" ? [] : [`%% ${folded}`],
    `flowchart ${direction === "down" ? "TD" : "LR"}`,
    ...picture.clusters.flatMap((cluster, at) => [
      `  subgraph c${at}["${escapeText(fit(clusterTitle(cluster), 12, 240))}"]`,
      ...cluster.boxes.map((box) => `    ${line(box)}`),
      "  end",
    ]),
    ...picture.boxes.flatMap((_, box) => inCluster.has(box) ? [] : [`  ${line(box)}`]),
    ...picture.links.map((link) => {
      const text = labelOf(link, picture);
      const label = text === "" ? "" : `|"${escapeText(text)}"|`;
      return `  n${link.from} ${link.kind === "order" ? "-.->" : "-->"}${label} n${link.to}`;
    }),
    ...classLines(faces),
    "",
  ].join("\n");
}

function shapeOf({ lines, badge, isTarget, isStack }: Face): string {
  const [title, ...rest] = lines.map(({ text }) => escapeText(text));
  const text = [badge === undefined ? title : `${title} ${escapeText(badge)}`, ...rest].join(
    "<br>",
  );
  if (isTarget) return `(["${text}"])`;
  return isStack ? `[["${text}"]]` : `("${text}")`;
}

function classLines(faces: readonly Face[]): string[] {
  const classes = new Map<string, { style: string; boxes: string[] }>();
  faces.forEach((face, box) => {
    const { fill, stroke, name: className } = colorOf(face);
    const name = className.replaceAll("-", "");
    const style = `fill:${fill},stroke:${stroke},color:${LIGHT.tones.text}`;
    if (!classes.has(name)) classes.set(name, { style, boxes: [] });
    classes.get(name)!.boxes.push(`n${box}`);
  });
  return [...classes].flatMap(([name, { style, boxes }]) => [
    `  classDef ${name} ${style}`,
    `  class ${boxes.join(",")} ${name}`,
  ]);
}

// `_`, `.` and `-` inside of a name mean nothing; at the beginning of a line, they may make a list of it.
const SPECIAL = /(?<![A-Za-z][A-Za-z0-9]*)[_.-]|[_.-](?![A-Za-z0-9])|[!-,/:-@[-^`{-~]/g;

/** A text with all that may have a meaning written by its code. */
export function escapeText(text: string): string {
  return visible(text).replace(SPECIAL, (c) => `#${c.charCodeAt(0)};`);
}
