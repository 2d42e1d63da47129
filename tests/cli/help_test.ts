import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { COMMANDS } from "../../cli/_commands.ts";
import { Workspace } from "../support/fuse.ts";

const workspace = new Workspace();
after(() => workspace.remove());

const fuse = (...args: string[]) => workspace.fuse(args);

describe("The help of fuse", () => {
  it("lists every command but those that only programs call", async () => {
    const { code, stdout } = await fuse("--help");
    assert.equal(code, 0);
    for (const { name, isHidden } of COMMANDS) {
      assert.equal(new RegExp(`^ {2}${name} `, "m").test(stdout), !isHidden, name);
    }
    assert.match(stdout, /Examples:\n[^]*Exit codes:/);
  });

  for (const { name, isHidden } of COMMANDS) {
    if (isHidden) continue;
    it(`shows examples of ${name}, and how it may end`, async () => {
      const { code, stdout } = await fuse(name, "--help");
      assert.equal(code, 0);
      assert.match(stdout, /\nExamples?\b[^]*fuse /);
      if (name !== "version") assert.match(stdout, /\nExit codes: 0 /);
      // Defaults are told in words, not as objects.
      assert.doesNotMatch(stdout, /\{\}|\[object|undefined/);
    });
  }
});

describe("A typo gets a suggestion", () => {
  const typos: [what: string, args: string[], suggestion: RegExp][] = [
    ["in a command", ["rnu", "x.ts"], /unknown command 'rnu'\n\(Did you mean run\?\)/],
    ["in a flag", ["run", "x.ts", "--worker", "2"], /'--worker'\n\(Did you mean --workers\?\)/],
    ["in a flag of another command", ["tasks", "--jsn"], /\(Did you mean --json\?\)/],
    [
      "in a choice",
      ["run", "x.ts", "--backend", "paralel"],
      /are parallel, local, ray\.\n[^]*\(Did you mean parallel\?\)/,
    ],
    ["in a choice of an argument", ["completions", "zhs"], /\(Did you mean zsh\?\)/],
  ];
  for (const [what, args, suggestion] of typos) {
    it(what, async () => {
      const { code, stdout, stderr } = await fuse(...args);
      assert.equal(code, 64);
      assert.equal(stdout, "");
      assert.match(stderr, suggestion);
      assert.match(stderr, /--help shows what can be given/);
    });
  }

  it("but not where nothing is near", async () => {
    const { code, stderr } = await fuse("run", "x.ts", "--backend", "kubernetes");
    assert.equal(code, 64);
    assert.doesNotMatch(stderr, /Did you mean/);
  });
});
