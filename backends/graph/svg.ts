/** The picture as SVG, in the colours of its surroundings. */

import { clusterTitle, GENERATOR, labelOf, lineWidth, ringOf, showItems } from "./dot.ts";
import { STATE_WORDS, STATES, summarize } from "./drawing.ts";
import { type Face, FONTS, MARK_ROOM, PADDING, STACK } from "./face.ts";
import { type Cluster, type Link, type Picture, RULE_WORDS } from "./fold.ts";
import type { Area, Layout, Point, Way } from "./layout.ts";
import { markOf } from "./marks.ts";
import { colorOf, DARK, LIGHT, stateClass, themeRules } from "./palette.ts";
import { count, escapeXml, fit, showBytes, showDuration, widthOf } from "./text.ts";

/** What a picture is drawn from. */
export interface LaidOut {
  readonly picture: Picture;
  readonly faces: readonly Face[];
  readonly layout: Layout;
}

const { tones } = LIGHT;
const MARGIN = 24;
const HEADER = 40;
const FOOTER = 22;
const ROUND = 9;
const HALO = `stroke-width="3" stroke-linejoin="round" paint-order="stroke"`;

/** A whole picture, with its title and what its colours mean. */
export function toSvg(laidOut: LaidOut): string {
  const { picture: { drawing }, layout } = laidOut;
  const header = headerOf(laidOut);
  const footer = footerOf(laidOut);
  const top = MARGIN + HEADER;
  const width = Math.ceil(Math.max(layout.width, header.width, footer.width) + 2 * MARGIN);
  const height = Math.ceil(
    top + layout.height + (footer.height > 0 ? footer.height + 14 : 0) + MARGIN,
  );
  const shift = `translate(${number((width - layout.width) / 2)} ${top})`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="ff" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}" font-family="${FONTS}" role="img" ` +
    `aria-label="${escapeXml(`The graph of ${drawing.workflowName}`)}">`,
    `<!-- ${GENERATOR} -->`,
    `<style>@media (prefers-color-scheme:dark){${themeRules(DARK)}}</style>`,
    `<rect class="ff-background" width="${width}" height="${height}" rx="12" fill="${tones.background}"/>`,
    `<g transform="translate(${MARGIN} ${MARGIN})">${header.svg}</g>`,
    `<g transform="${shift}">`,
    drawParts(laidOut),
    "</g>",
    `<g transform="translate(${MARGIN} ${height - MARGIN - footer.height})">${footer.svg}</g>`,
    "</svg>",
    "",
  ].join("\n");
}

/** Clusters, arrows and boxes, without a frame. */
export function drawParts({ picture, faces, layout }: LaidOut): string {
  return [
    ...picture.clusters.map((_, at) => drawCluster(layout.clusters[at])),
    ...picture.links.map((link, at) => drawLink(picture, link, layout.ways[at])),
    ...picture.clusters.map((cluster, at) => drawClusterTitle(cluster, layout.clusters[at])),
    ...faces.map((face, box) => drawBox(face, layout.boxes[box], box)),
    ...picture.links.map((link, at) => drawLabel(picture, link, layout.ways[at])),
  ].filter(Boolean).join("\n");
}

