/**
 * Names of tasks and workflows as names of files and objects, and back.
 *
 * What is not a lower-case letter, a digit or one of `. _ -` is percent-encoded, so that no name can leave its folder or
 * mean something to a file system. Where that is not enough, a digest follows after a tilde: of names with capitals, as
 * some file systems take `A` for `a`, of names that Windows reserves, and of names too long for a file.
 */

import { createHash } from "node:crypto";

const LONGEST = 120;
const DIGEST_LENGTH = 32;
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/;

/** A safe key; different names give different keys, also where case does not count. */
export function keyOf(name: string): string {
  const escaped = escape(name);
  if (escaped.length > LONGEST) return `${escaped.slice(0, LONGEST)}~~${digestOf(name)}`;
  return /[A-Z]/.test(name) || RESERVED.test(escaped) ? `${escaped}~${digestOf(name)}` : escaped;
}

/** The name that a key stands for, or `undefined` where only the object itself knows: the name was cut. */
export function nameOf(key: string): string | undefined {
  const [escaped, ...digest] = key.split("~");
  try {
    return digest.length > 1 ? undefined : decodeURIComponent(escaped);
  } catch {
    // Somebody else's file.
    return undefined;
  }
}

function escape(name: string): string {
  return encodeURIComponent(name)
    .replace(/[!'()*~]|^\.|\.$/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function digestOf(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, DIGEST_LENGTH);
}
