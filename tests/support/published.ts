/** The library as users get it who import it by its URL: a server that has just the published files. */

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const { publish }: { publish: { include: string[] } } = JSON.parse(
  readFileSync(join(ROOT, "deno.json"), "utf8"),
);

/** Such a server. */
export interface Published {
  /** Such as `127.0.0.1:8000`. */
  readonly host: string;
  /** What was asked for in vain. */
  readonly missed: readonly string[];
  close(): Promise<void>;
}

/** Whether users get a file of the project: modules, and what Ray runs. */
function isPublished(path: string): boolean {
  if (!/\.(?:ts|py)$/.test(path)) return false;
  return publish.include.some((entry) =>
    entry.endsWith("/") ? path.startsWith(entry) : path === entry
  );
}

/** Starts one; `shared` are texts that it has beside, by their paths. */
export async function servePublished(
  shared: Readonly<Record<string, string>> = {},
): Promise<Published> {
  const missed: string[] = [];
  const server = createServer((request, response) => {
    const path = new URL(request.url!, "http://x").pathname.slice(1);
    const found = shared[path] ?? (isPublished(path) ? readFileSync(join(ROOT, path)) : undefined);
    if (found === undefined) missed.push(path);
    const headers = { "content-type": "application/typescript" };
    response.writeHead(found === undefined ? 404 : 200, headers);
    response.end(found);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    missed,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
