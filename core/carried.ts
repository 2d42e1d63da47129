/**
 * What reaches other processes by reference: functions and classes of `workflow`, plugins, replaced functions.
 *
 * Each is noted when it is made, by the module that makes it and the how-manieth of its kind it is there. Another process
 * imports that module, which makes the same things in the same order, and looks it up. Names and sources are compared, so
 * that a module that does otherwise is found out.
 */

import type { AnyClass, AnyFunction } from "./callable.ts";
import { toHex } from "./hex.ts";
import { CallSite } from "./place.ts";

/** What can be looked up: definitions, definitions of plugins, plugins with their options, and replacements. */
export type CarriedKind = "definition" | "plugin" | "pluginUse" | "replacement";

/** Something that was made, and where. */
export interface Origin {
  readonly kind: CarriedKind;
  /** The module's URL; `undefined` in a REPL or a notebook, or where the runtime does not say. */
  readonly module: string | undefined;
  /** The call that made it: of `workflow`, `definePlugin`, the plugin itself, `replaceFunction` or `defineConfig`. */
  readonly site: CallSite;
  /** Where in the first argument of that call it stands, if it is a part of that. */
  readonly path?: readonly (string | number)[];
  /** How many of the kind the module made before. */
  readonly ordinal: number;
  readonly name: string;
  /** The function or class whose source is compared. */
  readonly code: AnyFunction | AnyClass;
  /** What was made. */
  readonly value: unknown;
}

/** What a process that looks up things is asked for. */
export interface Reference {
  readonly kind: CarriedKind;
  readonly module: string;
  readonly ordinal: number;
  readonly name: string;
  /** SHA-256 of the source, in hexadecimal; left out where another runtime may write the same code otherwise. */
  readonly digest?: string;
}

/** What all copies of the library in a process share. */
interface Carried {
  readonly made: Map<string, number>;
  /** What was made, in a process that looks things up; elsewhere nothing is held on to. */
  kept: Map<string, Origin> | undefined;
  /** Functions that were noted before a query was given them. */
  readonly written: WeakMap<AnyFunction, Origin>;
}

const shared = globalThis as { [key: symbol]: Carried | undefined };
const carried: Carried = shared[Symbol.for("functionfuse.carried")] ??= {
  made: new Map(),
  kept: undefined,
  written: new WeakMap(),
};

/** Notes something when it is made; `site` is where. */
export function noteOrigin(
  kind: CarriedKind,
  site: CallSite,
  made: Pick<Origin, "name" | "code" | "value" | "path">,
): Origin {
  const { module } = site;
  const key = `${kind} ${module}`;
  const ordinal = carried.made.get(key) ?? 0;
  carried.made.set(key, ordinal + 1);
  const origin = { kind, module, site, ordinal, ...made };
  carried.kept?.set(`${key} ${ordinal}`, origin);
  return origin;
}

/** Notes a function as a part of the argument of the call at `site`: a query that is given it later knows it by that. */
export function noteWritten(
  fn: AnyFunction,
  site: CallSite,
  path: readonly (string | number)[],
): void {
  const made = { name: fn.name, code: fn, value: fn, path };
  carried.written.set(fn, noteOrigin("replacement", site, made));
}

/** Notes a function that a method of a query is given, unless it was noted where it was written. */
export function noteGiven(fn: AnyFunction, method: AnyFunction): Origin {
  return carried.written.get(fn) ??
    noteOrigin("replacement", CallSite.of(method, true), { name: fn.name, code: fn, value: fn });
}

/** From now on, what is made can be looked up. */
export function keepCarried(): void {
  carried.kept ??= new Map();
}

/** What was made at a place, if its module has made it. */
export function findCarried({ kind, module, ordinal }: Reference): Origin | undefined {
  return carried.kept?.get(`${kind} ${module} ${ordinal}`);
}

/** All that can be looked up here. */
export function listCarried(): Origin[] {
  return [...carried.kept?.values() ?? []];
}

/** How another process finds it; `undefined` if no module is known to make it. */
export async function referenceTo(origin: Origin): Promise<Reference | undefined> {
  const { kind, module, ordinal, name, code } = origin;
  if (module === undefined) return undefined;
  return { kind, module, ordinal, name, digest: await digestOf(code) };
}

/** SHA-256 of a function's source, in hexadecimal. */
export async function digestOf(code: AnyFunction | AnyClass): Promise<string> {
  const source = new TextEncoder().encode(Function.prototype.toString.call(code));
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", source)));
}
