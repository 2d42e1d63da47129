import { RayStorage, storageFactory, TaskStorage, zarrSerializer } from "functionfuse/storage";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import { linkTo } from "../../storage/_ray_links.ts";
import { answerRequests, packRequests, unpackAnswers } from "../../storage/_ray_messages.ts";
import { type PlaceLink, RayObjects } from "../../storage/_ray_objects.ts";
import { PlaceServer } from "../../storage/_ray_server.ts";
import { FileObjects } from "../../storage/file.ts";
import { keyOf } from "../../storage/keys.ts";
import { testStorage } from "../contract/storage.ts";
import { temporaryFolder } from "../support/places.ts";

const PLACES = Symbol.for("functionfuse.places");
const REMOTE_ARGS = { resources: { _disk: 0.001 } };
const shared = globalThis as { [PLACES]?: unknown };

/** Objects behind a server in this process, over messages as they cross a cluster. */
function openObjects(path = temporaryFolder()): RayObjects {
  const server = new PlaceServer(new FileObjects(path));
  const link: PlaceLink = {
    ask: async (requests) => unpackAnswers(await answerRequests(server, packRequests(requests))),
  };
  return new RayObjects("ray:there", { kind: "ray", options: {} }, link);
}

testStorage("A storage on Ray, but for Ray,", () => {
  const path = temporaryFolder();
  return {
    storage: new TaskStorage(openObjects(path)),
    tamper(workflow, task, change) {
      const file = join(path, keyOf(workflow), `${keyOf(task)}.fuse`);
      writeFileSync(file, change(new Uint8Array(readFileSync(file))));
    },
    damageStep: 7,
  };
});

