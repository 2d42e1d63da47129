import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { VERSION } from "../core/version.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LAYERS = [
  "core",
  "encoding",
  "code",
  "ray",
  "backends",
  "plugins",
  "storage",
  "cli",
  "examples",
  "bench",
  "tests",
  "tools",
];

/** Code without comments, and the specifiers that it imports from. */
interface Source {
  readonly path: string;
  readonly layer: string;
  readonly code: string;
  readonly imports: readonly string[];
  /** Those that are loaded with it, not later. */
  readonly statics: ReadonlySet<string>;
}

function readSources(): Source[] {
  const folders = LAYERS.flatMap((layer) => {
    try {
      return readdirSync(join(ROOT, layer), { recursive: true, encoding: "utf8" })
        .map((path) => join(layer, path));
    } catch {
      return [];
    }
  });
  const files = readdirSync(ROOT).concat(folders).filter((path) => path.endsWith(".ts"));
  return files.map((path) => {
    const text = readFileSync(join(ROOT, path), "utf8");
    const code = text.replace(/\/\*[^]*?\*\/|(?<![:"'`\\])\/\/.*$/gm, "");
    const found = [...code.matchAll(/(?:^|\s|\()(?:from|import)\s*(\(?)\s*"([^"\n]+)"/g)];
    const resolve = ([, , specifier]: readonly string[]) =>
      specifier.startsWith(".") ? relative(ROOT, join(ROOT, dirname(path), specifier)) : specifier;
    const imports = found.map(resolve);
    const statics = new Set(found.filter(([, isCall]) => isCall === "").map(resolve));
    const layer = LAYERS.find((layer) => path.startsWith(`${layer}/`)) ?? "root";
    return { path, layer, code, imports, statics };
  });
}

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));
const ofLayer = (...layers: string[]) => sources.filter(({ layer }) => layers.includes(layer));

function assertNone(violations: string[], rule: string): void {
  assert.deepEqual(violations, [], rule);
}

/** Everything that a file imports, directly or through others; or only what is loaded with it. */
function closure(
  path: string,
  kind: "imports" | "statics" = "imports",
  seen = new Set<string>(),
): Set<string> {
  for (const specifier of byPath.get(path)?.[kind] ?? []) {
    if (seen.has(specifier)) continue;
    seen.add(specifier);
    closure(specifier, kind, seen);
  }
  return seen;
}

describe("The house", () => {
  it("is read whole by these tests", () => {
    assert.ok(sources.length > 40);
    assert.deepEqual(byPath.get("core/version.ts")?.imports, []);
    assert.ok(byPath.get("encoding/_libraries.ts")!.imports.includes("npm:devalue@6.0.3"));
    assert.ok(closure("mod.ts").has("core/scheduler.ts"));
  });

  it("has a core that imports only the core", () => {
    assertNone(
      ofLayer("core").flatMap(({ path, imports }) =>
        imports.filter((to) => !to.startsWith("core/")).map((to) => `${path} → ${to}`)
      ),
      "core imports only core",
    );
  });

  it("has a core without cycles", () => {
    assertNone(
      ofLayer("core").filter(({ path }) => closure(path).has(path)).map(({ path }) => path),
      "no cycles",
    );
  });

  it("has a core that knows no runtime and does no input or output", () => {
    const forbidden = /\bDeno\b|\bBun\b|\bprocess\.|\bconsole\b|\bfetch\(/;
    assertNone(
      ofLayer("core").filter(({ code }) => forbidden.test(code)).map(({ path }) => path),
      "no Deno, Bun, process, console or fetch in core",
    );
  });

  it("has backends, plugins and storages that meet only as arguments", () => {
    assertNone(
      ofLayer("backends", "plugins", "storage").flatMap(({ path, layer, imports }) =>
        imports
          .filter((to) => byPath.has(to))
          .filter((to) => !["core", "encoding", "code", "ray", layer].includes(to.split("/")[0]))
          .map((to) => `${path} → ${to}`)
      ),
      "backends, plugins and storage import core, encoding, code, ray and their own folder",
    );
    assertNone(
      ofLayer("encoding", "code").flatMap(({ path, layer, imports }) =>
        imports
          .filter((to) => byPath.has(to))
          .filter((to) => !["core", layer].includes(to.split("/")[0]))
          .map((to) => `${path} → ${to}`)
      ),
      "encoding and code import core and their own folder",
    );
    assertNone(
      ofLayer("ray").flatMap(({ path, imports }) =>
        imports
          .filter((to) => byPath.has(to))
          .filter((to) => !["core", "encoding", "code", "ray"].includes(to.split("/")[0]))
          .map((to) => `${path} → ${to}`)
      ),
      "ray imports core, encoding, code and its own folder",
    );
  });

  it("has helpers that only their own folder uses, with the folders in it", () => {
    assertNone(
      sources.flatMap(({ path, layer, imports }) =>
        layer === "tests" ? [] : imports
          .filter((to) =>
            /(^|\/)_/.test(to) && !path.startsWith(`${dirname(to)}/`) && path !== "cli.ts"
          )
          .map((to) => `${path} → ${to}`)
      ),
      "files that begin with _ are private to their folder",
    );
  });

  it("has front doors that only users' code enters by", () => {
    const doors = ["mod.ts", "cli.ts", "functionfuse"];
    // It is in the user's place: the program that runs a workflow in a cluster makes its storage.
    const inUsersPlace = "backends/ray/cluster/host.ts";
    assertNone(
      ofLayer("core", "encoding", "code", "ray", "backends", "plugins", "storage").flatMap((
        { path, imports },
      ) =>
        imports.filter((to) =>
          path !== inUsersPlace && doors.some((door) => to === door || to.startsWith(`${door}/`))
        )
          .map((to) => `${path} → ${to}`)
      ),
      "nothing below imports the front doors",
    );
  });

  it("loads no third-party code and no node: module with mod.ts or a backend of this machine", () => {
    for (const door of ["mod.ts", "backends/local.ts", "backends/parallel.ts"]) {
      const others = [...closure(door, "statics")].filter((to) => !byPath.has(to));
      assertNone(others, `${door} is self-contained`);
    }
  });

  it("never loads third-party code with a backend of this machine", () => {
    const others = [...closure("backends/parallel.ts")].filter((to) => !byPath.has(to));
    assertNone(others.filter((to) => !to.startsWith("node:")), "only node: modules");
  });

  it("uses no runtime's own API", () => {
    const own = /\b(Deno|Bun)\.\w/;
    assertNone(
      ofLayer(
        "encoding",
        "code",
        "ray",
        "backends",
        "plugins",
        "storage",
        "cli",
        "root",
        "examples",
      )
        .filter(({ code }) => own.test(code)).map(({ path }) => path),
      "web standards and node: modules only",
    );
  });

  it("has files of a size to be seen at a glance", () => {
    assertNone(
      ofLayer("core", "encoding", "code", "ray", "backends", "plugins", "storage", "cli", "root")
        .filter(({ code }) => code.split("\n").length > 350).map(({ path }) => path),
      "at most 350 lines",
    );
  });

  it("says one version everywhere", () => {
    for (const file of ["deno.json", "package.json"]) {
      const { version } = JSON.parse(readFileSync(join(ROOT, file), "utf8"));
      assert.equal(version, VERSION, file);
    }
  });

  it("pins every dependency, to one version", () => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(join(ROOT, "package.json"), "utf8"),
    );
    const pinned = { ...dependencies, ...devDependencies };
    assertNone(
      Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version as string))
        .map(([name]) => name),
      "exact versions",
    );
    // Tests write modules as texts, with packages that are not ours.
    for (const { path, imports } of sources.filter(({ layer }) => layer !== "tests")) {
      for (const specifier of imports) {
        const [, name, version] = /^npm:(@?[^@]+)@([^/]+)/.exec(specifier) ?? [];
        if (name) assert.equal(version, pinned[name], `${path}: ${specifier}`);
      }
    }
  });
});
