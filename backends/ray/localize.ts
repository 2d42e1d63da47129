/** Errors from the cluster, with the user's own paths in the place of those that machines there have. */

const DEEPEST = 20;
// Where machines unpack what this library packs.
const OWN_FRAME = /^\s*at .*\/_ray_pkg_[0-9a-f]{32}\/functionfuse\/.*\n?/gm;
const PLACE = /(file:\/\/)?\/[^\s"'()]*?\/_ray_pkg_[0-9a-f]{32}\/code\//g;

/** Puts the user's paths into messages and stacks of an error and of what it is made of; gives the error itself. */
export function localize(thrown: unknown, folderUrl: string | undefined, depth = 0): unknown {
  if (!(thrown instanceof Error) || depth > DEEPEST) return thrown;
  const replace = (text: string) => replacePlaces(text.replace(OWN_FRAME, ""), folderUrl);
  for (const key of ["message", "stack"] as const) {
    const text = thrown[key];
    if (typeof text !== "string" || !text.includes("/_ray_pkg_")) continue;
    Object.defineProperty(thrown, key, {
      value: replace(text),
      writable: true,
      configurable: true,
      enumerable: false,
    });
  }
  if (thrown.cause !== undefined) localize(thrown.cause, folderUrl, depth + 1);
  const { errors } = thrown as { errors?: unknown };
  if (Array.isArray(errors)) {
    for (const error of errors) if (error !== thrown) localize(error, folderUrl, depth + 1);
  }
  return thrown;
}

/** Where the user's folder is not known, places are from there on. */
function replacePlaces(text: string, folderUrl = ""): string {
  const folder = decodeURI(folderUrl.replace(/^file:\/\/(?:\/(?=[A-Za-z]:))?/, ""));
  return text.replace(PLACE, (_, scheme) => scheme === undefined ? folder : folderUrl);
}
