/** What clients make of what a dashboard answers: with a server that only looks like one. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { after, describe, it } from "node:test";
import { describeCluster } from "../../backends/ray/describe_cluster.ts";
import { RayClient } from "../../ray/client.ts";
import { chooseStorage } from "../../cli/_backend.ts";
import type { ChosenWorkflow } from "../../cli/_workflow.ts";
import { MemoryStorage } from "functionfuse/storage";

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

/** Starts one; `answer` gives what it says to a request, or a status other than 200. */
async function startDashboard(answer: (url: URL) => unknown): Promise<string> {
  const server = createServer(({ url }, outgoing) => {
    const version = { ray_version: "2.60.0", session_name: "session" };
    const said = url === "/api/version" ? version : answer(new URL(url!, "http://head"));
    outgoing.writeHead(typeof said === "number" ? said : 200);
    outgoing.end(JSON.stringify(said));
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe("A large cluster", () => {
  it("is described with all of its machines", async () => {
    const machine = (at: number) => ({
      ...{ state: at === 0 ? "DEAD" : "ALIVE", node_ip: `10.0.0.${at}` },
      resources_total: { CPU: 2, _model: 1, [`node:10.0.0.${at}`]: 1 },
    });
    const all = Array.from({ length: 251 }, (_, at) => machine(at));
    const address = await startDashboard(({ searchParams }) => {
      // So many a dashboard tells by itself.
      const limit = Number(searchParams.get("limit") ?? 100);
      return { data: { result: { result: all.slice(0, limit) } } };
    });
    const resources = { CPU: 500, _model: 250 };
    const expected = { address, rayVersion: "2.60.0", nodes: 250, resources };
    assert.deepEqual(await describeCluster({ address }), expected);
  });
});

describe("A job that is followed", () => {
  it("is waited for while its dashboard has no time", async () => {
    let awayUntil = Infinity;
    const address = await startDashboard(({ pathname }) => {
      if (pathname !== "/api/jobs/fuse-1") return 500;
      return performance.now() < awayUntil ? 503 : { status: "FAILED", message: "so it is" };
    });
    const client = await RayClient.connect({ address });
    awayUntil = performance.now() + 9_000;
    const { done, value } = await client.follow("fuse-1").next();
    assert.deepEqual([done, (value as { message: string }).message], [true, "so it is"]);
  });
});

describe("Results of fuse run", () => {
  const kept: [address: string, isKept: boolean][] = [
    ["http://127.0.0.1:8265", true],
    ["localhost", true],
    ["ray://[::1]:10001", true],
    ["auto", true],
    [" ", true],
    ["http://autoscaler.example:8265", false],
    ["localhost.example:8265", false],
    ["127.example", false],
  ];
  for (const [address, isKept] of kept) {
    const what = `are ${isKept ? "" : "not "}kept here of a cluster at "${address}"`;
    it(`${what}, if no place is named`, () => {
      const storage = new MemoryStorage();
      const chosen = { options: { storage }, config: { backend: "ray" } };
      const warnings: string[] = [];
      const found = chooseStorage(
        chosen as unknown as ChosenWorkflow,
        { address } as Parameters<typeof chooseStorage>[1],
        (message) => warnings.push(message),
      );
      assert.deepEqual([found, warnings.length], isKept ? [storage, 0] : [undefined, 1]);
    });
  }
});
