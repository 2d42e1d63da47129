/** Requests to a cluster's dashboard: who asks, how long is waited, and what is tried again. */

import { setTimeout as delay } from "node:timers/promises";
import { EngineError } from "../core/errors.ts";
import type { FoundToken } from "./address.ts";
import { notReached, type Peer, refused, tooSlow, troubleOf } from "./errors.ts";
import { type HttpReply, send } from "./http.ts";

/** What is asked of a dashboard. */
export interface RayRequest {
  /** For messages: what can't be done if this fails. */
  readonly doing: string;
  /** From the dashboard's root, with its query. */
  readonly path: string;
  /** `GET` if left out. */
  readonly method?: "GET" | "PUT" | "POST" | "DELETE";
  /** What to send as JSON. */
  readonly json?: unknown;
  /** What to send as it is. */
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Statuses that are answers, not failures, beside 2xx. */
  readonly accepted?: readonly number[];
  /** How long a dashboard may be silent; 30,000 if left out. */
  readonly timeoutMs?: number;
  /** How long a dashboard that can't be reached, or has no time, is asked again; 8,000 if left out. */
  readonly patienceMs?: number;
}

const TIMEOUT_MS = 30_000;
const PATIENCE_MS = 8_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 3_000;
/** Too many at once, and what proxies say while a server starts. */
const BUSY: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Whether a server may have time later. */
export const isBusy = (reply: HttpReply): boolean => BUSY.has(reply.status);

/** Whether a connection may be had later. */
export const isPassing = (error: unknown): boolean => ["refused", "cut"].includes(troubleOf(error));

/** The connection to one dashboard. */
export class RayConnection implements Peer {
  readonly address: string;
  readonly tokenSource: string | undefined;
  readonly secrets: readonly string[];
  readonly #headers: Readonly<Record<string, string>>;

  constructor(
    address: string,
    token: FoundToken | undefined,
    headers: Readonly<Record<string, string>>,
  ) {
    this.address = address;
    this.tokenSource = token?.source;
    this.secrets = [token?.token, ...Object.values(headers)]
      .filter((secret) => secret !== undefined && secret.length > 3) as string[];
    const authorization = token && { authorization: `Bearer ${token.token}` };
    this.#headers = { ...authorization, ...headers };
  }

  /**
   * Asks, and asks again where that may help: only what may arrive twice is to be sent by this.
   *
   * @throws {EngineError} If the answer is a failure, or there is none.
   */
  async ask(request: RayRequest): Promise<HttpReply> {
    const { doing, signal, patienceMs = PATIENCE_MS } = request;
    const deadline = performance.now() + patienceMs;
    let pauseMs = FIRST_PAUSE_MS;
    while (true) {
      const isLast = performance.now() + pauseMs > deadline;
      try {
        const reply = await this.askOnce(request);
        if (isLast || !isBusy(reply)) return this.#checked(request, reply);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof EngineError) throw error;
        if (error instanceof Silence) throw tooSlow(doing, this, error.timeoutMs);
        if (isLast || !isPassing(error)) throw notReached(doing, this, error);
      }
      await delay(pauseMs, undefined, { signal }).catch(() => signal!.throwIfAborted());
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  #checked({ doing, accepted = [] }: RayRequest, reply: HttpReply): HttpReply {
    const { status } = reply;
    if ((status >= 200 && status < 300) || accepted.includes(status)) return reply;
    throw refused(doing, this, reply);
  }

  /** Asks once; any status is an answer. For what mustn't arrive twice. */
  async askOnce(
    { path, method = "GET", json, body, signal, timeoutMs = TIMEOUT_MS }: RayRequest,
  ): Promise<HttpReply> {
    const silence = new AbortController();
    const wait = () =>
      timeoutMs === Infinity
        ? undefined
        : setTimeout(() => silence.abort(new Silence(timeoutMs)), timeoutMs);
    let timer = wait();
    const signals = signal ? [signal, silence.signal] : [silence.signal];
    try {
      return await send({
        url: this.address + path,
        method,
        headers: json === undefined
          ? this.#headers
          : { ...this.#headers, "content-type": "application/json" },
        body: json === undefined ? body : new TextEncoder().encode(JSON.stringify(json)),
        signal: AbortSignal.any(signals),
        onProgress: () => {
          clearTimeout(timer);
          timer = wait();
        },
      });
    } catch (error) {
      throw silence.signal.aborted && !signal?.aborted ? silence.signal.reason : error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A dashboard has said nothing for too long. */
class Silence extends Error {
  readonly timeoutMs: number;

  constructor(timeoutMs: number) {
    super("No answer in time.");
    this.timeoutMs = timeoutMs;
  }
}
