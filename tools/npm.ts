/**
 * Makes the npm package, `dist/functionfuse-VERSION.tgz`: the same source as plain JavaScript with types, module by module,
 * as workers start from files. `deno task npm [FOLDER]`.
 */

import $ from "dax";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPESCRIPT = "typescript@7.0.2";
const TEXTS = ["README.md", "CHANGELOG.md", "LICENSE"];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(join(ROOT, file), "utf8"));
}

/** Copies the source, with specifiers and URLs as they have to be in the package; gives the packages that it imports. */
function stageSource(folder: string): Set<string> {
  const { publish } = readJson<{ publish: { include: string[] } }>("deno.json");
  const imported = new Set<string>();
  for (const path of [...publish.include, "cli.ts", "cli/"]) {
    if (!/\.ts$|\/$/.test(path)) continue;
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
  }
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".ts")) continue;
    const text = readFileSync(join(folder, path), "utf8")
      .replace(/(["'])npm:((?:@[^/"']+\/)?[^@/"']+)@[^/"']+/g, "$1$2")
      .replace(/(\b(?:new URL|entry)\(\s*"\.[^"]*)\.ts"/g, '$1.js"');
    const code = text.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
    for (const [, name] of code.matchAll(/(?:from|import\()\s*"((?:@[^/"]+\/)?[^/".:]+)[/"]/g)) {
      imported.add(name);
    }
    writeFileSync(join(folder, path), text);
  }
  return imported;
}

/** What Ray runs is no module. */
function copyScripts(from: string, to: string): void {
  for (const path of readdirSync(from, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".py")) cpSync(join(from, path), join(to, path));
  }
}

/** Types have been checked by Deno; here they are only taken off, and written down beside. */
async function compile(from: string, to: string): Promise<void> {
  const config = {
    compilerOptions: {
      target: "es2024",
      lib: ["esnext", "dom", "dom.iterable"],
      module: "esnext",
      moduleResolution: "bundler",
      rewriteRelativeImportExtensions: true,
      verbatimModuleSyntax: true,
      declaration: true,
      noCheck: true,
      types: [],
      rootDir: from,
      outDir: to,
    },
    include: [`${from}/**/*.ts`],
  };
  writeFileSync(join(from, "tsconfig.json"), JSON.stringify(config));
  await $`npx -y -p ${TYPESCRIPT} tsc -p ${join(from, "tsconfig.json")}`;
}

function makeManifest(imported: ReadonlySet<string>) {
  const { name, version, description, license, exports, dependencies } = readJson<Manifest>(
    "package.json",
  );
  const entry = (path: string) => {
    const stem = path.replace(/\.ts$/, "");
    return { types: `${stem}.d.ts`, default: `${stem}.js` };
  };
  const used = Object.entries(dependencies).filter(([name]) => imported.has(name));
  // Texts of examples import the library itself.
  const isKnown = (imported: string) => imported === name || Object.hasOwn(dependencies, imported);
  const unknown = [...imported].filter((imported) => !isKnown(imported));
  if (unknown.length > 0) throw new Error(`package.json does not list ${unknown.join(", ")}.`);
  return {
    name,
    version,
    description,
    license,
    type: "module",
    engines: { node: ">=22", bun: ">=1.2", deno: ">=2.3" },
    exports: {
      ...Object.fromEntries(Object.entries(exports).map(([key, path]) => [key, entry(path)])),
      "./package.json": "./package.json",
    },
    bin: { fuse: "./cli.js" },
    dependencies: Object.fromEntries(used),
  };
}

const destination = resolve(process.argv[2] ?? join(ROOT, "dist"));
const folder = mkdtempSync(join(tmpdir(), "functionfuse-npm-"));
try {
  const [source, packed] = [join(folder, "source"), join(folder, "package")];
  mkdirSync(source);
  const imported = stageSource(source);
  await compile(source, packed);
  copyScripts(source, packed);
  const cli = join(packed, "cli.js");
  writeFileSync(cli, `#!/usr/bin/env node\n${readFileSync(cli, "utf8")}`, { mode: 0o755 });
  for (const file of TEXTS) cpSync(join(ROOT, file), join(packed, file));
  const manifest = makeManifest(imported);
  writeFileSync(join(packed, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  mkdirSync(destination, { recursive: true });
  await $`npm pack --silent --pack-destination ${destination}`.cwd(packed).quiet("stdout");
  console.log(join(destination, `${manifest.name}-${manifest.version}.tgz`));
} finally {
  rmSync(folder, { recursive: true });
}
