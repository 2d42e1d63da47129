/** What a piece of code may read and change when it is evaluated, as far as its own text shows. */

import { Aliases, MAYBE } from "./_aliases.ts";
import { type Graph, itemsOf, memberAt, useAt } from "./_graph.ts";
import { isFunctionSyntax, type Module, type Use } from "./_module.ts";
import { type Call, chainOf } from "./_notes.ts";
import { keyOf, type Meaning, type Project } from "./_project.ts";
import {
  type Called,
  callOf,
  childrenOf,
  GLOBALS,
  isHarmlessImport,
  isLocalFunction,
  type Mode,
  OUTSIDE,
  SHARED,
  type Summary,
  UNSHARED,
} from "./_summary.ts";
import { isSyntax, type Syntax } from "./_syntax.ts";
import {
  classMembers,
  isCollection,
  isConstant,
  isHarmless,
  isPlain,
  isReadingName,
  usesThis,
} from "./_values.ts";

/** Reads one piece of code: a statement or declarator, or a function. */
export class Summarizer implements Summary {
  readonly keys: Set<string> = new Set();
  readonly changed: Set<string> = new Set();
  readonly calls: Called[] = [];
  changes = false;
  changesGiven = false;
  readonly #project: Project;
  readonly #graph: Graph;
  readonly #module: Module;
  readonly #root: Syntax;
  readonly #aliases: Aliases;

  constructor(project: Project, graph: Graph, module: Module, root: Syntax) {
    this.#project = project;
    this.#graph = graph;
    this.#module = module;
    this.#root = root;
    this.#aliases = new Aliases(project, graph, module, root);
  }

  /** Of a function, what calling it does; of all else, what evaluating it does. */
  read(isCalled: boolean): this {
    if (!isCalled) this.#readGlobalCall();
    this.#visit(this.#root, { isLive: true, isRun: isCalled });
    return this;
  }

