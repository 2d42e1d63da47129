/** What a directive made of the user's functions, classes and methods: one definition each, shared by all its nodes. */

import type { AnyClass, AnyFunction } from "./callable.ts";
import { noteOrigin, type Origin } from "./carried.ts";
import type { CallSite } from "./place.ts";

/** One function, class or method that nodes are calls of. */
export class Definition {
  /** How many nodes were made of it: the next one's ordinal. */
  made = 0;
  /** How other processes find it; of a method, how they find its class. */
  readonly origin: Origin;

  constructor(
    readonly kind: "function" | "constructor" | "method",
    /** What default names begin with: `sum`, `Counter` or `Counter.add`. */
    readonly name: string,
    /** The function or class; for a method, the class. */
    readonly target: AnyFunction | AnyClass,
    readonly site: CallSite,
    /** For a method, its class. */
    readonly owner?: Definition,
    /** For a method, its key on the class. */
    readonly method?: string,
    /** Of a function that an edit was given. */
    origin?: Origin,
  ) {
    this.origin = owner?.origin ?? origin ??
      noteOrigin("definition", site, { name, code: target, value: this });
  }
}

/** The definition of a class's method. */
export function methodDefinition(cls: Definition, method: string): Definition {
  return new Definition("method", `${cls.name}.${method}`, cls.target, cls.site, cls, method);
}

// Called as functions, they convert.
const CONVERTERS: ReadonlySet<unknown> = new Set([Number, String, Boolean, BigInt, Symbol, Date]);

/** Whether a function is a class: its source says so, or it is one of the runtime's own. */
export function isClass(target: AnyFunction | AnyClass): target is AnyClass {
  const source = Function.prototype.toString.call(target);
  if (!source.includes("[native code]")) return /^class\b/.test(source);
  return !CONVERTERS.has(target) &&
    Object.getOwnPropertyDescriptor(target, "prototype")?.writable === false;
}

/** A generator's result can be read only once, so it can't be a node's. */
export function isGenerator(target: AnyFunction | AnyClass): boolean {
  const tag = (target as { [Symbol.toStringTag]?: string })[Symbol.toStringTag];
  return tag === "GeneratorFunction" || tag === "AsyncGeneratorFunction";
}

/** The keys of all methods of a class, its own and the inherited ones. */
export function methodNames(cls: AnyClass): Set<string> {
  const names = new Set<string>();
  for (let level = cls.prototype; level && level !== Object.prototype;) {
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (key !== "constructor" && typeof property.value === "function") names.add(key);
    }
    level = Object.getPrototypeOf(level);
  }
  return names;
}
