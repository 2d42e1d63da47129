/** What workers have to look up before they can run a graph's nodes, and which nodes they can't run at all. */

import { findUnsendable } from "./calls.ts";
import { type Origin, referenceTo } from "./carried.ts";
import { argsOf, type Graph, settingsOf } from "./graph.ts";
import { writeProgram } from "./groups.ts";
import { type Initializations, nodeInfo } from "./initializers.ts";
import { findUnmovable } from "./movable.ts";
import type { Group, NodeRecord } from "./node.ts";
import type { Plugin } from "./plugin.ts";
import type { LoadItem, LoadProblem, Preparation, ProgramItem } from "./protocol.ts";

/** Something that is looked up in a worker. */
interface Item {
  readonly id: number;
  /** What messages call it. */
  readonly title: string;
  /** Why no worker can have it. */
  problem: string | undefined;
  /** The source differs between the host and a worker. */
  isChanged: boolean;
}

const MOST_SHOWN = 5;
const ON_HOST = -1;
const UNKNOWN = -2;

/** Numbers functions and plugins of one graph. */
export class Loading {
  readonly #graph: Graph;
  readonly #initializations: Initializations;
  readonly #warn: (message: string) => void;
  readonly #items: Item[] = [];
  readonly #byThing = new Map<object, Item>();
  /** The nodes that run on the host whatever could be carried, and whether their readers were warned of. */
  readonly #onHost = new Set<number>();
  readonly #warned = new Set<string>();
  /** Of each node, the number of its function, as far as it was asked for. */
  readonly #ids: Int32Array;
  #hasChanged = false;
  /** What each worker is told to load. */
  readonly messages: (LoadItem | ProgramItem)[] = [];

  private constructor(graph: Graph, initializations: Initializations, warn: (m: string) => void) {
    this.#graph = graph;
    this.#ids = new Int32Array(graph.nodes.length).fill(UNKNOWN);
    this.#initializations = initializations;
    this.#warn = warn;
  }

  /** Looks at all nodes of a graph. */
  static async of(
    graph: Graph,
    initializations: Initializations,
    warn: (message: string) => void,
  ): Promise<Loading> {
    const loading = new Loading(graph, initializations, warn);
    await loading.#addAll();
    return loading;
  }

  async #addAll(): Promise<void> {
    const { nodes } = this.#graph;
    let latest: NodeRecord["definition"] | undefined;
    for (let i = 0; i < nodes.length; i++) {
      const { definition } = nodes[i];
      const isReplaced = settingsOf(this.#graph, i)?.replacement !== undefined;
      if (definition === latest && !isReplaced) continue;
      if (!isReplaced) latest = definition;
      await this.#addFunction(nodes[i]);
    }
    for (const plugins of this.#initializations.values()) {
      for (const { plugin } of plugins) {
        if (plugin.hooks.remoteInitialize) await this.#addPlugin(plugin);
      }
    }
    for (const { definition, name } of nodes) {
      if (definition.kind === "group") this.#addGroup(definition, name);
    }
    this.#warnOfProblems();
  }

