/** How a group runs: its members one after the other, here or in another process, as one call. */

import { type Call, CallReader, encodeCall } from "./calls.ts";
import type { AnyFunction } from "./callable.ts";
import type { Definition } from "./definition.ts";
import type { Group, NodeRecord } from "./node.ts";
import { currentTry, runAsTry, type TryContext } from "./node_context.ts";
import {
  Environment,
  type Initialization,
  invoke,
  isPromiseLike,
  nestedNode,
  PhaseFailure,
} from "./node_host.ts";
import { isHandle } from "./handles.ts";
import type { PluginHooks } from "./plugin.ts";
import type { GroupProgram, Preparation } from "./protocol.ts";

/** What a program's numbers stand for. */
export type Known = Definition | AnyFunction | PluginHooks;

/** What a group is to be written with. */
export interface ProgramParts {
  /** The number of a member's function. */
  idOf(member: NodeRecord): number;
  /** What prepares a member's environment. */
  preparationOf(member: NodeRecord): Preparation | undefined;
}

/** Writes down what a group does. */
export function writeProgram(group: Group, parts: ProgramParts): GroupProgram {
  const { members, wires, given, inputs, inputOffsets, instances, exits } = group;
  const calls: unknown[] = [];
  const preparations = new Map<number, Preparation>();
  members.forEach((member, at) => {
    const node = given + at;
    const head = { node, id: parts.idOf(member), instance: instances[at], isWanted: false };
    const from = inputOffsets[at];
    encodeCall(calls, head, wires[at].args, { inputs, from, isInline: () => false, values: [] });
    const preparation = parts.preparationOf(member);
    if (preparation) preparations.set(node, preparation);
  });
  return { given, calls, preparations, exits, freed: readFreed(group) };
}

/** For each member, the values that nobody needs once it has run. */
function readFreed(group: Group): number[][] {
  const { members, given, inputs, inputOffsets, instances, exits } = group;
  const lastReaders = members.map((_, at) => at);
  members.forEach((_, at) => {
    const read = [...inputs.subarray(inputOffsets[at], inputOffsets[at + 1]), instances[at]];
    for (const number of read) if (number >= given) lastReaders[number - given] = at;
  });
  const kept = new Set(exits.map(({ number }) => number));
  const freed: number[][] = members.map(() => []);
  lastReaders.forEach((reader, at) => {
    if (!kept.has(given + at)) freed[reader].push(given + at);
  });
  return freed;
}

/**
 * Runs a program on the values that it is given: synchronous members pass through without a promise.
 *
 * @throws {PhaseFailure} What a member threw, and which one it was.
 */
export function runProgram(
  program: GroupProgram,
  known: (id: number) => Known,
  given: readonly unknown[],
): unknown {
  return new ProgramRun(program, known, given).start();
}

class ProgramRun {
  readonly #program: GroupProgram;
  readonly #known: (id: number) => Known;
  readonly #values: Map<number, unknown>;
  readonly #calls: CallReader;
  readonly #context: TryContext | undefined;

  constructor(program: GroupProgram, known: (id: number) => Known, given: readonly unknown[]) {
    this.#program = program;
    this.#known = known;
    this.#values = new Map(given.entries());
    this.#calls = new CallReader(program.calls);
    this.#context = currentTry();
  }

  start(): unknown {
    for (let call = this.#calls.next(); call; call = this.#calls.next()) {
      const outcome = this.#run(call);
      if (isPromiseLike(outcome)) return this.#goOn(call, outcome);
      this.#keep(call, outcome);
    }
    return this.#result();
  }

  /** From the first member on that there is something to wait for. */
  async #goOn(first: Call, outcome: PromiseLike<unknown>): Promise<unknown> {
    this.#keep(first, await this.#wait(first, outcome));
    for (let call = this.#calls.next(); call; call = this.#calls.next()) {
      const outcome = this.#run(call);
      this.#keep(call, isPromiseLike(outcome) ? await this.#wait(call, outcome) : outcome);
    }
    return this.#result();
  }

  async #wait(call: Call, outcome: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await outcome;
    } catch (error) {
      throw this.#failure(call, error);
    }
  }

  #run(call: Call): unknown {
    const context = this.#context;
    // Nobody waits for the group any more: its other members are not to begin.
    if (context?.over) throw context.over.reason;
    try {
      // What follows something that was waited for is still part of the group's try.
      return context ? runAsTry(context, () => this.#call(call)) : this.#call(call);
    } catch (error) {
      throw this.#failure(call, error);
    }
  }

  #call(call: Call): unknown {
    const known = this.#known(call.id) as Definition | AnyFunction;
    let args: unknown[];
    try {
      args = call.args(this.#values);
    } catch (error) {
      throw new PhaseFailure("arguments", error);
    }
    const receiver = call.instance < 0 ? undefined : this.#values.get(call.instance);
    const action = () =>
      typeof known === "function" ? known(...args) : invoke(known, undefined, receiver, args);
    const preparation = this.#program.preparations.get(call.node);
    if (!preparation) return action();
    const initializations = preparation.plugins.map(({ id, data }): Initialization => ({
      hooks: this.#known(id) as PluginHooks,
      data,
    }));
    const environment = new Environment();
    this.#context?.enter(environment);
    return environment.run(preparation.node, initializations, action);
  }

  #keep(call: Call, value: unknown): void {
    if (isHandle(value)) throw this.#failure(call, nestedNode());
    this.#values.set(call.node, value);
    for (const number of this.#program.freed[this.#at(call)]) this.#values.delete(number);
  }

  #failure(call: Call, error: unknown): PhaseFailure {
    const at = this.#at(call);
    if (!(error instanceof PhaseFailure)) return new PhaseFailure("run", error, [at]);
    return new PhaseFailure(error.phase, error.error, [at, ...error.members]);
  }

  #at({ node }: Call): number {
    return node - this.#program.given;
  }

  #result(): unknown {
    const { exits } = this.#program;
    if (exits.length <= 1) {
      return exits.length === 0 ? undefined : this.#values.get(exits[0].number);
    }
    const result = {};
    for (const { key, number } of exits) {
      // Defined, not assigned, as a name may be `__proto__`.
      Object.defineProperty(result, key, {
        value: this.#values.get(number),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return result;
  }
}
