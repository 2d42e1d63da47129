/** The targets that a workflow file exports, and what is wrong where there are none. */

import { isHandle } from "../core/handles.ts";
import type { Target } from "../core/types.ts";
import { isMaker } from "../core/workflow.ts";
import { WorkflowFileError } from "./_errors.ts";
import { explainImport, indent } from "./_explain.ts";
import { waitFor } from "./_waiting.ts";

/** How the targets were written, which is how their values are shown. */
export type Shape = "one" | "list" | "record";

/** What a workflow file exports. */
export interface Targets {
  readonly shape: Shape;
  /** What to call each target: a record's keys; `undefined` where the node's name will do. */
  readonly labels: readonly (string | undefined)[];
  readonly targets: readonly Target[];
}

/**
 * The targets of a module; one that exports a function is asked for them.
 *
 * @throws {WorkflowFileError} If there are none.
 */
export async function readTargets(
  file: string,
  module: Record<string, unknown>,
  params: Readonly<Record<string, unknown>>,
): Promise<Targets> {
  // A promise is awaited; a node is none, and stays itself.
  let exported = await waitFor(file, () => module.default);
  const isFunction = typeof exported === "function" && !isMaker(exported);
  if (isFunction) exported = await callFunction(file, exported as CallableFunction, params);
  else if (Object.keys(params).length > 0) {
    throw new WorkflowFileError(
      `${file} takes no parameters, as its default export is no function: export a function of them, ` +
        `as in "export default ({ seed = 1 }) => …".`,
    );
  }
  if (isHandle(exported)) {
    return { shape: "one", labels: [undefined], targets: [exported as Target] };
  }
  if (Array.isArray(exported) && exported.length > 0 && exported.every(isHandle)) {
    return { shape: "list", labels: exported.map(() => undefined), targets: exported };
  }
  const entries = isRecord(exported) ? Object.entries(exported) : [];
  if (entries.length > 0 && entries.every(([, value]) => isHandle(value))) {
    return {
      shape: "record",
      labels: entries.map(([key]) => key),
      targets: entries.map(([, value]) => value as Target),
    };
  }
  throw new WorkflowFileError(
    `${file} has no targets: ${whatIsWrong(module, exported, isFunction)}`,
  );
}

async function callFunction(
  file: string,
  build: CallableFunction,
  params: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const asked = new Set<PropertyKey>();
  const watched = new Proxy(params, {
    get(target, key, receiver) {
      asked.add(key);
      return Reflect.get(target, key, receiver);
    },
    ownKeys(target) {
      for (const key of Reflect.ownKeys(target)) asked.add(key);
      return Reflect.ownKeys(target);
    },
  });
  let built: unknown;
  try {
    built = await waitFor(file, () => build(watched));
  } catch (error) {
    throw new WorkflowFileError(
      `${file} failed to build its graph:\n${indent(explainImport(error))}`,
      { cause: error },
    );
  }
  const unknown = Object.keys(params).find((key) => !asked.has(key));
  if (unknown === undefined) return built;
  const known = [...asked].filter((key) => typeof key === "string");
  throw new WorkflowFileError(
    `${file} has no parameter "${unknown}": ` +
      (known.length > 0
        ? `its function asks for ${known.join(", ")}.`
        : "its function asks for none."),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function whatIsWrong(
  module: Record<string, unknown>,
  exported: unknown,
  wasCalled: boolean,
): string {
  const advice =
    `write "export default …" with what a workflow function returned when it was called.`;
  if (!("default" in module)) {
    const nodes = Object.entries(module).filter(([, value]) => isHandle(value));
    const named = nodes.map(([name]) => name);
    return named.length > 0
      ? `it exports ${named.join(", ")}, but nothing by default: write "export default ${
        named[0]
      }".`
      : `it has no default export: ${advice}`;
  }
  if (isMaker(exported)) {
    const { name } = exported as CallableFunction;
    return Object.getPrototypeOf(exported) === Function.prototype
      ? `its default export is the workflow function ${name} itself: call it, as in "export default ${name}(…)".`
      : `its default export is the workflow class ${name} itself: export what a method of an instance returned.`;
  }
  const what = wasCalled ? "the function that it exports by default gave" : "its default export is";
  return `${what} ${describe(exported)}. W${advice.slice(1)}`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) {
    const at = value.findIndex((entry) => !isHandle(entry));
    return at < 0 ? "an empty list" : `a list whose entry ${at} is no node`;
  }
  if (typeof value !== "object") return `a ${typeof value}`;
  const key = Object.keys(value).find((key) => !isHandle((value as Record<string, unknown>)[key]));
  return key === undefined
    ? "an empty record"
    : `a record whose "${key}" is no node (targets can't be nested: give each a key of its own)`;
}
