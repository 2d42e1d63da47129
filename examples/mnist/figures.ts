/** Figures of what the classifiers reached, as SVG that notebooks show. */

import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Digits, SIDE } from "./data.ts";
import type { Evaluation } from "./evaluate.ts";

/** Where the demo keeps its results: `.fuse` in the project's folder, if `FUSE_STORAGE` names no other place. */
export const RESULTS: string = process.env.FUSE_STORAGE ??
  fileURLToPath(new URL("../../.fuse", import.meta.url));

const INK = "#1e293b";
const MUTED = "#64748b";
const PALE = "#f1f5f9";
const GOOD = "#0f766e";
const BAD = "#c2410c";
const MARGIN = 24;
const TITLE_ROOM = 84;

/** A figure that a notebook shows as the result of a cell. */
export class Figure {
  constructor(readonly svg: string) {}

  [Symbol.for("Jupyter.display")](): Record<string, string> {
    return { "image/svg+xml": this.svg };
  }
}

/** The share of test digits that each classifier got right, the best one first. */
export function accuracyBars(evaluations: readonly Evaluation[]): Figure {
  const sorted = evaluations.toSorted((a, b) => b.accuracy - a.accuracy);
  const [best] = sorted;
  const bar = { y: "classifier", x: "accuracy" } as const;
  return draw({
    title: `${capital(best.classifier)} read ${percent(best.accuracy)} of the digits right`,
    subtitle: `Share of ${
      count(total(best))
    } unseen digits, with the time for training and reading`,
    width: 760,
    height: TITLE_ROOM + sorted.length * 46 + 60,
    marginLeft: 180,
    marginRight: 60,
    x: { domain: [0, 1], ticks: 5, tickFormat: "%", label: null, grid: true, tickSize: 0 },
    y: { domain: sorted.map(({ classifier }) => classifier), label: null, tickSize: 0 },
    marks: [
      Plot.barX(sorted, {
        ...bar,
        fill: (row) => row === best ? GOOD : MUTED,
        insetTop: 5,
        insetBottom: 5,
        rx2: 4,
      }),
      Plot.text(sorted, {
        ...bar,
        text: ({ accuracy }) => percent(accuracy),
        textAnchor: "start",
        dx: 8,
        fontSize: 14,
        fontWeight: 600,
      }),
      Plot.text(sorted, {
        y: "classifier",
        x: 0,
        text: ({ trainSeconds, predictSeconds }) =>
          `trained in ${seconds(trainSeconds)}, read in ${seconds(predictSeconds)}`,
        textAnchor: "start",
        dx: 12,
        fill: "white",
      }),
    ],
  });
}

/** How many digits of each label were read as which: mistakes stand out, not what was right. */
export function confusionMatrix({ classifier, confusion }: Evaluation): Figure {
  const cells = confusion.flatMap((row, truth) =>
    row.map((digits, label) => ({ truth, label, digits }))
  );
  const mistakes = cells.filter(({ truth, label }) => truth !== label);
  const right = cells.filter(({ truth, label }) => truth === label);
  const most = mistakes.reduce((a, b) => b.digits > a.digits ? b : a);
  const position = { x: "label", y: "truth" } as const;
  const side = 480;
  return draw({
    title: `${capital(classifier)} took a ${most.truth} for a ${most.label} most often`,
    subtitle: "How many digits were read as what: right on the diagonal, wrong elsewhere",
    width: side + 96,
    height: side + TITLE_ROOM + 72,
    marginTop: TITLE_ROOM + 16,
    marginLeft: 72,
    marginBottom: 56,
    padding: 0.04,
    x: {
      label: "read as",
      labelAnchor: "center",
      labelArrow: "none",
      tickSize: 0,
      labelOffset: 44,
    },
    y: { label: "digit", labelAnchor: "center", labelArrow: "none", tickSize: 0, labelOffset: 48 },
    color: { type: "linear", scheme: "Oranges", domain: [0, 1.3 * most.digits] },
    marks: [
      Plot.cell(mistakes, { ...position, fill: "digits", rx: 3 }),
      Plot.cell(right, { ...position, fill: "#ccfbf1", rx: 3 }),
      Plot.text(mistakes.filter(({ digits }) => digits > 0), {
        ...position,
        text: "digits",
        fontSize: 14,
        fill: ({ digits }) => digits > 0.6 * most.digits ? "white" : INK,
      }),
      Plot.text(right, { ...position, text: "digits", fontSize: 14, fontWeight: 600, fill: GOOD }),
    ],
  });
}

