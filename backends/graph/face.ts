/** What is written on a box, and how large that makes it. */

import { type NodeState, STATE_WORDS, STATES, summarize, type Summary } from "./drawing.ts";
import type { Picture } from "./fold.ts";
import { count, fit, showBytes, showDuration, widthOf } from "./text.ts";

/** A line of text on a box. */
export interface Line {
  readonly text: string;
  readonly size: number;
  readonly isBold: boolean;
  /** How far below the upper edge its letters stand. */
  readonly baseline: number;
}

/** A box as it is drawn, in pixels. */
export interface Face {
  readonly width: number;
  readonly height: number;
  readonly lines: readonly Line[];
  /** Its place among the calls of an instance, or how many nodes it stands for. */
  readonly badge: string | undefined;
  readonly badgeWidth: number;
  /** Whether it is drawn as several sheets. */
  readonly isStack: boolean;
  readonly isTarget: boolean;
  readonly summary: Summary;
  /** The state that colours it, if one is known. */
  readonly state: NodeState | undefined;
  /** The colour of its function. */
  readonly hue: number;
  /** All that there is to tell in a few lines. */
  readonly tip: string;
}

/** Space on the left and right of what is written. */
export const PADDING = 14;
/** The room that a state's mark takes. */
export const MARK_ROOM = 20;
/** How far the sheets of a stack show. */
export const STACK = 6;
/** The space between a target and the ring around it. */
export const RING = 4;

const LONGEST = 230;
const TITLE = 14;
const SMALL = 11;

/** The faces of all boxes. */
export function drawFaces(picture: Picture): Face[] {
  const { drawing: { nodes } } = picture;
  const owners = new Map<string, number>();
  const hueOf = (definition: string) => {
    // A class and its methods are one thing.
    const owner = definition.split(".")[0];
    if (!owners.has(owner)) owners.set(owner, owners.size);
    return owners.get(owner)!;
  };
  return picture.boxes.map(({ members }, box) => {
    const hue = hueOf(nodes[members[0]].definition);
    return members.length > 1 ? foldedFace(picture, box, hue) : nodeFace(picture, members[0], hue);
  });
}

function nodeFace({ drawing }: Picture, i: number, hue: number): Face {
  const node = drawing.nodes[i];
  const summary = summarize(drawing, [i]);
  const state = node.standing?.state;
  const badge = node.members.length > 0
    ? String(node.members.length)
    : node.kind === "method"
    ? String(node.call)
    : undefined;
  const notes = [...node.needs, ...node.plugins].join(" · ");
  const tip = [
    node.name,
    node.members.length > 0 ? count(node.members.length, "node") : node.definition,
    ...state ? [stateLine(node.standing!)] : [],
    ...notes === "" ? [] : [notes],
  ];
  return layText({
    title: node.name,
    small: [subtitleOf(node), amounts(summary), notes],
    badge,
    isStack: node.members.length > 0,
    isTarget: node.isTarget,
    summary,
    state,
    hue,
    tip: tip.join("\n"),
  });
}

function subtitleOf(
  { name, definition, kind, members }: {
    readonly name: string;
    readonly definition: string;
    readonly kind: string;
    readonly members: readonly string[];
  },
): string {
  if (members.length > 0) return count(members.length, "node");
  if (kind === "constructor") return name.startsWith(definition) ? "" : `new ${definition}`;
  if (name === definition || /^_\d+$/.test(name.slice(definition.length))) return "";
  return kind === "method" ? definition.slice(definition.indexOf(".")) : definition;
}

function stateLine({ state, reason }: { state: NodeState; reason?: string }): string {
  return reason === undefined ? STATE_WORDS[state] : `${STATE_WORDS[state]}: ${reason}`;
}

function foldedFace({ drawing, boxes }: Picture, box: number, hue: number): Face {
  const { members } = boxes[box];
  const nodes = members.map((i) => drawing.nodes[i]);
  const summary = summarize(drawing, members);
  const definitions = [...new Set(nodes.map(({ definition }) => definition))];
  const title = definitions.length === 1 ? definitions[0] : count(definitions.length, "function");
  const names = `${nodes[0].name} … ${nodes[nodes.length - 1].name}`;
  const [only] = summary.counts.size === 1 ? [...summary.counts.keys()] : [];
  const states = STATES.flatMap((state) => {
    const n = summary.counts.get(state) ?? 0;
    return n > 0 ? [`${n.toLocaleString("en")} ${STATE_WORDS[state]}`] : [];
  });
  return layText({
    title,
    small: [
      definitions.length === 1 ? names : definitions.join(", "),
      only === undefined ? states.join(" · ") : "",
      amounts(summary),
    ],
    badge: `×${members.length.toLocaleString("en")}`,
    isStack: true,
    isTarget: nodes.some(({ isTarget }) => isTarget),
    summary,
    state: only,
    hue,
    tip: [title, count(members.length, "node"), ...states].join("\n"),
  });
}

/** How long and how much. */
function amounts({ durationMs, bytes }: Summary): string {
  return [
    ...durationMs === undefined ? [] : [showDuration(durationMs)],
    ...bytes === undefined ? [] : [showBytes(bytes)],
  ].join(" · ");
}

interface Writing extends Omit<Face, "width" | "height" | "lines" | "badgeWidth"> {
  readonly title: string;
  readonly small: readonly string[];
}

function layText({ title, small, ...face }: Writing): Face {
  const lines: Line[] = [];
  let y = 9;
  const add = (text: string, size: number, isBold: boolean) => {
    if (text === "") return;
    const height = size * (isBold ? 1.3 : 1.45);
    lines.push({ text: fit(text, size, LONGEST, isBold), size, isBold, baseline: y + size * 1.02 });
    y += height;
  };
  add(title, TITLE, true);
  for (const text of small) add(text, SMALL, false);
  const isMixed = face.summary.counts.size > 1;
  const height = y + (isMixed ? 15 : 9);
  const badgeWidth = face.badge === undefined ? 0 : widthOf(face.badge, SMALL, true) + 12;
  const mark = face.state === undefined ? 0 : MARK_ROOM;
  const widths = lines.map(({ text, size, isBold }, at) =>
    widthOf(text, size, isBold) + (at === 0 && badgeWidth > 0 ? badgeWidth + 10 : 0)
  );
  const extra = (face.isStack ? STACK : 0) + (face.isTarget ? 2 * RING : 0);
  const width = Math.max(64, Math.max(...widths) + mark + 2 * PADDING) + extra;
  return { ...face, lines, badgeWidth, width: Math.ceil(width), height: Math.ceil(height) + extra };
}

/** The fonts that the widths of texts are those of. */
export const FONTS: string =
  "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', sans-serif";
