/** What a configuration must look like; everything else is refused by its path, with what is known there. */

import { ConfigError } from "./errors.ts";
import { compilePattern } from "./names.ts";
import { flattenPlugin } from "./plugin.ts";
import { REMOTE_ARG_CHECKS } from "./policy.ts";
import { isMaker } from "./workflow.ts";

type Fields = Readonly<Record<string, (value: unknown, path: string) => void>>;

const MOST_WORKERS = 1_024;

const CONFIG: Fields = {
  workflowName: checkText,
  backend: oneOf("parallel", "local", "ray"),
  ray: (value, path) => checkFields(value, path, RAY),
  workers: must(
    `a whole number from 1 to ${MOST_WORKERS}`,
    (value) => Number.isInteger(value) && value as number >= 1 && value as number <= MOST_WORKERS,
  ),
  isolation: oneOf("thread", "process"),
  resources: (value, path) => {
    const entries = Object.entries(checkRecord(value, path));
    for (const [name, amount] of entries) checkAmount(amount, `${path}.${name}`);
  },
  storage: checkStorage,
  reuse: oneOf("exact", "name"),
  onFailure: oneOf("stop", "continue"),
  observers: checkPlugins,
  rules: (value, path) =>
    checkList(value, path).forEach((rule, at) => checkRule(rule, `${path}[${at}]`)),
};

const RAY: Fields = {
  address: checkText,
  token: checkText,
  headers: checkTexts,
  runtimeEnv: checkRecord,
  deno: oneOf("path", "pip"),
  files: (value, path) =>
    checkList(value, path).forEach((file, at) => checkText(file, `${path}[${at}]`)),
  maxPackageBytes: must("a number above 0", (value) => typeof value === "number" && value > 0),
  driverArgs: (value, path) => {
    const { numCpus, numGpus, memory, resources } = REMOTE_ARGS;
    checkFields(value, path, { numCpus, numGpus, memory, resources });
  },
};

const RULE: Fields = {
  query: checkPattern,
  workflow: checkPattern,
  optional: checkBoolean,
  remoteArgs: (value, path) => checkFields(value, path, REMOTE_ARGS),
  plugins: checkPlugins,
  stored: checkBoolean,
  grouped: checkBoolean,
  replaceFunction: checkFunction,
  insertBefore: checkFunction,
  insertAfter: checkFunction,
  collapse: checkText,
  remove: checkBoolean,
};

const REMOTE_ARGS: Fields = {
  ...Object.fromEntries(Object.entries(REMOTE_ARG_CHECKS).map(([key, check]) => [key, as(check)])),
  resources: (value, path) => {
    // Each by its own path.
    const entries = Object.entries(checkRecord(value, path));
    for (const [name, amount] of entries) as(REMOTE_ARG_CHECKS.numCpus)(amount, `${path}.${name}`);
  },
};

/** A check of another kind: it gives what a value must be, if it is not that. */
function as(expectedOf: (value: unknown) => string | undefined) {
  return (value: unknown, path: string): void => {
    const expected = expectedOf(value);
    if (expected !== undefined) throw wrongValue(path, expected, value);
  };
}

// What means something to workers only.
const OF_WORKERS = ["workers", "isolation", "resources"];

/**
 * Checks a whole configuration.
 *
 * @throws {ConfigError} If a setting is unknown or has a wrong value, with its path.
 */
export function checkConfig(config: unknown): void {
  checkFields(config, "", CONFIG);
  const { backend, ...others } = config as Record<string, unknown>;
  const isOther = backend === "local" || backend === "ray";
  const useless = isOther && OF_WORKERS.find((key) => others[key] !== undefined);
  if (!useless) return;
  const why = backend === "local"
    ? "the local backend, which has no workers"
    : "the ray backend, where the cluster says what there is";
  throw new ConfigError(
    `Cannot use the configuration as '${useless}' means nothing to ${why}: ` +
      `remove it, or make 'backend' "parallel".`,
    { path: useless },
  );
}

function checkRule(rule: unknown, path: string): void {
  checkFields(rule, path, RULE);
  const { remove, query: _, workflow: __, optional: ___, ...others } = rule as Record<
    string,
    unknown
  >;
  const beside = Object.keys(others).find((key) => others[key] !== undefined);
  if (!remove || beside === undefined) return;
  throw new ConfigError(
    `Cannot use the configuration as '${path}' removes nodes, and sets '${beside}' for them: one of both.`,
    { path },
  );
}

