import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";
import { describeApi, SNAPSHOT } from "../../tools/api.ts";

const skip = process.versions.deno ? false : "deno doc, which reads the API, is Deno's";

describe("The public API", () => {
  it("is what was last agreed on", { skip }, () => {
    const [agreed, current] = [readFileSync(SNAPSHOT, "utf8"), describeApi()];
    const lines = (text: string) => new Set(withHeads(text));
    const gone = lines(agreed).difference(lines(current));
    const added = lines(current).difference(lines(agreed));
    const changes = [
      ...[...gone].map((line) => `- ${line}`),
      ...[...added].map((line) => `+ ${line}`),
    ];
    assert.ok(
      agreed === current,
      `The public API is not what ${relative(process.cwd(), SNAPSHOT)} says:\n\n${
        changes.join("\n")
      }\n\n` +
        "Users' code may depend on each of these lines. If the change is meant, write it down with " +
        "`deno task api`, look at the difference with `git diff`, enter it in CHANGELOG.md, and commit all of it.",
    );
  });

  it("is told whole, without places in files", { skip }, () => {
    const api = describeApi();
    assert.equal(api, describeApi());
    assert.doesNotMatch(api, /file:\/|\.ts\b|\[object \w|: inferred/);
    for (
      const line of [
        "# functionfuse/testing",
        "function workflow<A extends unknown[], R>(fn: (...args: A) => R): WorkflowFunction<A, R>",
        "  query(pattern?: Pattern): Query",
        "LocalWorkflow: as in functionfuse",
        "  readonly isCertain?: boolean",
      ]
    ) assert.ok(api.includes(`${line}\n`), line);
    assert.doesNotMatch(api, /createExecutor|#private|_internal/, "what is internal is no API");
  });
});

/** Members with what they are members of. */
function withHeads(text: string): string[] {
  let head = "";
  return text.split("\n").map((line) => {
    if (line.startsWith("  ")) return `${head} › ${line.trim()}`;
    [head] = line.split(/[<(=]| extends | implements /);
    return line;
  });
}
