/** Colours: calm ones, of one lightness each, for light and for dark surroundings. */

import type { NodeState } from "./drawing.ts";

/** The colours of a box. */
export interface Tint {
  readonly fill: string;
  readonly stroke: string;
}

/** What all is drawn with beside the boxes. */
export interface Tones {
  readonly background: string;
  readonly text: string;
  readonly muted: string;
  readonly edge: string;
  readonly cluster: Tint;
}

const tint = (fill: string, stroke: string): Tint => ({ fill, stroke });

// Made in OKLCH: one lightness and one chroma for each column, hues far from those beside them.
const LIGHT_HUES = [
  tint("#eaf6ff", "#81afdf"),
  tint("#e8f9f1", "#75bc9d"),
  tint("#f6f1ff", "#b39fd9"),
  tint("#fdf2e5", "#cba36d"),
  tint("#e5f9fb", "#64bbc4"),
  tint("#ffefee", "#db9595"),
  tint("#eff7e9", "#99b67d"),
  tint("#fdeffb", "#ca98c5"),
  tint("#e6f8ff", "#6cb6d3"),
  tint("#fff0e8", "#d79b7a"),
];
const DARK_HUES = [
  tint("#192a3c", "#4c78a5"),
  tint("#142f24", "#3d8468"),
  tint("#2c243a", "#7c699f"),
  tint("#342611", "#926d37"),
  tint("#0b2e32", "#25838c"),
  tint("#3a2121", "#a05f60"),
  tint("#222d17", "#647f48"),
  tint("#342232", "#91628c"),
  tint("#102d38", "#327f9a"),
  tint("#392316", "#9d6546"),
];

/** One set of colours. */
export interface Theme {
  readonly tones: Tones;
  readonly hues: readonly Tint[];
  /** The colours of boxes by state; of several nodes, in several. */
  readonly states: Readonly<Record<NodeState | "mixed", Tint>>;
  /** The stronger colours of the states' marks. */
  readonly marks: Readonly<Record<NodeState, string>>;
}

/** For light surroundings, and for programs that know no other. */
export const LIGHT: Theme = {
  tones: {
    background: "#fcfdfe",
    text: "#1b2433",
    muted: "#5b677a",
    edge: "#94a1b3",
    cluster: tint("#f3f5f9", "#d9dfe8"),
  },
  hues: LIGHT_HUES,
  states: {
    stored: tint("#e9f8ef", "#59b387"),
    run: tint("#fff3e2", "#d19a45"),
    maybe: tint("#fffaf2", "#d19a45"),
    failed: tint("#ffebe8", "#e8655f"),
    "not needed": tint("#f4f6f8", "#a9b0ba"),
    mixed: tint("#ffffff", "#94a1b3"),
  },
  marks: {
    stored: "#128a5b",
    run: "#b06f00",
    maybe: "#b06f00",
    failed: "#c93636",
    "not needed": "#7a828d",
  },
};

/** For dark surroundings. */
export const DARK: Theme = {
  tones: {
    background: "#11151c",
    text: "#e6eaf1",
    muted: "#9aa6b8",
    edge: "#66738a",
    cluster: tint("#181e28", "#2d3746"),
  },
  hues: DARK_HUES,
  states: {
    stored: tint("#14301f", "#458b68"),
    run: tint("#36250c", "#9e7029"),
    maybe: tint("#221b10", "#9e7029"),
    failed: tint("#421c19", "#c4524d"),
    "not needed": tint("#1d222a", "#525b69"),
    mixed: tint("#1a212c", "#66738a"),
  },
  marks: {
    stored: "#61c594",
    run: "#e0a038",
    maybe: "#e0a038",
    failed: "#ff7972",
    "not needed": "#8c95a3",
  },
};

/** The class of a state's elements. */
export function stateClass(state: NodeState | "mixed"): string {
  return `ff-${state.replace(" ", "-")}`;
}

/** The rules that make a picture with the colours of `LIGHT` one with those of a theme. */
export function themeRules({ tones, hues, states, marks }: Theme): string {
  const rules = [
    `.ff-background{fill:${tones.background}}`,
    `.ff-text{fill:${tones.text}}`,
    `.ff-muted{fill:${tones.muted}}`,
    `.ff-label{fill:${tones.muted};stroke:${tones.background}}`,
    `.ff-title{fill:${tones.muted};stroke:${tones.cluster.fill}}`,
    `.ff-line{stroke:${tones.edge}}`,
    `.ff-head{fill:${tones.edge}}`,
    `.ff-cluster{fill:${tones.cluster.fill};stroke:${tones.cluster.stroke}}`,
    ...hues.map(({ fill, stroke }, i) => `.ff-hue-${i} .ff-box{fill:${fill};stroke:${stroke}}`),
  ];
  for (const [state, { fill, stroke }] of Object.entries(states)) {
    rules.push(`.${stateClass(state as NodeState)} .ff-box{fill:${fill};stroke:${stroke}}`);
  }
  for (const [state, fill] of Object.entries(marks)) {
    rules.push(`.ff-mark.${stateClass(state as NodeState)}{fill:${fill}}`);
  }
  return rules.map((rule) => `.ff ${rule}`).join("");
}

/** How a box is coloured: by state where one is known, else by function. */
export function colorOf(
  { state, summary, hue }: {
    readonly state: NodeState | undefined;
    readonly summary: { readonly counts: ReadonlyMap<NodeState, number> };
    readonly hue: number;
  },
): Tint & { readonly name: string } {
  const known = state ?? (summary.counts.size > 1 ? "mixed" : undefined);
  if (known !== undefined) return { ...LIGHT.states[known], name: stateClass(known) };
  const at = hue % LIGHT.hues.length;
  return { ...LIGHT.hues[at], name: `ff-hue-${at}` };
}
