/** Small texts that several commands print: names that may hold anything, counts, sizes, times. */

// What moves a terminal's cursor or turns the reading direction, and line separators.
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** A text with the characters escaped that a terminal would act on, as JSON escapes them. */
export function escapeControls(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (c) => ({ "\n": "\\n", "\t": "\\t", "\r": "\\r" })[c] ?? escapeCode(c),
  );
}

/** The same for a text of several lines: line ends and tabs stay. */
export function escapeAllButLines(text: string): string {
  return text.replaceAll("\r\n", "\n")
    .replace(UNPRINTABLE, (c) => c === "\n" || c === "\t" ? c : escapeCode(c));
}

function escapeCode(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** A text of at most `most` characters, whole ones. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, most - 1);
  return `${kept.isWellFormed() ? kept : kept.slice(0, -1)}…`;
}

/** A name in quotes, safe to print and not too long. */
export function quoted(name: string): string {
  const MOST_SHOWN = 200;
  return `"${cut(escapeControls(name), MOST_SHOWN)}"`;
}

/** A text that another sentence may follow. */
export function endSentence(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** `1 task`, `2,000 tasks`. */
export function count(n: number, what: string): string {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}

/** A size in the unit that fits; a kB is 1,000 bytes. */
export function showBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  const step = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1_000 ** step;
  // 999.96 kB would be rounded to 1000.0.
  if (amount >= 999.95 && step < units.length) return `1.0 ${units[step]}`;
  return `${amount.toFixed(1)} ${units[step - 1]}`;
}

/** A duration in the unit that fits. */
export function showDuration(ms: number): string {
  // By what is shown: 59.97 s would be rounded to 60.0, and 119.6 s to 1 min 60 s.
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A moment in local time, to the second. */
export function showTime(time: Date): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
