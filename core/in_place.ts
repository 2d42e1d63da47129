/** Runs nodes in the process of the host, one at a time. */

import { fillArguments } from "./arguments.ts";
import { argsOf, type Graph, settingsOf } from "./graph.ts";
import { type Known, runProgram, writeProgram } from "./groups.ts";
import { type Initializations, nodeInfo } from "./initializers.ts";
import type { Group, NodeRecord } from "./node.ts";
import { runAsTry, TryContext } from "./node_context.ts";
import { Environment, invoke, isPromiseLike, PhaseFailure } from "./node_host.ts";

/** Carries out nodes here and now; a synchronous one without a promise or a microtask. */
export class InPlace {
  readonly #graph: Graph;
  readonly #initializations: Initializations;
  readonly #waiting = new Map<number, TryContext>();
  readonly #groups = new Map<Group, GroupFunction>();

  constructor(graph: Graph, initializations: Initializations) {
    this.#graph = graph;
    this.#initializations = initializations;
  }

  /** Gives the node's value or a promise of it. */
  execute(i: number, values: readonly unknown[]): unknown {
    const graph = this.#graph;
    const node = graph.nodes[i];
    const { definition } = node;
    const args = fillFrom(graph, i, values);
    const instance = graph.instances[i];
    const receiver = instance < 0 ? undefined : values[instance];
    const plugins = this.#initializations.size > 0 ? this.#initializations.get(node) : undefined;
    const context = new TryContext();
    const fn = definition.kind === "group"
      ? this.#functionOf(definition)
      : settingsOf(graph, i)?.replacement?.fn;
    const action = () => invoke(definition, fn, receiver, args);
    const environment = plugins && new Environment();
    if (environment) context.enter(environment);
    const outcome = runAsTry(
      context,
      environment ? () => environment.run(nodeInfo(node), plugins!, action) : action,
    );
    if (!isPromiseLike(outcome)) return outcome;
    // As a promise: what a thenable does when it is asked for its value, it is to do once.
    const promise = Promise.resolve(outcome);
    this.#wait(i, context, promise);
    return promise;
  }

  /**
   * Ends the waiting for a node. It can't be stopped here, but its signal tells it, and the next one gets the environment
   * that it should.
   */
  abandon(i: number, reason: unknown): void {
    const context = this.#waiting.get(i);
    if (!context) return;
    this.#waiting.delete(i);
    context.abort(reason);
    context.leave();
  }

  /** Ends the waiting for all nodes. */
  cancel(reason: unknown): void {
    for (const i of [...this.#waiting.keys()]) this.abandon(i, reason);
  }

  #wait(i: number, context: TryContext, outcome: Promise<unknown>): void {
    this.#waiting.set(i, context);
    const forget = () => {
      if (this.#waiting.get(i) === context) this.#waiting.delete(i);
    };
    outcome.then(forget, forget);
  }

  /** What runs a group's members. */
  #functionOf(group: Group): GroupFunction {
    let run = this.#groups.get(group);
    if (!run) this.#groups.set(group, run = this.#makeFunction(group));
    return run;
  }

  #makeFunction(group: Group): GroupFunction {
    const known: Known[] = [];
    const { settings } = this.#graph;
    const callee = (member: NodeRecord): Known => {
      if (member.definition.kind === "group") return this.#functionOf(member.definition);
      return settings.get(member)?.replacement?.fn ?? member.definition;
    };
    const program = writeProgram(group, {
      idOf: (member) => known.push(callee(member)) - 1,
      preparationOf: (member) => {
        const plugins = this.#initializations.get(member)
          ?.map(({ hooks, data }) => ({ id: known.push(hooks) - 1, data }));
        return plugins && { node: nodeInfo(member), plugins };
      },
    });
    return (...given) => runProgram(program, (id) => known[id], given);
  }
}

type GroupFunction = (...given: readonly unknown[]) => unknown;

function fillFrom(
  graph: Graph,
  i: number,
  values: readonly unknown[],
): readonly unknown[] {
  const captured = argsOf(graph, i);
  const from = graph.inputOffsets[i];
  if (from === graph.inputOffsets[i + 1]) return captured;
  try {
    return fillArguments(captured, values, graph.inputs, from);
  } catch (error) {
    throw new PhaseFailure("arguments", error);
  }
}
