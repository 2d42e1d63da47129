/** Reading pictures back, as other programs do. */

import { instance } from "@viz-js/viz";
import { DOMParser } from "linkedom";

/** A box of a picture. */
export interface ShownBox {
  /** What is written on it, from the top. */
  readonly lines: readonly string[];
  readonly badge: string | undefined;
  readonly classes: readonly string[];
  readonly isTarget: boolean;
  /** What a mouse that rests on it tells. */
  readonly tip: string;
}

/** What a picture shows. */
export interface Shown {
  readonly boxes: readonly ShownBox[];
  /** Pairs of boxes, by what is on their first lines. */
  readonly links: readonly string[];
  readonly labels: readonly string[];
  readonly clusters: readonly string[];
  /** All other texts: title, summary, legend. */
  readonly texts: readonly string[];
}

/** Reads an SVG picture. */
export function readSvg(svg: string): Shown {
  const document = new DOMParser().parseFromString(svg, "image/svg+xml");
  // deno-lint-ignore no-explicit-any
  const all = (root: any, selector: string): any[] => [...root.querySelectorAll(selector)];
  const texts = (root: unknown, selector: string) =>
    all(root, selector).map(({ textContent }) => String(textContent));
  const boxes = all(document, ".ff-node").map((node): ShownBox => ({
    lines: texts(node, "text").filter((_, i) => !isBadge(all(node, "text")[i])),
    badge: all(node, "text").find(isBadge)?.textContent,
    classes: String(node.getAttribute("class")).split(" "),
    isTarget: all(node, ".ff-ring").length > 0,
    tip: texts(node, "title")[0],
  }));
  return {
    boxes,
    links: all(document, ".ff-link").map((link) => {
      const [from, to] = ["data-from", "data-to"].map((end) =>
        boxes[Number(link.getAttribute(end))]
      );
      return `${from.lines[0]} → ${to.lines[0]}`;
    }),
    labels: texts(document, ".ff-label"),
    clusters: texts(document, ".ff-title"),
    texts: all(document, "text").filter((text) => !text.closest(".ff-node"))
      .map(({ textContent }) => String(textContent)),
  };
}

// deno-lint-ignore no-explicit-any
function isBadge(text: any): boolean {
  return text.getAttribute("text-anchor") === "middle";
}

/** A graph as Graphviz has read it. */
export interface ReadDot {
  readonly name: string;
  readonly nodes: readonly {
    readonly name: string;
    readonly label: string;
    readonly tooltip: string;
  }[];
  readonly edges: readonly string[];
  readonly clusters: readonly { readonly label: string; readonly nodes: readonly string[] }[];
}

/** Reads DOT, by Graphviz itself. */
export async function readDot(dot: string): Promise<ReadDot> {
  const viz = await instance();
  const result = viz.render(dot, { format: "dot_json" });
  if (result.status === "failure") throw new Error(JSON.stringify(result.errors));
  const read = JSON.parse(result.output);
  const objects: Record<string, string & number[]>[] = read.objects ?? [];
  const nodes = objects.filter(({ nodes }) => nodes === undefined)
    .map(({ name, label, tooltip }) => ({ name, label: label as string, tooltip }));
  return {
    name: read.name,
    nodes,
    edges: (read.edges ?? []).map(({ tail, head }: { tail: number; head: number }) =>
      `${objects[tail].name} → ${objects[head].name}`
    ),
    clusters: objects.filter(({ nodes }) => nodes !== undefined).map(({ label, nodes }) => ({
      label: label as string,
      nodes: nodes.map((i) => objects[i].name),
    })),
  };
}

/** Names that have been trouble somewhere, for some format. */
export const HOSTILE_NAMES: readonly string[] = [
  `quo"te`,
  `it's`,
  "back\\slash\\",
  "\\N \\G \\L",
  "<script>globalThis.hacked = true</script>",
  "</script><img src=x onerror='globalThis.hacked=true'>",
  "</svg></style></title>",
  "<!-- --> ]]> <![CDATA[",
  "&lt;b&gt; &amp; &#60; #quot; #60;",
  "new\nline\ttab\rreturn",
  "a] --> b[",
  "`**bold**` _it_ 1. one",
  "1. list",
  "- item",
  "end",
  "%% ;{}|()~",
  "$$x^2$$",
  "😀 👨‍👩‍👧‍👦 emoji",
  "שלום עולם",
  "\u202eturned around",
  "\u0000\u0001\u001b[31m\ufffe\uffff",
  "\ud800 alone",
  "e" + "\u0301".repeat(200),
  "x".repeat(1_000),
  "日本語".repeat(50),
  "__proto__",
  " ",
];
