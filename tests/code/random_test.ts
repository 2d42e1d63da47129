/** Random programs: what a change reaches, and what it does not. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { differences, type Files, makeProject, type Prints, readUnrun } from "./projects.ts";

/** A function, class or constant at the top level of a module. */
interface Piece {
  readonly kind: "function" | "arrow" | "class" | "constant" | "object";
  readonly module: number;
  /** The pieces that it uses, in any order, itself and cycles included. */
  readonly uses: readonly number[];
  /** Whether it is imported as a member of its module, and whether under another name. */
  readonly isMember: boolean;
  readonly isRenamed: boolean;
}

interface Program {
  readonly pieces: readonly Piece[];
  /** The pieces that each workflow function uses. */
  readonly roots: readonly (readonly number[])[];
}

const MODULES = ["main", "lib/one", "two"];
const SPECIFIERS = [
  ["", "./lib/one.ts", "./two.ts"],
  ["../main.ts", "", "../barrel.ts"],
  ["./main.ts", "./lib/one.ts", ""],
];

const programs: fc.Arbitrary<Program> = fc.integer({ min: 1, max: 12 }).chain((count) => {
  const uses = fc.uniqueArray(fc.nat(count - 1), { maxLength: 3 });
  const piece = fc.record({
    kind: fc.constantFrom("function", "arrow", "class", "constant", "object"),
    module: fc.nat(MODULES.length - 1),
    uses,
    isMember: fc.boolean(),
    isRenamed: fc.boolean(),
  }) as fc.Arbitrary<Piece>;
  return fc.record({
    pieces: fc.array(piece, { minLength: count, maxLength: count }),
    roots: fc.array(uses, { minLength: 1, maxLength: 4 }),
  });
});

/** How a program is written: which piece has another number, and whether it is dressed up. */
interface Version {
  readonly changed?: number;
  readonly isDressed?: boolean;
}

function write(program: Program, version: Version): Files {
  const texts = MODULES.map((_, module) => writeModule(program, module, version));
  const files: Record<string, string> = { "barrel.ts": 'export * from "./two.ts";\n' };
  MODULES.forEach((name, i) => files[`${name}.ts`] = texts[i]);
  return files;
}

function writeModule(program: Program, module: number, version: Version): string {
  const { pieces, roots } = program;
  const own = pieces.flatMap((piece, i) => piece.module === module ? [i] : []);
  const used = new Set(own.flatMap((i) => pieces[i].uses));
  if (module === 0) { for (const uses of roots) for (const i of uses) used.add(i); }
  const lines = [...used].flatMap((i) => importOf(pieces[i], i, module));
  if (version.isDressed) lines.reverse();
  for (let other = 0; other < MODULES.length; other++) {
    if (other !== module) {
      lines.push(`import * as all${other} from "${SPECIFIERS[module][other]}";`);
    }
  }
  lines.push(...own.map((i) => writePiece(program, i, version)));
  if (module === 0) {
    lines.unshift('import { workflow } from "functionfuse";');
    lines.push(
      ...roots.map((uses, i) =>
        `export const root${i} = workflow("root${i}", (${x(version)}) => ${
          expression(program, 0, uses, { version, own: 1 })
        });`
      ),
    );
  }
  return lines.join(version.isDressed ? "\n\n// A comment\n" : "\n");
}

const x = ({ isDressed }: Version) => isDressed ? "x: number /* any */" : "x";

function importOf(
  { module: from, isMember, isRenamed }: Piece,
  i: number,
  module: number,
): string[] {
  if (from === module || isMember) return [];
  return [
    `import { ${isRenamed ? `p${i} as q${i}` : `p${i}`} } from "${SPECIFIERS[module][from]}";`,
  ];
}

/** A sum of what pieces give. */
function expression(
  { pieces }: Program,
  module: number,
  uses: readonly number[],
  { version, own }: { version: Version; own: number },
): string {
  const terms = uses.map((i) => {
    const { kind, module: from, isMember, isRenamed } = pieces[i];
    const name = from === module
      ? `p${i}`
      : isMember
      ? `all${from}.p${i}`
      : isRenamed
      ? `q${i}`
      : `p${i}`;
    if (kind === "constant") return name;
    if (kind === "object") return `${name}.run(x)`;
    return kind === "class" ? `new ${name}().run(x)` : `${name}(x)`;
  });
  const sum = [`${own}`, ...terms].join(" + ");
  return version.isDressed ? `((${sum}) as number)` : sum;
}

function writePiece(program: Program, i: number, version: Version): string {
  const { kind, module, uses } = program.pieces[i];
  const own = 1000 + i + (version.changed === i ? 500 : 0);
  const value = expression(program, module, uses, { version, own });
  const result = version.isDressed ? ": number" : "";
  switch (kind) {
    case "function":
      return `export function p${i}(${x(version)})${result} { return ${value}; }`;
    case "arrow":
      return `export const p${i} = (${x(version)})${result} => ${value};`;
    case "class":
      return `export class p${i} { run(${x(version)})${result} { return ${value}; } }`;
    case "object":
      return `export const p${i} = { run(${x(version)})${result} { return ${value}; } };`;
    case "constant":
      return `export const p${i}${result} = ${value.replaceAll("(x)", "(1)")};`;
  }
}

/** The workflow functions that reach a piece. */
function reaching({ pieces, roots }: Program, wanted: number): string[] {
  return roots.flatMap((uses, i) => {
    const seen = new Set(uses);
    for (const piece of seen) for (const next of pieces[piece].uses) seen.add(next);
    return seen.has(wanted) ? [`root${i}`] : [];
  });
}

function read(program: Program, version: Version): Promise<Prints> {
  const files = write(program, version);
  return readUnrun(makeProject(files), files["main.ts"]);
}

describe("A random program", () => {
  it("has other digests exactly where a changed piece is reached, and none when it is dressed up", async () => {
    await fc.assert(
      fc.asyncProperty(programs, fc.nat(), async (program, pick) => {
        const changed = pick % program.pieces.length;
        const before = await read(program, {});
        const after = await read(program, { changed });
        assert.deepEqual(differences(before, after), reaching(program, changed).sort());
        assert.deepEqual(differences(before, await read(program, { isDressed: true })), []);
        for (const { unfollowed } of Object.values(before)) assert.equal(unfollowed, undefined);
      }),
      { numRuns: 150 },
    );
  });
});
