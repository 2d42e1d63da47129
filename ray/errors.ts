/** What a cluster of Ray can refuse, in one line that says what to do. */

import { EngineError } from "../core/errors.ts";
import type { HttpReply } from "./http.ts";

/** Who is talked to. */
export interface Peer {
  /** The URL of the dashboard. */
  readonly address: string;
  /** Where the token comes from that it was shown, if it was. */
  readonly tokenSource: string | undefined;
  /** What no message may show. */
  readonly secrets: readonly string[];
}

const LONGEST_TEXT = 400;
const TOKEN_PLACES = "the option `token`, RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token";

/** What kind of trouble a connection had. */
export type Trouble = "refused" | "unknown host" | "tls" | "cut" | "not http" | "other";

/** Runtimes have different words for the same. */
export function troubleOf(error: unknown): Trouble {
  const text = textsOf(error).join(" ");
  if (/certificate|\bTLS\b|\bSSL\b|CERT_|UNABLE_TO_|self.signed|InvalidContentType/i.test(text)) {
    return "tls";
  }
  if (/ECONNREFUSED|ConnectionRefused|refused|EHOSTUNREACH|ENETUNREACH|unreachable/i.test(text)) {
    return "refused";
  }
  if (/ENOTFOUND|EAI_AGAIN|\bdns\b|FailedToOpenSocket|lookup address/i.test(text)) {
    return "unknown host";
  }
  if (/HPE_|invalid HTTP|Malformed|parse error|InvalidHTTPResponse|Parse Error/i.test(text)) {
    return "not http";
  }
  if (
    /reset|closed|hang up|EPIPE|broken pipe|connection|incomplete|before message|EOF|aborted/i.test(
      text,
    )
  ) {
    return "cut";
  }
  return "other";
}

function textsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const { code, cause } = error as NodeJS.ErrnoException;
  return [error.name, code ?? "", error.message, ...(cause === undefined ? [] : textsOf(cause))];
}

/** There is no connection. */
export function notReached(doing: string, peer: Peer, error: unknown): EngineError {
  const trouble = troubleOf(error);
  const { address } = peer;
  const why = {
    "refused":
      `no Ray dashboard answers at ${address}. Start a cluster (ray start --head, with ray[default]), or give ` +
      "the address of its dashboard as `address` or RAY_ADDRESS",
    "unknown host":
      `there is no host of the name in ${address}. Correct \`address\` or RAY_ADDRESS`,
    "tls":
      `https can't be used with ${address} (${clean(textOf(error), peer)}). Use http://, or a ` +
      "certificate that this machine trusts",
    "cut":
      `${address} closes the connection again and again. See that this is a dashboard's address (its port is usually ` +
      "8265), and that the cluster's head is not overloaded",
    "not http":
      `what answers at ${address} doesn't speak HTTP. Give the address of the dashboard, whose port is usually 8265`,
    "other": `the Ray dashboard at ${address} can't be talked to (${clean(textOf(error), peer)})`,
  }[trouble];
  return new EngineError(`Can't ${doing}: ${why}.`);
}

const textOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** No answer in time. */
export function tooSlow(doing: string, peer: Peer, timeoutMs: number): EngineError {
  return new EngineError(
    `Can't ${doing}: the Ray dashboard at ${peer.address} has not answered for ${
      Math.round(timeoutMs / 1000)
    } s. See that it is the dashboard's address, and that the cluster's head is not overloaded.`,
  );
}

/** An answer that says no. */
export function refused(doing: string, peer: Peer, reply: HttpReply): EngineError {
  const { status } = reply;
  const at = `the Ray dashboard at ${peer.address}`;
  if (status === 401) {
    return new EngineError(
      `Can't ${doing}: ${at} wants a token. Give the cluster's by ${TOKEN_PLACES} (on its head, ray get-auth-token shows it).`,
    );
  }
  if (status === 403) {
    const which = peer.tokenSource === undefined
      ? "this client"
      : `the token from ${peer.tokenSource}`;
    return new EngineError(
      `Can't ${doing}: ${at} refuses ${which}. Give the cluster's own token by ${TOKEN_PLACES} (on its head, ray get-auth-token shows it).`,
    );
  }
  if (status >= 300 && status < 400) {
    const to = clean(reply.location ?? "nowhere", peer).replace(/[?#].*$/, "");
    return new EngineError(
      `Can't ${doing}: ${peer.address} leads on to ${to}. Give the address of the dashboard itself, and what a login in front of it wants as \`headers\`.`,
    );
  }
  if (status === 413) {
    return new EngineError(
      `Can't ${doing}: it is too large for ${at}, or for a proxy in front of it. Send less, or raise the limit.`,
    );
  }
  return new EngineError(`Can't ${doing}: ${at} says ${saidBy(reply, peer)}.`);
}

/** What a reply says, in a line. */
function saidBy(reply: HttpReply, peer: Peer): string {
  const text = new TextDecoder().decode(reply.body.subarray(0, 100_000));
  if (reply.contentType === "text/html") return `HTTP ${reply.status}, with a page of HTML`;
  const last = lastError(text);
  return `HTTP ${reply.status}${last === undefined ? "" : `: ${clean(last, peer)}`}`;
}

/** Of Python's tracebacks, the line that says what went wrong: that of the innermost is the last that looks like it. */
export function lastError(text: string): string | undefined {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return lines.findLast((line) => /^[\w.]*(Error|Exception)\b/.test(line)) ?? lines.at(-1);
}

/** Something else answers. */
export function notRay(peer: Peer, reply: HttpReply): EngineError {
  return new EngineError(
    `What answers at ${peer.address} is no Ray dashboard (HTTP ${reply.status}${
      reply.contentType === "" ? "" : `, ${reply.contentType}`
    }). Give the address of one as \`address\` or RAY_ADDRESS; its port is usually 8265.`,
  );
}

/** A cluster that lacks what is needed. */
export function tooOld(peer: Peer, version: string, oldest: string): EngineError {
  return new EngineError(
    `The cluster at ${peer.address} runs Ray ${version}, and the oldest that works is ${oldest}. Install a newer ray[default] on it.`,
  );
}

/** A job that isn't there. */
export function unknownJob(id: string, peer: Peer): EngineError {
  return new EngineError(
    `The cluster at ${peer.address} has no job ${
      JSON.stringify(id)
    }: see ray job list. A cluster that was started anew has forgotten its jobs.`,
  );
}

/** A single line without secrets. */
export function clean(text: string, { secrets }: Peer): string {
  let line = text.replaceAll(/\s+/g, " ").trim().replace(/\.$/, "");
  for (const secret of secrets) line = line.replaceAll(secret, "…");
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT)}…` : line;
}
