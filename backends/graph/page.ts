/** The picture as a page of its own: to move about in, to search, and to ask for what is known of a node. */

import { loadPanZoom } from "./_libraries.ts";
import { type DrawnNode, STATE_WORDS, STATES, summarize } from "./drawing.ts";
import { FONTS } from "./face.ts";
import type { Picture } from "./fold.ts";
import { markOf } from "./marks.ts";
import { type PageData, type PageNode, runPage } from "./page_script.ts";
import { pageStyle } from "./page_style.ts";
import { type Direction, GENERATOR } from "./dot.ts";
import { drawParts, foldLine, type LaidOut, summaryLine } from "./svg.ts";
import { escapeXml, showBytes, showDuration, visible } from "./text.ts";

// Of more, a page would be too large to be opened gladly; it still has all names.
const MOST_DETAILED = 20_000;

/** Makes a page that needs nothing else, no network either. */
export async function toPage(laidOut: LaidOut, direction: Direction): Promise<string> {
  const { picture, layout } = laidOut;
  const title = escapeXml(picture.drawing.workflowName);
  const panZoom = await loadPanZoom();
  const script = `(${runPage})();`;
  const sources = await Promise.all([panZoom, script].map(sourceHash));
  const rules = `default-src 'none'; style-src 'unsafe-inline'; script-src ${sources.join(" ")}; ` +
    "base-uri 'none'; form-action 'none'";
  const size = `${Math.ceil(layout.width)} ${Math.ceil(layout.height)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<!-- ${GENERATOR} -->
<meta http-equiv="Content-Security-Policy" content="${rules}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${pageStyle(FONTS)}</style>
</head>
<body>
<header>
<h1 title="${title}">${title}</h1><span class="muted" id="summary">${
    escapeXml(summaryLine(picture))
  }</span>
<div class="search" role="search"><span class="muted" id="found" aria-live="polite"></span>
<input id="search" type="search" placeholder="Search  /" aria-label="Search nodes by name or function" autocomplete="off" spellcheck="false">
<ol id="results" aria-label="Found nodes"></ol></div>
<div class="tools"><button type="button" data-key="-" title="Zoom out (-)" aria-label="Zoom out">−</button>
<button type="button" data-key="+" title="Zoom in (+)" aria-label="Zoom in">+</button>
<button type="button" data-key="f" title="Show all (f)" class="wide">Fit</button></div>
</header>
<main>
<svg xmlns="http://www.w3.org/2000/svg" id="picture" class="ff" viewBox="0 0 ${size}" data-direction="${direction}" font-family="${FONTS}" role="group" aria-label="The graph">
<g class="svg-pan-zoom_viewport">
${drawParts(laidOut)}
</g>
</svg>
<aside hidden aria-label="Details" aria-live="polite"></aside>
</main>
<footer>${legendOf(picture)}</footer>
<script type="application/json" id="data">${embed(dataOf(picture))}</script>
<script>${panZoom}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** What lets a browser run this script and no other. */
async function sourceHash(script: string): Promise<string> {
  // As the browser reads it.
  const bytes = new TextEncoder().encode(script.replace(/\r\n?/g, "\n"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `'sha256-${btoa(String.fromCharCode(...digest))}'`;
}

/** JSON in which nothing can end the element that it is in. */
function embed(data: PageData): string {
  return JSON.stringify(data).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function legendOf(picture: Picture): string {
  const { drawing } = picture;
  const { counts } = summarize(drawing, drawing.nodes.keys());
  const states = STATES.filter((state) => counts.has(state)).map((state) =>
    `<span><svg class="ff" width="15" height="15" aria-hidden="true">${
      markOf(state, 7.5, 7.5)
    }</svg>${counts.get(state)!.toLocaleString("en")} ${STATE_WORDS[state]}</span>`
  );
  const folded = foldLine(picture);
  return states.join("") + (folded === "" ? "" : `<span>${escapeXml(folded)}</span>`);
}

function dataOf({ drawing, boxes, rule }: Picture): PageData {
  const isDetailed = drawing.nodes.length <= MOST_DETAILED;
  const boxOf = new Array<number>(drawing.nodes.length);
  boxes.forEach(({ members }, box) => members.forEach((node) => boxOf[node] = box));
  const nodes = drawing.nodes.map((node, i): PageNode => ({
    name: visible(node.name),
    fn: node.members.length > 0 ? "" : visible(node.definition),
    box: boxOf[i],
    ...isDetailed && detailsOf(drawing, i),
  }));
  if (isDetailed) addReads(nodes, drawing);
  const folded = boxes.map(({ members }, box) => [box, members] as const)
    .filter(([, members]) => members.length > 1);
  return {
    nodes,
    boxes: Object.fromEntries(folded.map(([box, members]) => [box, {
      name: rule === "band"
        ? functionsOf(members.map((i) => drawing.nodes[i]))
        : nodes[members[0]].fn,
      facts: factsOfBox(drawing, members),
    }])),
  };
}

function functionsOf(nodes: readonly DrawnNode[]): string {
  return visible([...new Set(nodes.map(({ definition }) => definition))].slice(0, 8).join(", "));
}

type Facts = (readonly [label: string, text: string])[];

function detailsOf(drawing: Picture["drawing"], i: number): Partial<PageNode> {
  const node = drawing.nodes[i];
  const { definedAt, namedAt, args } = drawing.detailsOf(i);
  const { state, reason, durationMs, bytes, savedAt } = node.standing ?? {};
  const facts: Facts = [
    ["Target", node.isTarget ? "yes" : undefined],
    ["Instance", node.instance < 0 ? undefined : drawing.nodes[node.instance].name],
    ["Call", node.call > 0 ? `number ${node.call} of its instance` : undefined],
    ["State", state && STATE_WORDS[state]],
    [state === "failed" ? "Failure" : "Why", reason],
    ["Time", durationMs === undefined ? undefined : showDuration(durationMs)],
    [
      "Size",
      bytes === undefined ? undefined : `${showBytes(bytes)} (${bytes.toLocaleString("en")} B)`,
    ],
    ["Stored", savedAt?.toISOString().replace("T", " ").replace(/\.\d+Z$/, " UTC")],
    ["Needs", node.needs.join(", ") || undefined],
    ["Plugins", [...drawing.plugins, ...node.plugins].join(", ") || undefined],
    ["Named at", namedAt || undefined],
    ["Defined at", definedAt || undefined],
  ].flatMap(([label, text]) => text === undefined ? [] : [[label!, visible(text)] as const]);
  return {
    facts,
    ...args.length > 0 && { args: args.map(visible) },
    ...node.members.length > 0 && { members: node.members.map(visible) },
  };
}

function addReads(nodes: PageNode[], { edges }: Picture["drawing"]): void {
  const lists = nodes.map((): [number, string][] => []);
  for (const { from, to, kind, items } of edges) {
    const parts = items.filter((item) => item !== "").map(visible).join(", ");
    lists[to].push([from, kind === "order" ? "comes before" : parts]);
  }
  lists.forEach((reads, i) => {
    if (reads.length > 0) nodes[i] = { ...nodes[i], reads };
  });
}

function factsOfBox(drawing: Picture["drawing"], members: readonly number[]): Facts {
  const { counts, durationMs, bytes } = summarize(drawing, members);
  return [
    ...STATES.filter((state) => counts.has(state)).map((state) =>
      [STATE_WORDS[state], counts.get(state)!.toLocaleString("en")] as const
    ),
    ...durationMs === undefined ? [] : [["time in all", showDuration(durationMs)] as const],
    ...bytes === undefined ? [] : [["size in all", showBytes(bytes)] as const],
  ];
}