  /** Adds what a node calls; of a group, what its members call. */
  async #addFunction(node: NodeRecord): Promise<void> {
    const { definition, name } = node;
    const replacement = this.#graph.settings.get(node)?.replacement;
    if (replacement) {
      await this.#add(replacement, `the function that replaces "${name}"`, replacement.origin);
    } else if (definition.kind === "group") {
      for (const member of definition.members) await this.#addFunction(member);
    } else await this.#add(definition, definition.name, definition.origin, definition.method);
  }

  /** Adds what a group does with that: after those that it has among its members. */
  #addGroup(group: Group, name: string): void {
    const item = this.#number(group, `the group "${name}"`);
    if (!item) return;
    group.members.forEach(({ definition, name }, at) => {
      if (definition.kind === "group") this.#addGroup(definition, name);
      const problem = findUnsendable(group.wires[at].args);
      if (problem !== undefined) {
        item.problem ??= `"${name}" is called with what can't be sent to a worker: ${problem}`;
      }
    });
    if (item.problem !== undefined) return;
    try {
      const program = writeProgram(group, {
        idOf: (member) => this.#itemOf(member).id,
        preparationOf: (member) => this.#preparationOf(member),
      });
      this.messages.push({ id: item.id, program });
    } catch (error) {
      item.problem = (error as Error).message;
    }
  }

  async #addPlugin(plugin: Plugin): Promise<void> {
    const title = `the plugin "${plugin.name}"`;
    const { origins, options } = plugin;
    if (!origins) {
      const item = this.#number(plugin, title);
      if (item) item.problem = "it was not made by definePlugin";
    } else if (findUnmovable(options) === undefined && origins.definition.module !== undefined) {
      await this.#add(plugin, title, origins.definition, undefined, options);
    } else await this.#add(plugin, title, origins.use);
  }

  async #add(
    thing: object,
    title: string,
    origin: Origin,
    method?: string,
    options?: unknown,
  ): Promise<void> {
    const item = this.#number(thing, title);
    if (!item) return;
    const reference = await referenceTo(origin);
    if (!reference) item.problem = "it is made in no module, but in a REPL or a notebook";
    else this.messages.push({ id: item.id, reference, method, options });
  }

  /** A new number, or `undefined` if it has one. */
  #number(thing: object, title: string): Item | undefined {
    if (this.#byThing.has(thing)) return undefined;
    const item = { id: this.#items.length, title, problem: undefined, isChanged: false };
    this.#items.push(item);
    this.#byThing.set(thing, item);
    return item;
  }

  /** Takes what a worker could not look up. */
  note(problems: readonly LoadProblem[]): void {
    for (const { id, kind, text } of problems) {
      this.#items[id].problem = text;
      this.#items[id].isChanged = kind === "changed";
      if (kind === "changed") this.#hasChanged = true;
    }
    if (problems.length > 0) this.#ids.fill(UNKNOWN);
    this.#warnOfProblems();
  }

  /** Nothing can be looked up, as there are no workers. */
  giveUp(): void {
    for (const item of this.#items) item.problem ??= "there are no workers";
    this.#ids.fill(UNKNOWN);
  }

  #warnOfProblems(): void {
    const stay = this.#items.filter((item) =>
      item.problem !== undefined && !item.isChanged && !this.#warned.has(item.title)
    );
    if (stay.length === 0) return;
    for (const { title } of stay) this.#warned.add(title);
    const shown = stay.slice(0, MOST_SHOWN).map(({ title, problem }) => `  - ${title}: ${problem}`);
    if (stay.length > MOST_SHOWN) shown.push(`  - and ${stay.length - MOST_SHOWN} more`);
    this.#warn(
      `These run on the host, one node at a time, as no worker can make them:\n${
        shown.join("\n")
      }\n` +
        `To run them in parallel, make them at the top level of a module that can be imported, before the first run().`,
    );
  }

  /** The number of a node's function, or `undefined` if it runs on the host. */
  idOf(i: number): number | undefined {
    const known = this.#ids[i];
    if (known !== UNKNOWN) return known === ON_HOST ? undefined : known;
    const id = this.#findId(i);
    this.#ids[i] = id ?? ON_HOST;
    return id;
  }

  #findId(i: number): number | undefined {
    if (this.#onHost.size > 0 && this.#onHost.has(this.#rootOf(i))) return undefined;
    const node = this.#graph.nodes[i];
    const isCarried = this.#itemsOf(node).every(({ problem, isChanged }) =>
      problem === undefined || isChanged
    );
    return isCarried ? this.#itemOf(node).id : undefined;
  }

  /** What has changed since the host imported it, if something a node needs has. */
  changedFor(i: number): string | undefined {
    if (!this.#hasChanged) return undefined;
    return this.#itemsOf(this.#graph.nodes[i]).find(({ isChanged }) => isChanged)?.problem;
  }

  #itemOf(node: NodeRecord): Item {
    return this.#byThing.get(this.#graph.settings.get(node)?.replacement ?? node.definition)!;
  }

  /** All that a node needs to be looked up. */
  #itemsOf(node: NodeRecord): Item[] {
    const plugins = (this.#initializations.get(node) ?? [])
      .filter(({ plugin }) => plugin.hooks.remoteInitialize)
      .map(({ plugin }) => this.#byThing.get(plugin)!);
    const { definition } = node;
    const members = definition.kind === "group"
      ? definition.members.flatMap((member) => this.#itemsOf(member))
      : [];
    return [this.#itemOf(node), ...plugins, ...members];
  }

  /** What a worker needs to prepare a node's environment, if it has one. */
  preparationOf(i: number): Preparation | undefined {
    return this.#initializations.size > 0 ? this.#preparationOf(this.#graph.nodes[i]) : undefined;
  }

  #preparationOf(node: NodeRecord): Preparation | undefined {
    const used = this.#initializations.get(node)
      ?.filter(({ plugin }) => plugin.hooks.remoteInitialize) ?? [];
    if (used.length === 0) return undefined;
    return {
      node: nodeInfo(node),
      plugins: used.map(({ plugin, data }) => {
        const problem = findUnmovable(data);
        if (problem !== undefined) {
          throw new TypeError(
            `What localInitialize of the plugin "${plugin.name}" gave for it can't be sent to a worker: ${
              problem.replace(/^value/, "data")
            }.`,
          );
        }
        return { id: this.#byThing.get(plugin)!.id, data };
      }),
    };
  }

  /** Whether a node's literal arguments can't be sent; then it runs on the host. */
  keepsArguments(i: number): boolean {
    const problem = findUnsendable(argsOf(this.#graph, i));
    if (problem === undefined) return false;
    this.keepOnHost(i, `it is called with what can't be sent to a worker: ${problem}`);
    return true;
  }

  /** From now on a node, or the instance that it is a call of, runs on the host; says so once for each definition. */
  keepOnHost(i: number, why: string): void {
    this.follow(i);
    const { definition, name } = this.#graph.nodes[i];
    const title = definition.kind === "group" ? name : definition.name;
    if (this.#warned.has(title)) return;
    this.#warned.add(title);
    this.#warn(`"${name}" and what reads its value run on the host, one node at a time: ${why}.`);
  }

  /** From now on a node runs on the host, as what it reads is there and can't be sent. */
  follow(i: number): void {
    this.#onHost.add(this.#rootOf(i));
    this.#ids.fill(UNKNOWN);
  }

  #rootOf(i: number): number {
    const instance = this.#graph.instances[i];
    return instance < 0 ? i : instance;
  }
}
