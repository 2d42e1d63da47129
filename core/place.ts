/** Where in the user's code something was written. */

/** A line of source code. */
export interface Place {
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** A place whose text is not read before somebody asks: reading it costs much more than noting it. */
export class CallSite {
  declare stack?: string;

  /** Notes the caller of `callee`. */
  static of(callee: (...args: never[]) => unknown): CallSite {
    const site = new CallSite();
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 1;
    Error.captureStackTrace(site, callee);
    Error.stackTraceLimit = limit;
    return site;
  }

  get place(): Place | undefined {
    return parsePlace(this.stack ?? "");
  }
}

// "at name (URL:LINE:COLUMN)" or "at URL:LINE:COLUMN": V8 and JavaScriptCore write the same.
const FRAME = /^\s*at (?:.*\()?(.+?):(\d+):(\d+)\)?$/m;

function parsePlace(stack: string): Place | undefined {
  const match = FRAME.exec(stack);
  if (!match) return undefined;
  const [, url, line, column] = match;
  return { url, line: Number(line), column: Number(column) };
}

/** `/home/me/digits.ts:12:8`, or an empty text where the place is not known. */
export function showPlace(site: CallSite | undefined): string {
  const place = site?.place;
  if (!place) return "";
  const path = place.url.startsWith("file://")
    ? decodeURI(place.url.slice("file://".length))
    : place.url;
  return `${path}:${place.line}:${place.column}`;
}
