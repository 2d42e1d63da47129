/** A proxy before an HTTP server that does to requests what networks and busy servers do. */

import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as send,
  type ServerResponse,
} from "node:http";

/** What is to happen to a request. */
export type Fault =
  /** It is answered so, and does not reach the server. */
  | { kind: "status"; status: number; code: string }
  /** It is not answered. */
  | { kind: "hang" }
  /** The connection is cut when as many bytes of its body have come. */
  | { kind: "cutRequest"; afterBytes: number }
  /** The server carries it out, and the connection is cut instead of the answer. */
  | { kind: "loseAnswer" }
  /** The connection is cut when as many bytes of the answer's body have gone. */
  | { kind: "cutAnswer"; afterBytes: number }
  /** Nothing follows after as many bytes of the answer's body. */
  | { kind: "hangAnswer"; afterBytes: number };

/** What a request asks for. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
}

/** A proxy that runs. */
export interface FaultyProxy {
  readonly endpoint: string;
  /** All requests so far. */
  readonly requests: Asked[];
  /** Decides on a request; at first, nothing happens to any. */
  decide: (asked: Asked) => Fault | undefined | Promise<Fault | undefined>;
  stop(): void;
}

/** Starts a proxy before a server of this machine. */
export async function startProxy(targetPort: number): Promise<FaultyProxy> {
  const requests: Asked[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const asked = { method, url, range: headers.range };
    requests.push(asked);
    incoming.on("error", () => {});
    outgoing.on("error", () => {});
    const fault = await proxy.decide(asked);
    if (fault?.kind === "hang") incoming.resume();
    else if (fault?.kind === "status") refuse(incoming, outgoing, fault);
    else forward(incoming, outgoing, targetPort, fault);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: FaultyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    requests,
    decide: () => undefined,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return proxy;
}

function refuse(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, code }: { status: number; code: string },
): void {
  incoming.resume();
  incoming.on("end", () => {
    outgoing.writeHead(status, { "content-type": "application/xml" });
    outgoing.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>An injected fault.</Message></Error>`,
    );
  });
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  port: number,
  fault: Fault | undefined,
): void {
  const cut = () => {
    upstream.destroy();
    incoming.socket.destroy();
  };
  const { method, url: path, headers } = incoming;
  const upstream = send({ host: "127.0.0.1", port, method, path, headers, agent: false });
  upstream.on("error", cut);
  let received = 0;
  incoming.on("data", (chunk: Uint8Array) => {
    received += chunk.length;
    if (fault?.kind === "cutRequest" && received >= fault.afterBytes) return cut();
    upstream.write(chunk);
  });
  incoming.on("end", () => upstream.end());
  upstream.on("response", (answer) => {
    if (fault?.kind === "loseAnswer") return cut();
    outgoing.writeHead(answer.statusCode!, answer.headers);
    outgoing.flushHeaders();
    let left = fault && "afterBytes" in fault && fault.kind !== "cutRequest"
      ? fault.afterBytes
      : Infinity;
    const pass = (chunk: Uint8Array) => {
      if (left < 0) return;
      outgoing.write(chunk.subarray(0, left));
      left -= chunk.length;
      // What has been written must go before the connection does.
      if (left < 0 && fault?.kind === "cutAnswer") setTimeout(cut, 20);
    };
    answer.on("data", pass);
    answer.on("error", () => {});
    answer.on("end", () => {
      if (left >= 0) outgoing.end();
    });
  });
}