describe("A storage on Ray", () => {
  afterEach(() => delete shared[PLACES]);

  it("takes large values in pieces, and gives them so", async () => {
    const storage = new TaskStorage(openObjects());
    const value = Float64Array.from({ length: 5_000_000 }, (_, i) => i / 3);
    const saving = storage.save("w", "large", value);
    value[0] = 1;
    await saving;
    const back = await storage.readTask("w", "large") as Float64Array;
    assert.equal(back.length, 5_000_000);
    assert.equal(back[0], 0);
    assert.ok(back.every((number, i) => i === 0 || number === value[i]));
  });

  it("keeps nothing of what it has lost a part of, and says so", async () => {
    const path = temporaryFolder();
    let server = new PlaceServer(new FileObjects(path));
    let sent = 0;
    const objects = new RayObjects("ray:there", { kind: "ray", options: {} }, {
      async ask(requests) {
        // The program is started anew after the second piece.
        if (requests[0][0] === "send" && sent++ === 2) {
          server = new PlaceServer(new FileObjects(path));
        }
        return unpackAnswers(await answerRequests(server, packRequests(requests)));
      },
    });
    await objects.prepare("w");
    const refused = { name: "StorageError", message: /come to an end meanwhile\. Try again/ };
    await assert.rejects(objects.put("w", "all", [new Uint8Array(40_000_000)]), refused);
    const place = objects.place("w", "files");
    sent = 0;
    await assert.rejects(place.write("file", new Uint8Array(40_000_000)), refused);
    assert.equal(await objects.has("w", "all"), false);
    assert.equal(await place.size("file"), undefined);
  });

  it("keeps what serializers write, also in large files", async () => {
    const storage = new TaskStorage(openObjects(), {
      serializers: [zarrSerializer({ chunks: [3_000_000], compression: false })],
    });
    const data = Float64Array.from({ length: 3_000_000 }, (_, i) => i);
    await storage.save("w", "array", data);
    const back = await storage.readTask("w", "array") as Float64Array;
    assert.deepEqual(back.slice(-3), data.slice(-3));
    assert.equal(await storage.removeTask("w", { taskName: "array" }), 1);
  });

  it("is made by its kind, or from a text", () => {
    const made = storageFactory({
      kind: "ray",
      options: { path: "/data/my results", remoteArgs: REMOTE_ARGS, token: "secret" },
    });
    assert.ok(made instanceof RayStorage);
    assert.equal(made.location, "ray:/data/my%20results?_disk=0.001");
    const spec = { kind: "ray", options: { path: "/data/my results", remoteArgs: REMOTE_ARGS } };
    assert.deepEqual(made.spec, spec);
    assert.deepEqual(storageFactory(made.spec as never).spec, spec);
    const texts = [
      made.location,
      "ray:/data/my results?_disk",
      "ray:///data/my%20results?_disk=0.001",
      "ray://head:8265/data/my%20results?_disk",
      "ray:/data/my%20results?_disk&address=https://host/ray",
    ];
    for (const text of texts) assert.deepEqual(storageFactory(text).spec, spec);
    const both = { numCpus: 0.5, resources: { _disk: 2, _room: 0.001 } };
    assert.deepEqual(storageFactory("ray:/x?_disk=2&numCpus=0.5&_room").spec, {
      kind: "ray",
      options: { path: "/x", remoteArgs: both },
    });
  });

  it("refuses what designates no place", () => {
    const options = { path: "/x", remoteArgs: REMOTE_ARGS };
    const refused: [object | undefined, RegExp][] = [
      [undefined, /'path' must be an absolute path/],
      [{ ...options, path: "results" }, /'path' must be an absolute path.*"results"/],
      [{ ...options, path: "" }, /'path'/],
      [{ ...options, remoteArgs: undefined }, /'remoteArgs' must be what designates the machine/],
      [{ ...options, remoteArgs: { numCpus: 1 } }, /'remoteArgs' must be what designates/],
      [{ ...options, remoteArgs: { resources: { _disk: 0 } } }, /what designates the machine/],
      [{ ...options, remoteArgs: { resources: { _disk: "1" } } }, /'remoteArgs.resources'/],
      [{ ...options, remoteArgs: { ...REMOTE_ARGS, maxRetries: 1 } }, /'remoteArgs.maxRetries'/],
      [{ ...options, deno: "npm" }, /'deno' must be/],
    ];
    for (const [wrong, message] of refused) {
      assert.throws(() => storageFactory({ kind: "ray", options: wrong as never }), {
        name: "TypeError",
        message,
      });
    }
    for (const text of ["ray:results?_disk", "ray:/x", "ray:/x?_disk=much", "ray:/%?_disk"]) {
      assert.throws(() => storageFactory(text), { name: "TypeError" });
    }
  });

  it("goes by the driver in a run on a cluster, and tells what is wrong there", async () => {
    const server = new PlaceServer(new FileObjects(temporaryFolder()));
    const asked: unknown[] = [];
    const troubles: { problem: string; isGone: boolean }[] = [];
    shared[PLACES] = async (place: unknown, message: Uint8Array) => {
      asked.push(place);
      if (troubles.length > 0) return troubles.shift();
      return { answer: await answerRequests(server, message) };
    };
    const storage = storageFactory("ray:/x?_disk&numCpus=0.5");
    await storage.save("w", "a", 1);
    assert.deepEqual(asked[0], {
      path: "/x",
      options: { num_cpus: 0.5, resources: { _disk: 0.001 } },
    });
    const died = { problem: "its program has died.", isGone: true };
    const none = { problem: "no machine has it.", isGone: false };
    troubles.push(died, died);
    assert.equal(await storage.readTask("w", "a"), 1, "it is asked again");
    troubles.push(died, none);
    await assert.rejects(storage.readTask("w", "a"), {
      name: "StorageError",
      operation: "read",
      reason: "unavailable",
      message: "Cannot read ray:/x?numCpus=0.5&_disk=0.001: no machine has it.",
    });
    troubles.push(died);
    await assert.rejects(storage.addToJournal("w", "r", "line\n"), {
      message: /its program has died/,
    });
  });

  it("does not mistake an object that was opened by a program that has died", async () => {
    const path = temporaryFolder();
    let server = new PlaceServer(new FileObjects(path));
    shared[PLACES] = async (_: unknown, message: Uint8Array) => ({
      answer: await answerRequests(server, message),
    });
    const link = linkTo({ path, remoteArgs: REMOTE_ARGS, deno: "path" });
    const objects = new RayObjects("ray:there", { kind: "ray", options: {} }, link);
    await objects.put("w", "x", [new Uint8Array(100_000)]);
    const opened = (await objects.open("w", "x"))!;
    server = new PlaceServer(new FileObjects(path));
    await assert.rejects(opened.read(80_000, 10), { reason: "unavailable", message: /Try again/ });
  });
});
