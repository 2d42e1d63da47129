/**
 * The backend that draws a graph instead of running it.
 *
 * @module
 */

import { Backend, BACKEND_OPTIONS, type BackendOptions, type RunOptions } from "../core/backend.ts";
import { isImportedForDefinitions, stopImport } from "../core/node_context.ts";
import { checkKeys } from "../core/options.ts";
import type { Targets } from "../core/types.ts";
import { describe } from "./graph/describe.ts";
import type { Direction } from "./graph/dot.ts";
import type { Fold } from "./graph/fold.ts";
import { checkPath, chooseFormat, type GraphFormat, writeWhole } from "./graph/output.ts";
import { render } from "./graph/render.ts";
import { readStandings } from "./graph/states.ts";

export type { BackendOptions, RunOptions } from "../core/backend.ts";
export type { GraphFormat } from "./graph/output.ts";

/** What the drawing backend takes. */
export interface GraphOptions extends BackendOptions {
  /** The file to write, whose end says the format: `.svg`, `.dot`, `.mmd` or `.html`. Default: none is written. */
  path?: string;
  /** The format, where the path does not say it. Default: `"svg"`. */
  format?: GraphFormat;
  /**
   * Whether nodes that are alike are drawn as one box: `"auto"`, in graphs of more than 64 nodes or 256 edges; `"always"`;
   * or `"never"`, for which a picture may have at most 3,000 nodes and 10,000 edges. Default: `"auto"`.
   */
  fold?: "auto" | "always" | "never";
  /** Where the arrows lead. Default: `"down"`. */
  direction?: "down" | "right";
}

/**
 * Draws a graph: `run()` gives the picture as text and writes it to `path`, if there is one; no node runs.
 *
 * Queries and edits are drawn as they are set. With a storage, each node has its state (stored, will run, may run if what it
 * reads changes, failed when it last ran, not needed), its time and its size. In a notebook, the backend shows its picture.
 *
 * @example
 * ```ts
 * import { workflow } from "functionfuse";
 * import { GraphWorkflow } from "functionfuse/backends/graph";
 * import assert from "node:assert/strict";
 *
 * const sum = workflow("sum", (a: number, b: number) => a + b);
 * const one = sum(0, 1).setName("one");
 * const two = sum(one, 1).setName("two");
 *
 * const picture = await new GraphWorkflow(two, { workflowName: "count" }).run();
 * assert.match(picture, /^<svg .*<\/svg>\s*$/s);
 * const text = await new GraphWorkflow(two, { workflowName: "count", format: "mermaid" }).run();
 * assert.match(text, /n0 --> n1/);
 * ```
 */
export class GraphWorkflow<const T extends Targets> extends Backend<T, string> {
  readonly #options: GraphOptions;
  readonly #format: GraphFormat;

  /**
   * Takes the graph of one target or of a list of them.
   *
   * @throws {GraphError} If there is no target, a target is no node, or two nodes have one name.
   * @throws {TypeError} If an option has a wrong value, or the path's end names no format.
   */
  constructor(targets: T, options: GraphOptions) {
    checkKeys("make a backend", options, [...BACKEND_OPTIONS, ...OWN_OPTIONS]);
    super(targets, options, console.warn);
    checkChoice("fold", options.fold, ["auto", "always", "never"]);
    checkChoice("direction", options.direction, ["down", "right"]);
    this.#format = chooseFormat(options.format, options.path);
    this.#options = { ...options };
  }

  /**
   * Draws the graph as it is now, and gives the text of the file.
   *
   * @throws {StorageError} If the file can't be written, or the storage fails.
   * @throws {RangeError} If it is to be drawn unfolded and is too large for that.
   * @throws The signal's reason, if it aborts.
   */
  override async run(options: RunOptions = {}): Promise<string> {
    if (isImportedForDefinitions()) return stopImport();
    checkKeys("run", options, ["signal"]);
    const { signal } = options;
    signal?.throwIfAborted();
    const { path } = this.#options;
    if (path !== undefined) await checkPath(path);
    const text = await this.#draw(this.#format, signal);
    signal?.throwIfAborted();
    if (path !== undefined) await writeWhole(path, text);
    return text;
  }

  /** @ignore What Jupyter's kernel of Deno shows. */
  async [Symbol.for("Jupyter.display")](): Promise<Record<string, string>> {
    return { "image/svg+xml": await this.#draw("svg", undefined) };
  }

  async #draw(format: GraphFormat, signal: AbortSignal | undefined): Promise<string> {
    const { storage, workflowName } = this;
    const standings = storage && await readStandings(await this.plan(), storage, workflowName);
    signal?.throwIfAborted();
    const drawing = describe(this.graph, { workflowName, location: storage?.location, standings });
    const fold: Fold = this.#options.fold ?? "auto";
    const direction: Direction = this.#options.direction ?? "down";
    return await render(drawing, { format, fold, direction });
  }
}

const OWN_OPTIONS = ["path", "format", "fold", "direction"];

function checkChoice(key: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || known.includes(value as string)) return;
  throw new TypeError(
    `Cannot make a backend as '${key}' must be ${known.join(" or ")}: current value is ${
      String(value)
    }.`,
  );
}
