/** HTTP as Ray's dashboard wants it. */

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import process from "node:process";

/** What is sent. */
export interface HttpRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal: AbortSignal;
  /** Told whenever something has arrived. */
  readonly onProgress?: () => void;
}

/** What came back, whole. */
export interface HttpReply {
  readonly status: number;
  /** Without its parameters. */
  readonly contentType: string;
  /** Where a redirection leads to. */
  readonly location: string | undefined;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Sends one request, and receives all of the reply. Redirections are not followed: they would take a token elsewhere. */
export type Send = (request: HttpRequest) => Promise<HttpReply>;

/** By the platform's `fetch`, which knows of proxies. */
export const sendByFetch: Send = async ({ url, onProgress, ...init }) => {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) {
    onProgress?.();
    chunks.push(chunk);
  }
  return {
    status: response.status,
    contentType: withoutParameters(response.headers.get("content-type")),
    location: response.headers.get("location") ?? undefined,
    body: joined(chunks),
  };
};

/** By Node's own client. */
export const sendByNode: Send = ({ url, method, headers, body, signal, onProgress }) =>
  new Promise((resolve, reject) => {
    const start = url.startsWith("https:") ? httpsRequest : httpRequest;
    const length = body === undefined ? {} : { "content-length": String(body.byteLength) };
    const request = start(url, { method, headers: { ...headers, ...length }, signal });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      response.on("error", reject);
      // Without it, a connection that was cut looks like an end.
      response.on("aborted", () => reject(new Error("The connection was closed.")));
      response.on("data", (chunk: Uint8Array) => {
        onProgress?.();
        chunks.push(chunk);
      });
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          contentType: withoutParameters(response.headers["content-type"]),
          location: response.headers.location,
          body: joined(chunks),
        }));
    });
    request.end(body);
  });

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((length, { byteLength }) => length + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

const withoutParameters = (type: string | null | undefined) =>
  (type ?? "").split(";")[0].trim().toLowerCase();

// Node's fetch says that it is a browser's (`Sec-Fetch-Mode`), and those may not submit jobs.
const { deno, bun } = process.versions as Record<string, string | undefined>;

/** The one for this runtime. */
export const send: Send = deno !== undefined || bun !== undefined ? sendByFetch : sendByNode;
