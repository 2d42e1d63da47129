/** Where a cluster's dashboard is, and what opens it. */

import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { EngineError } from "../core/errors.ts";

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

const DASHBOARD_PORT = "8265";
/** Ports of a head on which no dashboard is: where Ray's own processes meet, and where Ray Client does. */
const OTHER_PORTS: ReadonlySet<string> = new Set(["6379", "10001"]);

/**
 * The URL of a cluster's dashboard, which takes jobs.
 *
 * Looked for in `address`, `RAY_API_SERVER_ADDRESS` and `RAY_ADDRESS`, in this order; where all are empty or say `auto`, it
 * is this machine's, at port 8265. `http://…` and `https://…` URLs are taken as they are, also with a path. Without a
 * scheme, `http` is meant, and a missing port is 8265.
 *
 * Addresses that people have at hand for other protocols of the same machine lead to its dashboard as well: jobs need no Ray
 * Client, so `ray://host:10001` is `http://host:8265`; and so is `host:6379`, which `RAY_ADDRESS` often says.
 *
 * @throws {TypeError} If it is no address.
 */
export function findAddress(address?: string, env: Environment = process.env): string {
  const sources: [string, string | undefined][] = [
    ["address", address],
    ["RAY_API_SERVER_ADDRESS", env.RAY_API_SERVER_ADDRESS],
    ["RAY_ADDRESS", env.RAY_ADDRESS],
  ];
  for (const [source, given] of sources) {
    if (given !== undefined && typeof given !== "string") throw notUsable(source, given);
    const text = given?.trim() ?? "";
    if (text !== "" && text !== "auto") return parse(source, text);
  }
  return `http://127.0.0.1:${DASHBOARD_PORT}`;
}

function parse(source: string, text: string): string {
  const [, scheme = "", rest] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(text)!;
  const kind = scheme.toLowerCase();
  if (!["", "http", "https", "ray"].includes(kind)) throw notUsable(source, text);
  let url: URL;
  try {
    url = new URL(`${kind === "https" ? "https" : "http"}://${rest}`);
  } catch {
    throw notUsable(source, text);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError(
      `The ${source} of a Ray cluster can't hold a user or a password: give a token as \`token\`, or other headers as \`headers\`.`,
    );
  }
  const isBare = kind === "" || kind === "ray";
  if (url.search !== "" || url.hash !== "" || (isBare && url.pathname !== "/")) {
    throw notUsable(source, text);
  }
  // URLs forget the port that is their scheme's own.
  const port = /^(?:\[[^\]]*\]|[^:/]*):(\d+)/.exec(rest)?.[1] ?? "";
  if (isBare && (port === "" || OTHER_PORTS.has(port))) url.port = DASHBOARD_PORT;
  return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

function notUsable(source: string, given: unknown): TypeError {
  // It may hold a password, so it isn't shown where it holds what one would stand before.
  const shown = typeof given !== "string" ? typeof given : given.includes("@") ? "…@…" : given;
  return new TypeError(
    `The ${source} of a Ray cluster must be like http://host:8265, https://host/path, host:8265, ray://host:10001 or auto, not ${
      JSON.stringify(shown)
    }.`,
  );
}

/** A token, and where it was found. */
export interface FoundToken {
  /** The token. */
  readonly token: string;
  /** Where it comes from, for messages. */
  readonly source: string;
}

/**
 * What Ray is to be shown, from the places where its own programs look for it: `token`, `RAY_AUTH_TOKEN`, the file that
 * `RAY_AUTH_TOKEN_PATH` names, and `~/.ray/auth_token`. With `RAY_AUTH_MODE=disabled` only `token` counts.
 *
 * @throws {TypeError} If what is there can't be a token.
 * @throws {EngineError} If the file that `RAY_AUTH_TOKEN_PATH` names can't be read, or `RAY_AUTH_MODE` is `token` and there
 * is none.
 */
export function findToken(token?: string, env: Environment = process.env): FoundToken | undefined {
  if (token !== undefined) return checked(token, "the option `token`");
  const mode = env.RAY_AUTH_MODE?.trim().toLowerCase();
  if (mode === "disabled") return undefined;
  const { RAY_AUTH_TOKEN: text, RAY_AUTH_TOKEN_PATH: path } = env;
  if (text?.trim()) return checked(text, "RAY_AUTH_TOKEN");
  if (path?.trim()) return checked(readNamed(path.trim()), "the file of RAY_AUTH_TOKEN_PATH");
  const usual = join(env.HOME ?? env.USERPROFILE ?? homedir(), ".ray", "auth_token");
  const found = read(usual);
  if (found?.trim()) return checked(found, usual);
  if (mode !== "token") return undefined;
  throw new EngineError(
    `RAY_AUTH_MODE is "token", but there is no token: set \`token\`, RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, or write it to ${usual}.`,
  );
}

function checked(text: unknown, source: string): FoundToken {
  const token = typeof text === "string" ? text.trim() : "";
  // A header can't hold anything else.
  if (/^[\x21-\x7e]+$/.test(token)) return { token, source };
  throw new TypeError(
    `What ${source} says can't be a token of Ray: it must be one word of visible ASCII characters.`,
  );
}

/**
 * What else is sent with each request: `headers`, or the JSON of `RAY_JOB_HEADERS`, as Ray's own programs take it.
 *
 * @throws {TypeError} If these are no headers.
 */
export function findHeaders(
  headers?: Readonly<Record<string, string>>,
  env: Environment = process.env,
): Record<string, string> {
  const text = env.RAY_JOB_HEADERS?.trim();
  const source = headers === undefined ? "RAY_JOB_HEADERS" : "the option `headers`";
  let found: unknown = headers;
  try {
    if (headers === undefined && text) found = JSON.parse(text);
    const entries = Object.entries((found ?? {}) as Record<string, unknown>);
    if (
      typeof (found ?? {}) === "object" && entries.every(([, text]) => typeof text === "string")
    ) {
      return Object.fromEntries(new Headers(entries as [string, string][]));
    }
  } catch {
    // It is told below, without what the reason shows of it.
  }
  throw new TypeError(
    `What ${source} says can't be sent: it must be names of headers with texts.`,
  );
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new EngineError(`Ray's token in ${path} can't be read: ${reasonOf(error)}.`);
  }
}

function readNamed(path: string): string {
  const found = read(path);
  if (found !== undefined) return found;
  throw new EngineError(`RAY_AUTH_TOKEN_PATH names a file that isn't there: ${path}.`);
}

const reasonOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? "unknown error";
