/** Trees of source code: only what matters when it runs. */

/** Where a piece of syntax begins and ends; under symbols, as nobody who writes or walks a tree should see them. */
export const START = Symbol("start");
export const END = Symbol("end");

/** A node of a tree; its fields are what matters, in alphabetical order. */
export class Syntax {
  [field: string]: unknown;
  [START]: number;
  [END]: number;

  constructor(readonly type: string, start: number, end: number) {
    this[START] = start;
    this[END] = end;
  }

  /** Scope analysis asks for it. */
  get range(): [start: number, end: number] {
    return [this[START], this[END]];
  }
}

/** Whether something is a node of a tree. */
export function isSyntax(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null &&
    typeof (value as { type?: unknown }).type === "string";
}

/** Whether a position is within a piece of syntax. */
export function isWithin(at: number, { [START]: start, [END]: end }: Syntax): boolean {
  return at >= start && at < end;
}

/** Makes a node that stands where another one does. */
export function syntaxAt(
  place: { [START]: number; [END]: number },
  type: string,
  fields: Record<string, unknown>,
): Syntax {
  return Object.assign(new Syntax(type, place[START], place[END]), fields);
}

/** The name that a key, or a name of an import or export, stands for. */
export function keyName(key: Syntax): string {
  return String(key.name ?? key.value ?? key.number ?? key.bigint);
}