function checkFields(value: unknown, path: string, fields: Fields): void {
  for (const [key, field] of Object.entries(checkRecord(value, path))) {
    const at = path === "" ? key : `${path}.${key}`;
    if (!Object.hasOwn(fields, key)) {
      const known = Object.keys(fields);
      throw new ConfigError(
        `Cannot use the configuration as '${at}' is no setting: known are ${known.join(", ")}.`,
        { path: at, unknown: key, known },
      );
    }
    if (field !== undefined) fields[key](field, at);
  }
}

function checkRecord(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || prototype === Object.prototype) {
      return value as Record<string, unknown>;
    }
  }
  throw wrongValue(path, "a plain object", value);
}

function checkList(value: unknown, path: string): readonly unknown[] {
  // With the holes, which are nothing to go by either.
  if (Array.isArray(value)) return Array.from(value);
  throw wrongValue(path, "a list", value);
}

function must(expected: string, isRight: (value: unknown) => boolean) {
  return (value: unknown, path: string): void => {
    if (!isRight(value)) throw wrongValue(path, expected, value);
  };
}

function oneOf(...choices: string[]) {
  return (value: unknown, path: string): void => {
    if (choices.includes(value as string)) return;
    const expected = choices.map((choice) => JSON.stringify(choice)).join(" or ");
    throw wrongValue(path, expected, value, choices);
  };
}

function checkText(value: unknown, path: string): void {
  if (typeof value !== "string" || value === "") {
    throw wrongValue(path, "a text of at least one character", value);
  }
}

function checkTexts(value: unknown, path: string): void {
  for (const [key, text] of Object.entries(checkRecord(value, path))) {
    checkText(text, `${path}.${key}`);
  }
}

function checkBoolean(value: unknown, path: string): void {
  if (typeof value !== "boolean") throw wrongValue(path, "true or false", value);
}

function checkAmount(value: unknown, path: string): void {
  // Infinity too: there may be any amount of something.
  if (typeof value !== "number" || !(value >= 0)) {
    throw wrongValue(path, "a number of at least 0", value);
  }
}

function checkPattern(value: unknown, path: string): void {
  if (typeof value !== "string" && !(value instanceof RegExp)) {
    throw wrongValue(path, "a regular expression or its source", value);
  }
  explain(path, () => compilePattern(value));
}

function checkPlugins(value: unknown, path: string): void {
  checkList(value, path).forEach((plugin, at) =>
    explain(`${path}[${at}]`, () => flattenPlugin(plugin as never))
  );
}

function checkFunction(value: unknown, path: string): void {
  if (isMaker(value)) {
    throw new ConfigError(
      `Cannot use the configuration as '${path}' is what workflow() returned: give the plain function.`,
      { path },
    );
  }
  if (typeof value !== "function") throw wrongValue(path, "a function", value);
}

const STORAGE_METHODS = ["save", "readTask", "hasTask", "listTasks"];

/** A place, `false`, a kind with its options, or a storage that was made already. */
function checkStorage(value: unknown, path: string): void {
  if (value === false) return;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const isStorage = STORAGE_METHODS
      .every((name) => typeof (value as Record<string, unknown>)[name] === "function");
    if (isStorage) return;
    if ("kind" in value) {
      return checkFields(value, path, {
        kind: oneOf("file", "memory", "S3", "s3"),
        options: checkRecord,
      });
    }
  }
  if (typeof value === "string" && value !== "") return;
  throw wrongValue(path, "a folder or URL, a kind with options, a storage, or false", value);
}

/** Gives an error of something that checks by itself the path. */
function explain(path: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`Cannot use the configuration as '${path}' is wrong. ${message}`, {
      path,
      cause: error,
    });
  }
}

function wrongValue(
  path: string,
  expected: string,
  value: unknown,
  known: readonly string[] = [],
): ConfigError {
  const what = path === "" ? "it" : `'${path}'`;
  return new ConfigError(
    `Cannot use the configuration as ${what} must be ${expected}: current value is ${show(value)}.`,
    { path, ...(typeof value === "string" ? { unknown: value, known } : {}) },
  );
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "a list";
  if (typeof value !== "object" || value === null) return String(value);
  const { name } = (value.constructor ?? Object) as { name?: string };
  return name === "Object" ? "an object" : `an instance of ${name}`;
}
