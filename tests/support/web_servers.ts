/** Web servers that always say the same. */

import { once } from "node:events";
import { createServer } from "node:http";

/** What a server says. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  /** `text/plain` if left out. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts a server that answers every request so. */
export async function startAnswering(
  { status, body, type = "text/plain", headers = {} }: Answer,
): Promise<{ readonly endpoint: string; stop(): void }> {
  const server = createServer((_, outgoing) => {
    outgoing.writeHead(status, { "content-type": type, ...headers });
    outgoing.end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
