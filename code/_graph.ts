/** What is made by this library of the user's functions: building a graph of it changes nothing of the user's. */

import { type Item, type Module, type Use, usesWithin } from "./_module.ts";
import { chainOf } from "./_notes.ts";
import type { Meaning, Project } from "./_project.ts";
import { isSyntax, keyName, START, type Syntax } from "./_syntax.ts";

/** Whether what is called is of this library. */
export function isLibraryCall(project: Project, module: Module, callee: Syntax): boolean {
  const root = chainOf(callee)?.root;
  const use = root && useAt(module, root);
  return use?.variable !== undefined && project.meaning(module, use).kind === "library";
}

/** The use that a name is; `undefined` if it is none. */
export function useAt(module: Module, node: Syntax): Use | undefined {
  return usesWithin(module, node).find(({ at }) => at === node[START]);
}

/** The declarations that a meaning is of. */
export function itemsOf(meaning: Meaning): readonly Item[] {
  return meaning.kind === "binding" ? meaning.module.bindings.get(meaning.name) ?? [] : [];
}

/** What an object or a class has under a name. */
export function memberOf(value: Syntax, name: string): Syntax | undefined {
  const isClass = value.type.startsWith("Class");
  const members = isClass ? (value.body as Syntax).body : value.properties;
  if (!Array.isArray(members)) return undefined;
  const member = (members as Syntax[]).findLast(({ key, computed, static: isStatic }) =>
    isSyntax(key) && !computed && Boolean(isStatic) === isClass && keyName(key) === name
  );
  return member?.value as Syntax | undefined;
}

/** Tells definitions, nodes and workflows from other values; what was found is kept. */
export class Graph {
  readonly #project: Project;
  readonly #known = new Map<Syntax, boolean>();

  constructor(project: Project) {
    this.#project = project;
  }

  /** Whether an expression gives something that this library made. */
  has(module: Module, node: Syntax | undefined): boolean {
    if (!node) return false;
    let known = this.#known.get(node);
    if (known === undefined) {
      // What refers to itself is none.
      this.#known.set(node, false);
      this.#known.set(node, known = this.#read(module, node));
    }
    return known;
  }

  #read(module: Module, node: Syntax): boolean {
    switch (node.type) {
      case "Identifier":
        return this.#isNamed(module, node);
      case "MemberExpression":
        return this.has(module, node.object as Syntax) || this.#isMember(module, node);
      case "ChainExpression":
        return this.has(module, node.expression as Syntax);
      case "CallExpression":
      case "NewExpression":
        return this.has(module, node.callee as Syntax) ||
          this.#isReturned(module, node.callee as Syntax);
      case "ClassDeclaration":
      case "ClassExpression": {
        const { decorators } = (node.superClass ?? {}) as { decorators?: Syntax[] };
        return decorators?.some((own) => isLibraryCall(this.#project, module, own)) ?? false;
      }
      default:
        return false;
    }
  }

  #isNamed(module: Module, node: Syntax): boolean {
    const use = useAt(module, node);
    if (!use?.variable) return false;
    const { defs, scope } = use.variable;
    if (scope.type === "module") {
      const meaning = this.#project.meaning(module, use);
      return meaning.kind === "library" ||
        meaning.kind === "binding" &&
          itemsOf(meaning).some(({ value }) => this.has(meaning.module, value));
    }
    const [def] = defs as unknown as [{ type: string; node: Syntax; parent: Syntax }?];
    const { id, init } = (def?.node ?? {}) as { id?: Syntax; init?: Syntax };
    return def?.type === "Variable" && def.parent.kind === "const" && id?.type === "Identifier" &&
      this.has(module, init);
  }

  /** `helpers.train`, where `helpers` is an object that has it. */
  #isMember(module: Module, node: Syntax): boolean {
    const found = memberAt(this.#project, module, node);
    return found !== undefined && this.has(...found);
  }

  /** Whether a function of the user's gives only such. */
  #isReturned(module: Module, callee: Syntax): boolean {
    const found = memberAt(this.#project, module, callee);
    if (!found || !/Function/.test(found[1].type)) return false;
    const [owner, { body, expression }] = found;
    if (expression) return this.has(owner, body as Syntax);
    const returned = returnsOf(body as Syntax);
    return returned.length > 0 && returned.every((value) => this.has(owner, value));
  }
}

/** What the value of a variable at the top level, or of a member of one, is as it is written. */
export function memberAt(
  project: Project,
  module: Module,
  node: Syntax,
): [module: Module, value: Syntax] | undefined {
  const chain = chainOf(node);
  const use = chain && useAt(module, chain.root);
  if (use?.variable?.scope.type !== "module") return undefined;
  const meaning = project.meaning(module, use);
  const items = itemsOf(meaning);
  if (meaning.kind !== "binding" || items.length !== 1) return undefined;
  const isNamespace = project.variable(module, use.name).kind === "namespace";
  const path = isNamespace ? chain!.path.slice(1) : chain!.path;
  const value = path.reduce<Syntax | undefined>(
    (at, name) => at && name !== undefined ? memberOf(at, name) : undefined,
    items[0].value,
  );
  return value && [meaning.module, value];
}

/** What a function's body returns; not what functions within it return. */
function returnsOf(node: Syntax): (Syntax | undefined)[] {
  if (node.type === "ReturnStatement") return [node.argument as Syntax | undefined];
  if (/Function|^Class/.test(node.type)) return [];
  return Object.values(node).flatMap((value) =>
    (Array.isArray(value) ? value : [value]).filter(isSyntax).flatMap(returnsOf)
  );
}