/** A part of the frame, with its size. */
interface Part {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

function headerOf({ picture }: LaidOut): Part {
  const title = fit(picture.drawing.workflowName, 17, 480, true);
  const rest = summaryLine(picture);
  return {
    svg: text(title, { y: 12, size: 17, isBold: true }) +
      text(rest, { y: 29, size: 11, isMuted: true }),
    width: Math.max(widthOf(title, 17, true), widthOf(rest, 11)),
    height: HEADER,
  };
}

/** What there is in all: how many nodes, how many are stored, how long they took and how large they are. */
export function summaryLine({ drawing }: Picture): string {
  const { nodes, plugins } = drawing;
  const { counts, durationMs, bytes } = summarize(drawing, nodes.keys());
  const stored = counts.get("stored") ?? 0;
  return [
    count(nodes.length, "node"),
    ...counts.size > 0 ? [`${stored.toLocaleString("en")} stored`] : [],
    ...durationMs === undefined ? [] : [showDuration(durationMs)],
    ...bytes === undefined ? [] : [showBytes(bytes)],
    ...plugins.length > 0 ? [`with ${plugins.join(", ")}`] : [],
  ].join(" · ");
}

/** What says that nodes were folded, and how. */
export function foldLine({ rule, boxes, drawing }: Picture): string {
  if (rule === "none") return "";
  const shown = `${count(drawing.nodes.length, "node")} in ${count(boxes.length, "box", "boxes")}`;
  return `${shown}: ${RULE_WORDS[rule]}`;
}

function footerOf({ picture }: LaidOut): Part {
  const { counts } = summarize(picture.drawing, picture.drawing.nodes.keys());
  const states = STATES.filter((state) => counts.has(state));
  let [svg, x, height] = ["", 0, 0];
  for (const state of states) {
    svg += markOf(state, x + 7, 8) +
      text(STATE_WORDS[state], { x: x + 19, y: 12, size: 11, isMuted: true });
    x += 19 + widthOf(STATE_WORDS[state], 11) + 18;
  }
  if (states.length > 0) height = FOOTER;
  const folded = foldLine(picture);
  if (folded !== "") {
    svg += text(folded, { y: height + 12, size: 11, isMuted: true });
    height += FOOTER;
  }
  return { svg, width: Math.max(x, widthOf(folded, 11)), height };
}

interface TextStyle {
  readonly x?: number;
  readonly y: number;
  readonly size: number;
  readonly isBold?: boolean;
  readonly isMuted?: boolean;
}

function text(content: string, { x = 0, y, size, isBold, isMuted }: TextStyle): string {
  const [name, fill] = isMuted ? ["ff-muted", tones.muted] : ["ff-text", tones.text];
  const weight = isBold ? ` font-weight="600"` : "";
  return `<text class="${name}" x="${number(x)}" y="${number(y)}" font-size="${size}"${weight} ` +
    `fill="${fill}">${escapeXml(content)}</text>`;
}

function drawCluster(area: Area | undefined): string {
  if (!area) return "";
  const { x, y, width, height } = area;
  const { fill, stroke } = tones.cluster;
  return `<rect class="ff-cluster" ${rect(x, y, width, height)} rx="14" fill="${fill}" ` +
    `stroke="${stroke}"/>`;
}

/** Arrows may cross it, so it has an edge of the colour of what it stands on. */
function drawClusterTitle(cluster: Cluster, area: Area | undefined): string {
  if (!area) return "";
  const title = fit(clusterTitle(cluster), 12, area.width - 20, true);
  return `<text class="ff-title" x="${number(area.x + 12)}" y="${number(area.y + 17)}" ` +
    `font-size="11.5" font-weight="600" fill="${tones.muted}" stroke="${tones.cluster.fill}" ` +
    `${HALO}>${escapeXml(title)}</text>`;
}

function drawLink(picture: Picture, link: Link, way: Way | undefined): string {
  if (!way) return "";
  const { from, to, kind, count } = link;
  const [first, ...rest] = way.points;
  const curve = `M${pair(first)}C${rest.map(pair).join(" ")}`;
  const width = count > 1 ? lineWidth(count) : 1.3;
  const dash = kind === "order" ? ` stroke-dasharray="4 3.5"` : "";
  return `<g class="ff-link" data-from="${from}" data-to="${to}">` +
    `<title>${
      escapeLines(linkTip(picture, link))
    }</title><path class="ff-line" d="${curve}" fill="none" stroke="${tones.edge}" ` +
    `stroke-width="${number(width)}"${dash}/>` +
    `<path class="ff-head" d="${head(way, width)}" fill="${tones.edge}"/></g>`;
}

function linkTip(
  { drawing, boxes }: Picture,
  { from, to, kind, items, count: edges }: Link,
): string {
  const nameOf = (box: number) => {
    const [first, ...more] = boxes[box].members.map((i) => drawing.nodes[i]);
    return more.length === 0 ? first.name : first.definition;
  };
  const ends = `${cut(nameOf(from))} → ${cut(nameOf(to))}`;
  if (kind === "order") return `${ends}\ncomes before`;
  const parts = items.every((item) => item === "") ? "" : `\n${cut(showItems(items))}`;
  return ends + parts + (edges > 1 ? `\n${count(edges, "edge")}` : "");
}

/** Short enough for a tip. */
function cut(text: string): string {
  return fit(text, 1, 60);
}

/** An arrow's head, from the end of the line to its tip. */
function head({ points, tip }: Way, lineWidth: number): string {
  const [x, y] = points[points.length - 1];
  const length = Math.hypot(tip[0] - x, tip[1] - y) || 1;
  const half = 2.6 + lineWidth * 0.5;
  const [dx, dy] = [(tip[0] - x) / length * half, (tip[1] - y) / length * half];
  return `M${pair(tip)}L${pair([x - dy, y + dx])}L${pair([x + dy, y - dx])}z`;
}

function drawLabel(picture: Picture, link: Link, way: Way | undefined): string {
  const label = labelOf(link, picture);
  if (!way?.label || label === "") return "";
  const [x, y] = way.label;
  return `<text class="ff-label" x="${number(x)}" y="${number(y + 3.5)}" font-size="10" ` +
    `text-anchor="middle" fill="${tones.muted}" stroke="${tones.background}" ` +
    `${HALO}>${escapeXml(label)}</text>`;
}

function drawBox(face: Face, middle: Point | undefined, box: number): string {
  if (!middle) return "";
  const ring = ringOf(face);
  const stack = face.isStack ? STACK : 0;
  const [width, height] = [face.width - 2 * ring - stack, face.height - 2 * ring - stack];
  const [left, top] = [middle[0] - face.width / 2, middle[1] - face.height / 2];
  const { fill, stroke, name } = colorOf(face);
  const dash = face.state === "maybe" || face.state === "not needed"
    ? ` stroke-dasharray="4 3"`
    : "";
  const sheet = (by: number) =>
    `<rect class="ff-box" ${rect(ring + by, ring + by, width, height)} rx="${ROUND}" ` +
    `fill="${fill}" stroke="${stroke}" stroke-width="1.2"${dash}/>`;
  const frame = face.isTarget
    ? `<rect class="ff-box ff-ring" ${rect(0.6, 0.6, face.width - 1.2, face.height - 1.2)} ` +
      `rx="${ROUND + ring}" fill="none" style="fill:none" stroke="${stroke}" stroke-width="1.2"/>`
    : "";
  return `<g class="ff-node ${name}" data-box="${box}" ` +
    `transform="translate(${number(left)} ${number(top)})"><title>${
      escapeLines(face.tip)
    }</title>` +
    frame + (stack > 0 ? sheet(stack) + sheet(stack / 2) : "") + sheet(0) +
    `<g transform="translate(${ring} ${ring})">${drawWriting(face, width, height)}</g></g>`;
}

/** Line ends stay: a tip has several lines. */
function escapeLines(tip: string): string {
  return tip.split("\n").map(escapeXml).join("\n");
}

function drawWriting(face: Face, width: number, height: number): string {
  const left = PADDING + (face.state === undefined ? 0 : MARK_ROOM);
  const lines = face.lines.map(({ text: content, size, isBold, baseline }) =>
    text(content, { x: left, y: baseline, size, isBold, isMuted: !isBold })
  );
  const mark = face.state === undefined ? "" : markOf(face.state, PADDING + 6, 18);
  return mark + lines.join("") + drawBadge(face, width) + drawShares(face, width, height);
}

function drawBadge({ badge, badgeWidth }: Face, width: number): string {
  if (badge === undefined) return "";
  const x = width - badgeWidth - 8;
  return `<rect class="ff-muted" ${rect(x, 10, badgeWidth, 16)} rx="8" fill="${tones.muted}" ` +
    `fill-opacity=".16"/><text class="ff-muted" x="${number(x + badgeWidth / 2)}" y="21.8" ` +
    `font-size="10.5" font-weight="600" text-anchor="middle" fill="${tones.muted}">${badge}</text>`;
}

/** Of folded nodes in several states, how many are in each. */
function drawShares({ summary: { counts } }: Face, width: number, height: number): string {
  if (counts.size < 2) return "";
  const all = [...counts.values()].reduce((sum, n) => sum + n, 0);
  const room = width - 2 * PADDING;
  let x = PADDING;
  return STATES.map((state) => {
    const share = room * (counts.get(state) ?? 0) / all;
    if (share === 0) return "";
    const bar = `<rect class="ff-mark ${stateClass(state)}" ` +
      `${rect(x, height - 12, Math.max(1, share - 1), 4)} rx="2" fill="${LIGHT.marks[state]}"/>`;
    x += share;
    return bar;
  }).join("");
}

function rect(x: number, y: number, width: number, height: number): string {
  return `x="${number(x)}" y="${number(y)}" width="${number(width)}" height="${number(height)}"`;
}

function pair([x, y]: Point): string {
  return `${number(x)} ${number(y)}`;
}

/** A tenth of a pixel is fine enough. */
function number(n: number): string {
  return String(Math.round(n * 10) / 10);
}
