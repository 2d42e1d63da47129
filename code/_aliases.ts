/** Whether an expression may give, or hold, something that others have, too. */

import type { Variable } from "npm:eslint-scope@9.1.2";
import { type Graph, memberAt, useAt } from "./_graph.ts";
import { isFunctionSyntax, type Module } from "./_module.ts";
import { type Call, chainOf } from "./_notes.ts";
import type { Project } from "./_project.ts";
import { isSyntax, type Syntax } from "./_syntax.ts";
import { isCopyingName, isHarmless, isNewCollection } from "./_values.ts";

/** It may be anything that is named there. */
export const MAYBE = 1;
/** It may be what the function is given. */
export const GIVEN = 2;

/** Aliases in one piece of code. */
export class Aliases {
  /** The calls that functions are given to. */
  readonly givenTo: Map<Syntax, Call> = new Map();
  readonly #project: Project;
  readonly #graph: Graph;
  readonly #module: Module;
  readonly #root: Syntax;
  readonly #open = new Set<Variable>();

  constructor(project: Project, graph: Graph, module: Module, root: Syntax) {
    this.#project = project;
    this.#graph = graph;
    this.#module = module;
    this.#root = root;
  }

  /** Of a value; if it is `only` itself, what it holds does not matter. */
  of(node: Syntax | undefined, only = false): number {
    if (!node || isFunctionSyntax(node)) return 0;
    switch (node.type) {
      case "Literal":
      case "BinaryExpression":
      case "UnaryExpression":
      case "UpdateExpression":
      case "TemplateLiteral":
      case "MetaProperty":
        return 0;
      case "Identifier":
        return this.#named(node, only);
      case "ThisExpression":
      case "Super":
        return only ? 0 : MAYBE;
      case "MemberExpression":
        return this.of(node.object as Syntax);
      case "ArrayExpression":
      case "ObjectExpression":
        return only ? 0 : this.#within(node);
      case "CallExpression":
      case "NewExpression":
        return this.#called(node, only);
      case "AwaitExpression":
      case "SpreadElement":
      case "ChainExpression":
      case "ConditionalExpression":
      case "LogicalExpression":
      case "SequenceExpression":
      case "Property":
        return this.#within(node, only && node.type !== "SpreadElement");
      case "Key":
        return 0;
      default:
        return MAYBE;
    }
  }

  #within(node: Syntax, only = false): number {
    return Object.values(node).flatMap((value) => Array.isArray(value) ? value : [value])
      .filter(isSyntax).reduce((all, child) => all | this.of(child, only), 0);
  }

  #called(node: Syntax, only: boolean): number {
    if (this.#graph.has(this.#module, node)) return 0;
    const callee = node.callee as Syntax;
    const args = node.arguments as Syntax[];
    const given = () => args.reduce((all, arg) => all | this.of(arg), 0);
    const root = chainOf(callee)?.root;
    const isGlobal = root !== undefined && !useAt(this.#module, root)?.variable;
    if (isGlobal && isNewCollection(node)) return only ? 0 : given();
    if (isGlobal && isHarmless(callee)) return given();
    // What the methods of a class change beside their object is found in them.
    if (only && this.isInstance(node)) return 0;
    if (callee.type === "MemberExpression" && !callee.computed) {
      const { name } = callee.property as Syntax;
      if (isCopyingName(name as string)) {
        return only ? 0 : this.of(callee.object as Syntax) | given();
      }
    }
    return MAYBE;
  }

  /** Whether it makes an object of a class of the user's, all of which is followed where it is named. */
  isInstance({ type, callee }: Syntax): boolean {
    if (type !== "NewExpression") return false;
    const value = memberAt(this.#project, this.#module, callee as Syntax)?.[1];
    if (value) return value.type.startsWith("Class");
    const name = (callee as Syntax).type === "Identifier" ? callee as Syntax : undefined;
    return (name && useAt(this.#module, name))?.variable?.defs[0]?.type === "ClassName";
  }

  #named(node: Syntax, only: boolean): number {
    const use = useAt(this.#module, node);
    if (!use?.variable) return 0;
    if (use.variable.scope.type === "module") {
      return this.#project.meaning(this.#module, use).kind === "library" ? 0 : MAYBE;
    }
    return this.#local(use.variable, only);
  }

  #local(variable: Variable, only: boolean): number {
    if (this.#open.has(variable)) return 0;
    this.#open.add(variable);
    let all = 0;
    for (const { type, node } of variable.defs as unknown as { type: string; node: Syntax }[]) {
      if (type === "Parameter") all |= this.#parameter(node);
      else if (!/^(?:Variable|FunctionName|ClassName|CatchClause)$/.test(type)) all |= MAYBE;
    }
    if (variable.defs.length === 0) all |= GIVEN;
    // A class that names itself may be known elsewhere.
    if (variable.scope.type === "class") all |= MAYBE;
    for (const reference of variable.references) {
      if (!reference.isWrite()) continue;
      const { writeExpr, partial } = reference as unknown as {
        writeExpr?: Syntax;
        partial?: boolean;
      };
      all |= this.of(writeExpr, only && !partial);
    }
    this.#open.delete(variable);
    // Others may have put something into it since.
    return all | (only || all || isPlainValue(variable) ? 0 : MAYBE);
  }

  /** What a function's parameter may be. */
  #parameter(owner: Syntax): number {
    if (owner === this.#root) return GIVEN;
    const call = this.givenTo.get(owner);
    if (!call) return this.#root.type.startsWith("Class") ? GIVEN | MAYBE : MAYBE;
    const values = call.args.filter((arg) => !isFunctionSyntax(arg));
    const receiver = call.callee.type === "MemberExpression"
      ? this.of(call.callee.object as Syntax)
      : 0;
    return values.reduce((all, arg) => all | this.of(arg), receiver);
  }
}

/** Whether a variable is only ever a number, a text or the like. */
function isPlainValue({ references }: Variable): boolean {
  return references.every((reference) => {
    const { writeExpr } = reference as unknown as { writeExpr?: Syntax };
    return !writeExpr || /^(?:Literal|Binary|Unary|Update|Template|Await|Call|Arrow|Function)/
      .test(writeExpr.type);
  });
}
