/** From a drawing to the text of a file. */

import type { Drawing } from "./drawing.ts";
import { type Direction, toDot } from "./dot.ts";
import { drawFaces } from "./face.ts";
import { type Fold, fold, type Picture } from "./fold.ts";
import { type Layout, layOut } from "./layout.ts";
import { toMermaid } from "./mermaid.ts";
import type { GraphFormat } from "./output.ts";
import { toSvg } from "./svg.ts";

/** How to draw. */
export interface RenderOptions {
  readonly format: GraphFormat;
  readonly fold: Fold;
  readonly direction: Direction;
}

// For more, Graphviz takes minutes, and then more of the stack than there is.
const MOST_BOXES = 3_000;
const MOST_LINKS = 10_000;

/** Draws. */
export async function render(
  drawing: Drawing,
  { format, fold: mode, direction }: RenderOptions,
): Promise<string> {
  const picture = fold(drawing, mode);
  const faces = drawFaces(picture);
  if (format === "mermaid") return toMermaid(picture, faces, direction);
  const dot = toDot(picture, faces, direction);
  if (format === "dot") return dot;
  const [boxes, links] = [picture.boxes.length, picture.links.length];
  if (boxes > MOST_BOXES || links > MOST_LINKS) throw tooLarge(picture);
  let layout: Layout;
  try {
    layout = await layOut(dot, looseBoxes(picture));
  } catch (error) {
    // Of the stack, or of WebAssembly's memory.
    throw error instanceof RangeError || error instanceof WebAssembly.RuntimeError
      ? tooLarge(picture, error)
      : error;
  }
  const laidOut = { picture, faces, layout };
  if (format === "svg") return toSvg(laidOut);
  const { toPage } = await import("./page.ts");
  return await toPage(laidOut, direction);
}

function looseBoxes({ boxes, links, clusters }: Picture): number[] {
  const tied = new Set([
    ...links.flatMap(({ from, to }) => [from, to]),
    ...clusters.flatMap(({ boxes }) => boxes),
  ]);
  return [...boxes.keys()].filter((box) => !tied.has(box));
}

function tooLarge({ boxes, links }: Picture, cause?: unknown): RangeError {
  return new RangeError(
    `Cannot draw ${boxes.length.toLocaleString("en")} nodes with ` +
      `${links.length.toLocaleString("en")} edges one by one: let them be folded, ` +
      "draw fewer of them, or write DOT for another program.",
    { cause },
  );
}
