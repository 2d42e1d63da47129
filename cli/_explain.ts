/** What went wrong in files of the user's, in words for them. */

import { closest } from "fastest-levenshtein";
import { shortenPaths, userFrames } from "./_errors.ts";
import { LIBRARY_NAMES } from "./_library.ts";

/** A message of Bun's compiler. */
interface BuildMessage {
  readonly message: string;
  readonly position?: { file: string; line: number; column: number; lineText: string } | null;
}

/** What went wrong when something of the user's was loaded or called. */
export function explainImport(error: unknown): string {
  const { position, message } = error as BuildMessage;
  if (position && !/^ENOENT reading/.test(message)) {
    const { file, line, column, lineText } = position;
    const pointer = " ".repeat(Math.max(0, column - 1)) + "~";
    return shortenPaths(`${message}\n${lineText}\n${pointer}\n    at ${file}:${line}:${column}`);
  }
  const specifier = specifierOf(error as ResolveMessage);
  if (specifier !== undefined) {
    const said = replaceHints(plain(message));
    return shortenPaths(/\n/.test(said) ? said : `${said}\n${adviceFor(specifier)}`.trimEnd());
  }
  if (!(error instanceof Error)) return String(error);
  const isResolution = /^(Module not found|Cannot find|Import ")/.test(error.message);
  const named = /^\w*Error: |^Module not found/.test(error.message) || isResolution
    ? error.message
    : `${error.name}: ${error.message}`;
  return shortenPaths([plain(named), ...(isResolution ? [] : userFrames(error))].join("\n"));
}

function plain(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m| at ext:\S+/g, "");
}

/** What is said of an import that leads nowhere. */
interface ResolveMessage {
  readonly message?: string;
  readonly specifier?: string;
}

function specifierOf({ specifier, message = "" }: ResolveMessage): string | undefined {
  const found = /^(?:Import|Cannot find (?:package|module)|ENOENT reading) ["']([^"']+)["']/;
  const named = found.exec(plain(message))?.[1];
  // Of a name with a slash, the message of Bun has the first part only.
  return named === undefined ? undefined : specifier ?? named;
}

/** With our advice in the place of Deno's, which knows no more of this library than its workspace. */
export function replaceHints(report: string): string {
  return report.replace(
    /^(\s*)(.*Import "(functionfuse[^"]*)".*)\n\s*hint: .*$/gm,
    (_, indent, line, specifier) => `${indent}${line}\n${indent}${adviceFor(specifier)}`,
  );
}

/** What to do about an import that leads nowhere. */
function adviceFor(specifier: string): string {
  if (/^functionfuse(?:\/|$)/.test(specifier)) {
    return `There is no ${specifier}: did you mean ${closest(specifier, [...LIBRARY_NAMES])}?`;
  }
  if (/^https?:/.test(specifier)) {
    return "Only Deno imports modules by their URLs: get it as a file.";
  }
  if (/^(?:[./]|file:)/.test(specifier)) return "";
  const name = /^(?:npm:)?((?:@[^/]+\/)?[^/@]+)/.exec(specifier)?.[1] ?? specifier;
  return `If it is a package, install it into a folder node_modules beside the file or above it: npm install ${name}.`;
}

/** A text as a part of a message. */
export function indent(text: string): string {
  return text.replace(/^/gm, "  ");
}
