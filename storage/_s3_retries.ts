/**
 * When a request to S3 is sent again. The SDK's own way stops trying after some dozens of failures on one client, whichever
 * requests they befall: a run of many nodes would end with the first fault of the network after these.
 */

interface Token {
  getRetryCount(): number;
  getRetryDelay(): number;
}

/** What the SDK tells of a failure. */
interface Failure {
  readonly errorType: "TRANSIENT" | "THROTTLING" | "SERVER_ERROR" | "CLIENT_ERROR";
}

// Doubled with each try, and shortened by chance, so that clients that failed together do not return together.
const BACK_OFF_MS = 200;
const THROTTLED_BACK_OFF_MS = 1_000;
const LONGEST_BACK_OFF_MS = 20_000;

/** Tries again after failures that may pass, each time after a longer pause. */
export class Retries {
  readonly #maxAttempts: () => Promise<number>;

  constructor(maxAttempts: number | (() => Promise<number>)) {
    this.#maxAttempts = typeof maxAttempts === "number"
      ? () => Promise.resolve(maxAttempts)
      : maxAttempts;
  }

  acquireInitialRetryToken(): Promise<Token> {
    return Promise.resolve(token(0, 0));
  }

  async refreshRetryTokenForRetry(last: Token, { errorType }: Failure): Promise<Token> {
    const count = last.getRetryCount() + 1;
    const mayPass = errorType === "TRANSIENT" || errorType === "THROTTLING";
    // The SDK then throws the failure itself.
    if (!mayPass || count >= await this.#maxAttempts()) throw new Error("No further try.");
    const base = errorType === "THROTTLING" ? THROTTLED_BACK_OFF_MS : BACK_OFF_MS;
    const delayMs = Math.min(base * 2 ** (count - 1), LONGEST_BACK_OFF_MS);
    return token(count, delayMs * (1 - Math.random() / 2));
  }

  recordSuccess(): void {}
}

function token(count: number, delayMs: number): Token {
  return { getRetryCount: () => count, getRetryDelay: () => delayMs };
}