/** Some digits that were read wrong, sorted by what they are. */
export function misreadDigits(
  { pixels, labels }: Digits,
  { classifier, predicted, most = 24 }: {
    classifier: string;
    predicted: Uint8Array;
    most?: number;
  },
): Figure {
  const wrong = Array.from(labels, (truth, at) => ({ at, truth, label: predicted[at] }))
    .filter(({ truth, label }) => truth !== label);
  // Of all of them, evenly, as one label's mistakes look alike.
  const step = Math.max(1, wrong.length / most);
  const columns = 8;
  const shown = wrong.toSorted((a, b) => a.truth - b.truth)
    .filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step)).slice(0, most)
    .map((digit, i) => ({ ...digit, column: i % columns, row: Math.floor(i / columns) }));
  const place = { x: "column", y: "row" } as const;
  const rows = Math.ceil(shown.length / columns);
  const caption = { ...place, dy: 40, fontSize: 13, fontWeight: 600 } as const;
  return draw({
    title: `What ${classifier} can't read`,
    subtitle:
      `${shown.length} of ${wrong.length} digits that were read wrong: what each is → what it was read as`,
    width: columns * 92 + 2 * MARGIN,
    height: rows * 112 + TITLE_ROOM + MARGIN,
    marginTop: TITLE_ROOM,
    marginBottom: MARGIN,
    x: { axis: null, domain: [-0.5, columns - 0.5] },
    y: { axis: null, domain: [-0.5, rows - 0.5], reverse: true },
    marks: [
      Plot.image(shown, {
        ...place,
        src: ({ at }) => picture(pixels.subarray(at * SIDE * SIDE, (at + 1) * SIDE * SIDE)),
        width: 76,
        height: 76,
        dy: -10,
      }),
      Plot.text(shown, { ...caption, text: ({ truth }) => String(truth), dx: -18, fill: GOOD }),
      Plot.text(shown, { ...caption, text: () => "→", fill: MUTED }),
      Plot.text(shown, { ...caption, text: ({ label }) => String(label), dx: 18, fill: BAD }),
    ],
  });
}

/** Draws a plot with its title inside, on white, so that it looks the same in light and dark notebooks. */
function draw({ title, subtitle, ...options }: Plot.PlotOptions & { subtitle: string }): Figure {
  const { document } = parseHTML("<html></html>") as unknown as {
    document: Plot.PlotOptions["document"];
  };
  const { marginLeft = MARGIN, marginTop = TITLE_ROOM } = options;
  const heading = {
    frameAnchor: "top-left",
    textAnchor: "start",
    dx: MARGIN - marginLeft,
  } as const;
  const plot = Plot.plot({
    document,
    marginTop,
    marginLeft,
    marginRight: MARGIN,
    style: {
      background: "white",
      color: INK,
      fontFamily: "system-ui, sans-serif",
      fontSize: "13px",
    },
    ...options,
    marks: [
      ...options.marks ?? [],
      Plot.text([title], { ...heading, dy: 34 - marginTop, fontSize: 19, fontWeight: 600 }),
      Plot.text([subtitle], { ...heading, dy: 58 - marginTop, fontSize: 13, fill: MUTED }),
    ],
  });
  // Outside of a page, an SVG has to say what it is.
  plot.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return new Figure(plot.outerHTML);
}

// Enough greys for a digit of 28 by 28 pixels.
const GREYS = 6;

/** A digit as an SVG of its own: for each grey, the runs of pixels that have it. */
function picture(pixels: Uint8Array): string {
  const runs = Array.from({ length: GREYS + 1 }, () => "");
  const grey = (at: number) => Math.round(pixels[at] / 255 * GREYS);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE;) {
      const start = x;
      while (x < SIDE && grey(y * SIDE + x) === grey(y * SIDE + start)) x++;
      runs[grey(y * SIDE + start)] += `M${start} ${y}.5h${x - start}`;
    }
  }
  const paths = runs.slice(1).map((path, i) => `<path opacity="${(i + 1) / GREYS}" d="${path}"/>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIDE} ${SIDE}">` +
    `<rect width="${SIDE}" height="${SIDE}" rx="2" fill="${PALE}"/>` +
    `<g stroke="${INK}" shape-rendering="crispEdges">${paths.join("")}</g></svg>`;
  return `data:image/svg+xml;base64,${btoa(svg)}`;
}

function total({ confusion }: Evaluation): number {
  return confusion.flat().reduce((sum, n) => sum + n, 0);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}

function seconds(n: number): string {
  return `${n < 0.1 ? n.toFixed(2) : n.toFixed(1)} s`;
}

function count(n: number): string {
  return n.toLocaleString("en");
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}
