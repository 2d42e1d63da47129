/** From a drawing to the text of a file. */

import type { Drawing } from "./drawing.ts";
import { type Direction, toDot } from "./dot.ts";
import { drawFaces } from "./face.ts";
import { type Fold, fold } from "./fold.ts";
import { layOut } from "./layout.ts";
import { toMermaid } from "./mermaid.ts";
import type { GraphFormat } from "./output.ts";
import { toSvg } from "./svg.ts";

/** How to draw. */
export interface RenderOptions {
  readonly format: GraphFormat;
  readonly fold: Fold;
  readonly direction: Direction;
}

// Graphviz takes more than minutes for more, and then more memory than it has.
const MOST_BOXES = 5_000;
const MOST_LINKS = 20_000;

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
  if (boxes > MOST_BOXES || links > MOST_LINKS) {
    throw new RangeError(
      `Cannot draw ${boxes.toLocaleString("en")} nodes with ${links.toLocaleString("en")} edges ` +
        `one by one: let them be folded, draw fewer of them, or write DOT for another program.`,
    );
  }
  const laidOut = { picture, faces, layout: await layOut(dot) };
  if (format === "svg") return toSvg(laidOut);
  const { toPage } = await import("./page.ts");
  return await toPage(laidOut);
}