  #visit(node: Syntax, mode: Mode): void {
    if (isFunctionSyntax(node)) return this.#visitFunction(node, mode);
    switch (node.type) {
      case "CallExpression":
      case "NewExpression":
      case "TaggedTemplateExpression":
        return this.#visitCall(node, mode);
      case "AssignmentExpression":
        this.#change(node.left, mode);
        break;
      case "ForInStatement":
      case "ForOfStatement":
        if ((node.left as Syntax).type !== "VariableDeclaration") this.#change(node.left, mode);
        break;
      case "UpdateExpression":
        this.#change(node.argument, mode);
        break;
      case "UnaryExpression":
        if (node.operator === "delete") this.#change(node.argument, mode);
        break;
      case "Identifier":
        this.#name(node, mode);
        break;
    }
    for (const child of childrenOf(node)) this.#visit(child, mode);
  }

  #visitFunction(node: Syntax, mode: Mode): void {
    const inner = { isLive: mode.isRun, isRun: mode.isRun };
    if (!node.type.startsWith("Class")) {
      for (const child of childrenOf(node)) this.#visit(child, inner);
      return;
    }
    const evaluated = { isLive: mode.isLive, isRun: true };
    if (isSyntax(node.superClass)) this.#visitDecorators(node.superClass, evaluated);
    for (const member of classMembers(node)) {
      if (isSyntax(member.key)) this.#visitDecorators(member.key, evaluated);
      if (member.type === "StaticBlock") this.#visit(member, evaluated);
      if (!isSyntax(member.value)) continue;
      const isStatic = member.static && member.type !== "MethodDefinition";
      this.#visit(member.value, isStatic ? mode : inner);
    }
  }

  /** A key or a class that is extended, with its decorators, which are called. */
  #visitDecorators(node: Syntax, mode: Mode): void {
    const decorators = node.decorators as Syntax[] | undefined;
    for (const own of decorators ?? []) {
      this.#visit(own, mode);
      const [module, value] = memberAt(this.#project, this.#module, own) ?? [];
      if (!this.#graph.has(this.#module, own) && !(module && isFunctionSyntax(value))) {
        this.changes ||= mode.isLive;
      }
    }
    const base = decorators ? node.base : node;
    if (isSyntax(base)) this.#visit(base, mode);
  }

  #visitCall(node: Syntax, mode: Mode): void {
    const call = callOf(node);
    const run = { ...mode, isRun: true };
    if (this.#graph.has(this.#module, node)) {
      this.#visit(call.callee, mode);
      for (const arg of call.args) this.#visitTaken(arg, run);
      return;
    }
    for (const arg of call.args) {
      if (isFunctionSyntax(arg)) this.#aliases.givenTo.set(arg, call);
    }
    const callee = this.#resolve(call);
    if (callee) {
      const given = call.args.reduce((all, arg) => all | this.#aliases.of(arg), 0);
      this.calls.push({ ...callee, given, isLive: mode.isLive });
      this.#nameRoot(call.callee, mode);
    } else {
      if (mode.isLive) this.#noteCall(call);
      this.#visit(call.callee, run);
    }
    for (const arg of call.args) this.#visit(arg, run);
  }

  #noteCall(call: Call): void {
    const flags = this.#changedBy(call);
    this.#note(flags);
    if (!(flags & MAYBE)) return;
    const roots = [call.callee, ...call.args].map((node) => chainOf(node)?.root);
    for (const root of roots) {
      const meaning = root && this.#meaningOf(root)?.meaning;
      const items = meaning ? itemsOf(meaning) : [];
      if (items.some((item) => !isPlain(item) && !isConstant(item))) {
        if (!this.#graph.has(this.#module, root)) {
          this.changed.add(keyOf(meaning as Meaning & { kind: "binding" }));
        }
      }
    }
  }

  /** What this library is given: it neither calls nor changes it while a graph is built. */
  #visitTaken(node: Syntax, mode: Mode): void {
    if (node.type === "Identifier" || isFunctionSyntax(node)) return;
    const isOwn = /^(?:Call|New|TaggedTemplate|Assignment|Update)Expression$/.test(node.type) ||
      node.operator === "delete";
    if (isOwn) return this.#visit(node, mode);
    for (const child of childrenOf(node)) this.#visitTaken(child, mode);
  }

  /** The function that a call calls, if its text is known and says all. */
  #resolve({ callee }: Call): { module: Module; node: Syntax } | undefined {
    const found = memberAt(this.#project, this.#module, callee);
    if (!found) return undefined;
    const [module, node] = found;
    const { meaning } = this.#meaningOf(callee)!;
    const isItem = itemsOf(meaning).some(({ value }) => value === node);
    if (isItem ? !itemsOf(meaning).every(isPlain) : usesThis(node)) return undefined;
    return isFunctionSyntax(node) ? { module, node } : undefined;
  }

  /** What a call may change whose function's text is not known. */
  #changedBy({ node, callee, args }: Call): number {
    const given = () => args.reduce((all, arg) => all | this.#aliases.of(arg), 0);
    if (callee.type === "Import" || callee.type === "Super" || isFunctionSyntax(callee)) return 0;
    if (callee.type !== "Identifier" && callee.type !== "MemberExpression") {
      return callee.type === "ChainExpression" ? MAYBE : this.#aliases.of(callee) | given();
    }
    const found = this.#meaningOf(callee);
    if (found && !found.use.variable) return isHarmless(callee) ? 0 : this.#given(args);
    const kind = found?.meaning.kind;
    if (found && found.use.variable!.scope.type === "module") {
      if (kind === "library") return 0;
      if (kind === "nothing") return isHarmlessImport(this.#module, found.use) ? 0 : given();
      if (kind === "package") {
        const isStatement = /^(?:Expression|Await)/.test(this.#root.type) &&
          (node === this.#root.expression || node === (this.#root.expression as Syntax)?.argument);
        if (isStatement) this.keys.add(keyOf(found.meaning as Meaning & { kind: "package" }));
        return isStatement ? MAYBE : given();
      }
    }
    if (callee.type === "Identifier") {
      const isTop = found!.use.variable!.scope.type === "module";
      return isTop || !isLocalFunction(found!.use.variable!) ? MAYBE : 0;
    }
    const name = chainOf(callee)?.path.at(-1) ?? (callee.property as Syntax).name as string;
    if (isReadingName(name) && !callee.computed && this.#isRuntimes(callee, found)) return 0;
    const object = callee.object as Syntax;
    return this.#aliases.isInstance(object) ? 0 : this.#aliases.of(object, true) | given();
  }

  /** A global function may change objects of all, too. */
  #given(args: readonly Syntax[]): number {
    for (const arg of args) {
      const root = chainOf(arg)?.root;
      const isOwn = !root || root.name === "undefined" || useAt(this.#module, root)?.variable;
      if (!isOwn && arg === args[0]) return this.#changeGlobals();
    }
    return args.reduce((all, arg) => all | this.#aliases.of(arg, arg === args[0]), 0);
  }

  /** Whether the value that a method is called of is the runtime's own, as far as is known. */
  #isRuntimes(callee: Syntax, found: { use: Use; meaning: Meaning } | undefined): boolean {
    if (found?.meaning.kind !== "binding") return true;
    return itemsOf(found.meaning).every(({ value }) => isCollection(value)) ||
      chainOf(callee)!.path.length > 1;
  }

  #change(target: unknown, { isLive }: Mode): void {
    if (!isSyntax(target) || !isLive) return;
    switch (target.type) {
      case "Identifier": {
        const found = this.#meaningOf(target);
        if (!found?.use.variable) this.#changeGlobals();
        else if (found.use.variable.scope.type === "module") this.#note(this.#changeNamed(target));
        return;
      }
      case "MemberExpression": {
        const chain = chainOf(target);
        if (chain && this.#isGlobal(chain.root)) {
          const name = [chain.root.name, ...chain.path].join(".");
          if (!UNSHARED.test(name)) this.#changeGlobals();
        } else {
          if (chain) this.#changeNamed(chain.root);
          this.#note(this.#aliases.of(target.object as Syntax, true));
        }
        return;
      }
      case "AssignmentPattern":
        return this.#change(target.left, { isLive, isRun: false });
      case "ArrayPattern":
      case "ObjectPattern":
      case "Property":
      case "RestElement":
        for (const child of childrenOf(target)) this.#change(child, { isLive, isRun: false });
    }
  }

  #note(flags: number): void {
    if (flags & MAYBE) this.changes = true;
    if (flags & ~MAYBE) this.changesGiven = true;
  }

  #changeGlobals(): number {
    this.keys.add(GLOBALS);
    return this.changes = true, MAYBE;
  }

  /** A statement that calls a method of a global. */
  #readGlobalCall(): void {
    let call = this.#root.type === "ExpressionStatement" && this.#root.expression as Syntax;
    if (call && call.type === "AwaitExpression") call = call.argument as Syntax;
    if (!call || call.type !== "CallExpression") return;
    const callee = call.callee as Syntax;
    const chain = chainOf(callee);
    const name = [chain?.root.name, ...chain?.path ?? []].join(".");
    if (!chain || chain.path.length === 0 || !this.#isGlobal(chain.root)) return;
    if (!isHarmless(callee) && !OUTSIDE.test(name)) this.#changeGlobals();
  }

  #isGlobal(root: Syntax): boolean {
    const found = this.#meaningOf(root);
    return found !== undefined &&
      (!found.use.variable || found.use.variable.scope.type === "module" &&
          found.meaning.kind === "nothing");
  }

  #meaningOf(node: Syntax): { use: Use; meaning: Meaning } | undefined {
    const root = chainOf(node)?.root;
    const use = root && useAt(this.#module, root);
    return use && { use, meaning: this.#project.meaning(this.#module, use) };
  }

  /** A variable that is changed, whatever it is. */
  #changeNamed(root: Syntax): number {
    const meaning = this.#meaningOf(root)?.meaning;
    if (meaning?.kind !== "binding" && meaning?.kind !== "package") return 0;
    if (meaning.kind === "binding" && itemsOf(meaning).every(isConstant)) return 0;
    this.keys.add(keyOf(meaning));
    this.changed.add(keyOf(meaning));
    return MAYBE;
  }

  #nameRoot(callee: Syntax, mode: Mode): void {
    const root = chainOf(callee)!.root;
    if (itemsOf(this.#meaningOf(root)!.meaning).some((item) => !isPlain(item))) {
      this.#name(root, mode);
    }
  }

  /** Notes a name that is used. */
  #name(node: Syntax, { isLive, isRun }: Mode): void {
    const found = this.#meaningOf(node);
    if (!found) return;
    const { use, meaning } = found;
    if (!use.variable && SHARED.test(use.name)) this.keys.add(GLOBALS);
    if (
      meaning.kind === "nothing" &&
      /process$/.test(this.#module.imports.get(use.name)?.specifier ?? "")
    ) {
      this.keys.add(GLOBALS);
    }
    const all = meaning.kind === "namespace" || meaning.kind === "whole"
      ? [...meaning.module.bindings.keys()]
      : [];
    for (const name of all) {
      const { module } = meaning as { module: Module };
      this.#nameBinding({ kind: "binding", module, name }, isLive && isRun);
    }
    if (meaning.kind === "binding") this.#nameBinding(meaning, isLive && isRun);
  }

  #nameBinding(meaning: Meaning & { kind: "binding" }, isLive: boolean): void {
    const { module } = meaning;
    for (const item of itemsOf(meaning)) {
      const { value } = item;
      if (isConstant(item) || this.#graph.has(module, value)) continue;
      if (isFunctionSyntax(value)) this.calls.push({ module, node: value!, given: MAYBE, isLive });
      if (!isPlain(item)) this.keys.add(keyOf(meaning));
    }
  }
}
