/** Texts in pictures: names that may hold anything, cut to a width; amounts. */

// What has no form of its own or turns the reading direction, and what no XML may hold.
const INVISIBLE =
  /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

/** A text with what can't be seen as escapes, on one line. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (c) => ESCAPES[c] ?? escapeCode(c));
}

const ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

function escapeCode(c: string): string {
  return `\\u${c.codePointAt(0)!.toString(16).padStart(4, "0")}`;
}

/** Text in XML or HTML, between tags or in quotes. */
export function escapeXml(text: string): string {
  return visible(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

// Widths of Helvetica and those like it from space to tilde, in thousandths of the size.
const WIDTHS = [
  ...[278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278],
  ...[556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556],
  ...[1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778],
  ...[667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556],
  ...[333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556],
  ...[556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584],
];
const OTHER = 620;
const WIDE = 1_050;
const IS_WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{3ffff}]/u;
const BOLDER = 1.1;

/** How wide a text is, for a size; there is no screen to measure it on. */
export function widthOf(text: string, size: number, isBold = false): number {
  let thousandths = 0;
  for (const c of graphemes(text)) thousandths += widthOfOne(c);
  return thousandths / 1_000 * size * (isBold ? BOLDER : 1);
}

function widthOfOne(grapheme: string): number {
  if (grapheme.length === 1) {
    const known = WIDTHS[grapheme.charCodeAt(0) - 32];
    if (known !== undefined) return known;
  }
  return IS_WIDE.test(grapheme) ? WIDE : OTHER;
}

const segmenter = new Intl.Segmenter();
// A letter can have any number of marks, which would be drawn over all that is around.
const LONGEST_GRAPHEME = 24;

function graphemes(text: string): string[] {
  // deno-lint-ignore no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return [...text];
  return Array.from(
    segmenter.segment(text),
    ({ segment }) => segment.length > LONGEST_GRAPHEME ? "\ufffd" : segment,
  );
}

// More than fits anywhere: a long text is not looked at to its end.
const MOST_LOOKED_AT = 400;

/** A text that can be seen and is not wider than so many pixels; of a longer one, the middle is left out. */
export function fit(text: string, size: number, most: number, isBold = false): string {
  const all = text.length > 2 * MOST_LOOKED_AT
    ? `${text.slice(0, MOST_LOOKED_AT)}…${text.slice(-MOST_LOOKED_AT)}`
    : text;
  const parts = graphemes(visible(all));
  const widths = parts.map((part) => widthOfOne(part) / 1_000 * size * (isBold ? BOLDER : 1));
  const whole = widths.reduce((sum, width) => sum + width, 0);
  if (whole <= most) return parts.join("");
  let [first, last] = [0, parts.length];
  let left = most - size;
  // Names of many nodes differ most at their ends, so both are kept.
  while (first < last) {
    const takesFirst = first <= (parts.length - last) * 1.5;
    left -= widths[takesFirst ? first : last - 1];
    if (left < 0) break;
    if (takesFirst) first++;
    else last--;
  }
  return `${parts.slice(0, first).join("")}…${parts.slice(last).join("")}`;
}

/** `1 node`, `2,000 nodes`. */
export function count(n: number, what: string, many = `${what}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? what : many}`;
}

/** A size in the unit that fits; a kB is 1,000 bytes. */
export function showBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let [amount, step] = [bytes, 0];
  while (amount >= 999.5 && step < units.length - 1) [amount, step] = [amount / 1_000, step + 1];
  return `${step === 0 || amount >= 100 ? Math.round(amount) : amount.toPrecision(2)} ${
    units[step]
  }`;
}

/** A duration in the unit that fits. */
export function showDuration(ms: number): string {
  if (ms < 0.95) return "< 1 ms";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(ms < 9_950 ? 2 : 1)} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 60) {
    const seconds = Math.round(ms / 1_000);
    return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
