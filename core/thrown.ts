/** What a node threw, as a plain record that crosses any border, and back as an error of the same name and fields. */

import {
  CodecError,
  ConfigError,
  EngineError,
  type FuseErrors,
  GraphError,
  isFuseError,
  NodeError,
  StorageError,
  UnsupportedError,
  WorkerError,
} from "./errors.ts";
import { findUnmovable } from "./movable.ts";

/** A thrown value on its way. */
export type ThrownRecord =
  | { readonly kind: "value"; readonly value: unknown }
  | ErrorRecord;

interface ErrorRecord {
  readonly kind: "error";
  /** The nearest class of the language, or of this library: the error that arrives is an instance of it. */
  readonly base: string;
  readonly className: string;
  /** The `name` that the error shows. */
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Own fields that can be cloned. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause: ThrownRecord | undefined;
  /** Of an aggregate, what it holds. */
  readonly errors: readonly ThrownRecord[] | undefined;
}

const BASES: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
};
const FUSE_ERRORS: { readonly [N in keyof FuseErrors]: AnyErrorClass } = {
  GraphError,
  NodeError,
  StorageError,
  CodecError,
  WorkerError,
  EngineError,
  ConfigError,
  UnsupportedError,
};
const SPECIAL = new Set(["name", "message", "stack", "cause", "errors"]);
// A chain of causes that is a circle must end somewhere.
const DEEPEST_CAUSE = 20;

/** Describes what was thrown; never throws itself, whatever the value does when it is looked at. */
export function describeThrown(thrown: unknown, depth = 0): ThrownRecord {
  try {
    if (thrown instanceof Error) return describeError(thrown, depth);
    if (isMovable(thrown)) return { kind: "value", value: thrown };
  } catch {
    // As said below.
  }
  return { kind: "value", value: showUnmovable(thrown) };
}

/** Proxies and the like can only be told by trying: what is thrown must arrive, whatever it holds. */
function isMovable(value: unknown): boolean {
  if (findUnmovable(value) !== undefined) return false;
  try {
    if (typeof value === "object") structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

function describeError(error: Error, depth: number): ErrorRecord {
  const fields: Record<string, unknown> = {};
  for (const key of Object.keys(error)) {
    if (SPECIAL.has(key)) continue;
    const value = error[key as keyof Error] as unknown;
    if (isMovable(value)) fields[key] = value;
  }
  const errors = errorsOf(error);
  const next = (thrown: unknown) => describeThrown(thrown, depth + 1);
  return {
    kind: "error",
    base: baseOf(error),
    className: error.constructor?.name ?? "Error",
    name: String(error.name),
    message: String(error.message),
    stack: typeof error.stack === "string" ? error.stack : undefined,
    fields,
    cause: "cause" in error && depth < DEEPEST_CAUSE ? next(error.cause) : undefined,
    errors: errors && depth < DEEPEST_CAUSE ? errors.map(next) : undefined,
  };
}

/** What an error holds beside itself. */
function errorsOf(error: Error): readonly unknown[] | undefined {
  if (error instanceof AggregateError) return error.errors;
  if (!isFuseError(error, "NodeError")) return undefined;
  return error.errors.length === 1 && error.errors[0] === error ? undefined : error.errors;
}

function baseOf(error: Error): string {
  if (isFuseError(error)) return (error as Error).name;
  if (error instanceof DOMException) return "DOMException";
  if (error instanceof AggregateError) return "AggregateError";
  const found = Object.entries(BASES).find(([name, base]) =>
    name !== "Error" && error instanceof base
  );
  return found?.[0] ?? "Error";
}

function showUnmovable(thrown: unknown): string {
  try {
    return `${typeof thrown}: ${String(thrown)}`;
  } catch {
    return "a value that can't be shown";
  }
}

/** The thrown value again: of the same class of the language, and of a class of the same name where it was the user's own. */
export function rebuildThrown(record: ThrownRecord): unknown {
  if (record.kind === "value") return record.value;
  const { base, className, name, message, stack, fields, cause, errors } = record;
  const options = cause ? { cause: rebuildThrown(cause) } : undefined;
  if (base === "DOMException") {
    const error = new DOMException(message, name);
    Object.defineProperty(error, "stack", hidden(stack));
    return error;
  }
  const held = errors?.map(rebuildThrown);
  if (Object.hasOwn(FUSE_ERRORS, base)) {
    // What their constructors take is what they have as fields.
    const FuseClass = FUSE_ERRORS[base as keyof FuseErrors];
    const error = new FuseClass(message, { ...fields, ...options, ...(held && { errors: held }) });
    Object.defineProperty(error, "stack", hidden(stack));
    return error;
  }
  const ErrorClass = classOf(className, base);
  const error = held ? new ErrorClass(held, message, options) : new ErrorClass(message, options);
  if (error.name !== name) Object.defineProperty(error, "name", hidden(name));
  Object.defineProperty(error, "stack", hidden(stack));
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(error, key, { ...hidden(value), enumerable: true });
  }
  return error;
}

function hidden(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true };
}

// deno-lint-ignore no-explicit-any
type AnyErrorClass = new (...args: any[]) => Error;

function classOf(className: string, base: string): AnyErrorClass {
  const Base: AnyErrorClass = base === "AggregateError" ? AggregateError : BASES[base] ?? Error;
  return className === base ? Base : { [className]: class extends Base {} }[className];
}
