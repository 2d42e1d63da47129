/** Where in the user's code something was written. */

/** A line of source code. */
export interface Place {
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

// Deep enough for any way to write a definition; frames that are not there cost nothing.
const MOST_FRAMES = 50;
// "at name (URL:LINE:COLUMN)" or "at URL:LINE:COLUMN": V8 and JavaScriptCore write the same.
const FRAME = /^\s*at (?:async )?(?:.*\()?(.+?):(\d+):(\d+)\)?$/gm;

/** A place whose text is not read before somebody asks: reading it costs much more than noting it. */
export class CallSite {
  declare stack?: string;

  /** Notes the caller of `callee`; with `isDeep`, also the callers' callers. */
  static of(callee: (...args: never[]) => unknown, isDeep = false): CallSite {
    const site = new CallSite();
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = isDeep ? MOST_FRAMES : 1;
    Error.captureStackTrace(site, callee);
    Error.stackTraceLimit = limit;
    return site;
  }

  /** A place that another process has told of. */
  static at({ url, line, column }: Place): CallSite {
    const site = new CallSite();
    site.stack = `at ${url}:${line}:${column}`;
    return site;
  }

  /** The line of the call, helpers of the runtime left out. */
  get place(): Place | undefined {
    const places = readFrames(this.stack ?? "");
    return places.find(({ url }) => isModule(url)) ?? places[0];
  }

  /** The lines of the call and of the calls that led to it, innermost first. */
  get places(): Place[] {
    return readFrames(this.stack ?? "");
  }

  /**
   * The URL of the module whose evaluation, or whose function, made the call: of a chain of the user's own modules, the
   * outermost one, as that is what has to be imported for the call to be made again. `undefined` in a REPL or a notebook.
   */
  get module(): string | undefined {
    let module: string | undefined;
    for (const { url } of readFrames(this.stack ?? "")) {
      if (isOwn(url) || /^(?:ext|node):/.test(url)) break;
      if (isModule(url)) module = url;
    }
    return module;
  }
}

function readFrames(stack: string): Place[] {
  return [...stack.matchAll(FRAME)].map(([, url, line, column]) => ({
    url: asUrl(url),
    line: Number(line),
    column: Number(column),
  }));
}

/** Bun shows paths where Deno shows URLs. */
function asUrl(shown: string): string {
  if (shown.startsWith("/")) return `file://${encodeURI(shown)}`;
  return /^[A-Za-z]:[\\/]/.test(shown)
    ? `file:///${encodeURI(shown.replaceAll("\\", "/"))}`
    : shown;
}

function isModule(url: string): boolean {
  return /^(?:file|https?):\/\//.test(url);
}

// In a bundle all code has one URL, so that nothing can be told apart by it.
const ROOT = /^(.*\/)core\/place\.[jt]s$/.exec(import.meta.url)?.[1];

function isOwn(url: string): boolean {
  return ROOT !== undefined && url.startsWith(ROOT) &&
    // Not the stock plugins: they are defined as users define theirs.
    /^(?:(?:core|backends|storage|cli)\/|(?:cli|mod)\.[jt]s)/.test(url.slice(ROOT.length));
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
