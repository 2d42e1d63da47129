/**
 * Writes down the public API, as `tests/packages/api_snapshot.txt`, so that every change of it is seen: `deno task api`.
 *
 * Its test compares this with what the code says. A declaration that several entries export is written with the first one.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  compare,
  type Described,
  isInternal,
  showMembers,
  showParameters,
  showType,
  showTypeParameters,
} from "./_signatures.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** Where the snapshot is. */
export const SNAPSHOT: string = join(ROOT, "tests/packages/api_snapshot.txt");

/** Types that are not exported, but that show in what is. */
const BEHIND = join(ROOT, "core/types.ts");

interface Symbol {
  readonly name: string;
  readonly declarations: readonly Described[];
}

interface Module {
  readonly symbols: readonly Symbol[];
}

interface Place {
  readonly filename: string;
  readonly byteIndex: number;
}

const placeOf = ({ filename, byteIndex }: Place) => `${filename} ${byteIndex}`;

/** What Deno tells of modules, by their URLs. */
function readModules(paths: readonly string[], ...flags: string[]): Record<string, Module> {
  const output = execFileSync(process.execPath, ["doc", "--json", "--quiet", ...flags, ...paths], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(output).nodes;
}

/** The public API as text, one line a member, in an order of its own. Deno only. */
export function describeApi(): string {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  const entries = Object.entries(exports as Record<string, string>)
    .map(([key, path]) => [`functionfuse${key.slice(1)}`, join(ROOT, path)] as const);
  const modules = readModules(entries.map(([, path]) => path));
  const declarations = new Map(
    Object.values(modules).flatMap(({ symbols }) => symbols)
      .flatMap((symbol) => symbol.declarations)
      .filter(({ kind }) => kind !== "reference")
      .map((declaration) => [placeOf(declaration.location), declaration]),
  );
  const owners = new Map<string, string>();
  const describeEntry = (entry: string, module: Module) =>
    sorted(module.symbols).flatMap(({ name, declarations: written }) => {
      const places = written.map(({ kind, def, location }) =>
        placeOf(kind === "reference" ? def.target : location)
      );
      const known = `${name} ${places[0]}`;
      const owner = owners.get(known);
      if (owner) return [`${name}: as in ${owner}`];
      owners.set(known, entry);
      return describeAll(name, places.map((place) => declarations.get(place)).filter(isPublic));
    });
  const sections = entries.map(([name, path]) => [
    `# ${name}`,
    "",
    ...describeEntry(name, modules[pathToFileURL(path).href]),
  ]);
  const behind = readModules([BEHIND], "--private")[pathToFileURL(BEHIND).href];
  const hidden = sorted(behind.symbols).filter(({ name, declarations: [{ location }] }) =>
    !owners.has(`${name} ${placeOf(location)}`)
  );
  sections.push([
    "# What the types of nodes are made of",
    "",
    ...hidden.flatMap(({ name, declarations }) => describeAll(name, declarations)),
  ]);
  return sections.map((lines) => `${lines.join("\n")}\n`).join("\n");
}

function sorted(symbols: readonly Symbol[]): Symbol[] {
  return symbols.toSorted((a, b) => compare(a.name, b.name));
}

const isPublic = (declaration: Described) => declaration && !isInternal(declaration);

/** All declarations of a name; of an overloaded function not the one that has the body, which nobody sees. */
function describeAll(name: string, declarations: readonly Described[]): string[] {
  const isOverloaded = declarations.length > 1;
  return declarations.filter(({ def }) => !isOverloaded || !def.hasBody)
    .flatMap((declaration) => describe(name, declaration));
}

/** A declaration and its members, which are indented. */
function describe(name: string, { kind, def }: Described): string[] {
  const head = name + showTypeParameters(def.typeParams);
  const members = () => showMembers(def).map((line) => `  ${line}`);
  switch (kind) {
    case "function":
      return [
        `${def.isAsync ? "async " : ""}function ${head}(${showParameters(def.params)}): ${
          showType(def.returnType)
        }`,
      ];
    case "variable":
      return [`${def.kind} ${name}: ${showType(def.tsType)}`];
    case "typeAlias":
      return [`type ${head} = ${showType(def.tsType)}`];
    case "interface":
      return [`interface ${head}${listed("extends", def.extends)}`, ...members()];
    case "class": {
      const parent = def.extends ? [{ kind: "keyword", value: def.extends }] : [];
      const parameters = (def.superTypeParams ?? []).map(showType).join(", ");
      const from = listed("extends", parent) + (parameters && `<${parameters}>`);
      const abstract = def.isAbstract ? "abstract " : "";
      return [
        `${abstract}class ${head}${from}${listed("implements", def.implements)}`,
        ...members(),
      ];
    }
    default:
      throw new TypeError(`Cannot write a declaration of the kind ${kind}: teach tools/api.ts.`);
  }
}

function listed(word: string, types: readonly Described[] | undefined): string {
  return types && types.length > 0 ? ` ${word} ${types.map(showType).join(", ")}` : "";
}

if (import.meta.main) {
  writeFileSync(SNAPSHOT, describeApi());
  console.log(`Written: ${SNAPSHOT}. Look at what changed: git diff.`);
}
