/** What a runtime with permissions has denied, in words that say how to allow it. */

const DENIED =
  /Requires (\w+ access(?: to (?:"[^"]*"|<[^>]*>))?), run again with the (--allow-[\w-]+) flag/;

/**
 * What was denied and which flag allows it, as a sentence; `undefined` for other errors.
 *
 * @param scope What the flag may be limited to, of those that are limited to paths.
 */
export function explainDenied(
  error: unknown,
  scope: { readonly write?: string } = {},
): string | undefined {
  const [, access, flag] = DENIED.exec(error instanceof Error ? error.message : "") ?? [];
  if (access === undefined) return undefined;
  const limit = flag === "--allow-write" && scope.write !== undefined ? `=${scope.write}` : "";
  return `${access} is denied. Run it again with ${flag}${limit}.`;
}
