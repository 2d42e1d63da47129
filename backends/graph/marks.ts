/** The small signs of the states: colour is never all that tells them apart. */

import type { NodeState } from "./drawing.ts";
import { LIGHT, stateClass } from "./palette.ts";

const SIGNS: Readonly<Record<NodeState, string>> = {
  stored: `<path d="M-3 .2 -.9 2.4 3.2 -2.3" fill="none" stroke="#fff" stroke-width="1.7"/>`,
  run: `<path d="M-1.8 -3 3.2 0 -1.8 3z" fill="#fff"/>`,
  maybe:
    `<path d="M-1.8 -3 3.2 0 -1.8 3z" fill="none" stroke="#fff" stroke-width="1.2" stroke-linejoin="round"/>`,
  failed: `<path d="M-2.4 -2.4 2.4 2.4M2.4 -2.4 -2.4 2.4" stroke="#fff" stroke-width="1.7"/>`,
  "not needed": `<path d="M-2.8 0H2.8" stroke="#fff" stroke-width="1.7"/>`,
};

/** The sign of a state, around a point. */
export function markOf(state: NodeState, x: number, y: number): string {
  return `<g transform="translate(${x} ${y})" stroke-linecap="round" stroke-linejoin="round">` +
    `<circle class="ff-mark ${stateClass(state)}" r="6.5" fill="${LIGHT.marks[state]}"/>` +
    `${SIGNS[state]}</g>`;
}
