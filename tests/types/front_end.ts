/**
 * Compile-time cases of the front end: this file is checked, never run. Every line below a `@ts-expect-error` must be
 * refused by the compiler, and every other line accepted.
 */

import {
  type Actor,
  type Arg,
  type Item,
  LocalWorkflow,
  type Node,
  setName,
  task,
  workflow,
} from "functionfuse";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;
function expectType<T extends true>(): void {
  void (undefined as unknown as T);
}

const sum = workflow(function sum(a: number, b: number) {
  return a + b;
});
const load = task(async function load(path: string) {
  await Promise.resolve(path);
  return {
    X: [[1, 2], [3, 4]],
    y: new Float64Array(2),
    meta: { path, size: 2 as number | undefined },
  };
});
const pair = workflow(function pair(a: number, b: string): [number, string] {
  return [a, b];
});
const mean = workflow(
  "mean",
  (values: number[], weights?: number[]) => values.length + (weights?.length ?? 0),
);
const identity = workflow(function identity<T>(value: T): T {
  return value;
});
const concat = workflow(function concat(...parts: string[]) {
  return parts.join("");
});

export function nodesAndArguments(): void {
  const three = sum(1, 2);
  expectType<Equal<typeof three, Node<number>>>();
  sum(three, sum(1, three)).setName("named").setName("again");
  setName(three, "three");
  expectType<Equal<ReturnType<typeof setName<typeof three>>, Node<number>>>();

  // @ts-expect-error A wrong value
  sum("1", 2);
  // @ts-expect-error Too few arguments
  sum(1);
  // @ts-expect-error Too many arguments
  sum(1, 2, 3);
  // @ts-expect-error A node of the wrong type
  sum(load("x"), 1);
  // @ts-expect-error A name is a text
  three.setName(3);
  // @ts-expect-error A node is no number
  const value: number = three;
  // @ts-expect-error Not a node
  setName(3, "three");

  concat("a", pair(1, "b")[1]);
  // @ts-expect-error A rest argument of the wrong type
  concat("a", three);

  mean([three, 4, sum(1, 1)]);
  mean([three], [1]);
  // @ts-expect-error A wrong element
  mean([three, "4"]);
  void value;
}

export function asynchronousFunctions(): void {
  const data = load("digits.csv");
  expectType<
    Equal<
      typeof data,
      Node<{
        X: number[][];
        y: Float64Array<ArrayBuffer>;
        meta: { path: string; size: number | undefined };
      }>
    >
  >();
  const total: Arg<number> = sum(data.X[0][1], data.y[0]);
  concat(data.meta.path);
  const { X, y } = data;
  expectType<Equal<typeof X, Item<number[][]>>>();
  mean(X[0]);
  identity(y);
  // @ts-expect-error An item that is not there
  void data.Z;
  // @ts-expect-error An item deeper down that is not there
  void data.meta.name;
  // @ts-expect-error May be undefined
  sum(data.meta.size, 1);
  // @ts-expect-error An item is not named
  data.X.setName("X");
  // @ts-expect-error Methods of a value are no items
  data.X.map((row: number[]) => row);
  // @ts-expect-error A wrong key
  data.item("Z");
  mean(data.item("X").item(0));
  void total;
}

export function tuplesAndDestructuring(): void {
  const both = pair(1, "x");
  const [n, s] = both;
  expectType<Equal<typeof n, Item<number>>>();
  expectType<Equal<typeof s, Item<string>>>();
  sum(n, both[0]);
  // @ts-expect-error The wrong half
  sum(s, 1);
  // The compiler knows a tuple's length only of the tuple itself, so a third part is not refused but has no use.
  // @ts-expect-error Neither a number nor a text
  sum(both[2], 1);
  // @ts-expect-error A node is no array
  both.map((x: unknown) => x);
  const [first] = load("x").X;
  mean(first);
}

export function generics(): void {
  const text = identity("x");
  concat(text);
  const list = identity([1, 2]);
  mean(list);
  const same = identity(sum(1, 2));
  sum(same, 1);
  // @ts-expect-error The generic's type is kept
  sum(text, 1);
}

class Accumulator {
  #total: number;
  label = "sum";
  constructor(start: number, readonly step = 1) {
    this.#total = start;
  }
  add(n: number): number {
    return this.#total += n * this.step;
  }
  async both(n: number): Promise<[number, number]> {
    await Promise.resolve();
    return [this.#total, n];
  }
}
const Counter = workflow(Accumulator);

export function classes(): void {
  const counter = new Counter(sum(1, 2));
  const other = Counter(1, 2).setName("counter");
  expectType<Equal<typeof counter, Actor<Accumulator>>>();
  sum(counter.add(3), other.add(counter.add(1)));
  const [total] = counter.both(1);
  sum(total, 1);
  // @ts-expect-error A wrong constructor argument
  new Counter("1");
  // @ts-expect-error A method that is not there
  counter.subtract(1);
  // @ts-expect-error A wrong argument of a method
  counter.add("1");
  // @ts-expect-error Fields of an instance can't be read
  void counter.label;
  // @ts-expect-error An instance is no value
  sum(counter, 1);
}

@workflow
class Decorated {
  constructor(readonly start: number) {}
  get() {
    return this.start;
  }
}

export async function backends(): Promise<void> {
  const one = await new LocalWorkflow(sum(1, 2), { workflowName: "one" }).run();
  expectType<Equal<typeof one, number>>();
  const many = await new LocalWorkflow([sum(1, 2), pair(1, "x")[1]], { workflowName: "many" })
    .run();
  expectType<Equal<typeof many, [number, string]>>();
  const list: Node<number>[] = [];
  const values = await new LocalWorkflow(list, { workflowName: "list" }).run();
  expectType<Equal<typeof values, number[]>>();
  const instance = await new LocalWorkflow(new Counter(1), { workflowName: "instance" }).run();
  expectType<Equal<typeof instance, Accumulator>>();
  new LocalWorkflow(sum(1, 2), { workflowName: "x" }).query("a").setRemoteArgs({ numCpus: 1 })
    .setStored(false);
  // @ts-expect-error No target
  new LocalWorkflow(3, { workflowName: "x" });
  // @ts-expect-error No name
  new LocalWorkflow(sum(1, 2), {});
  // @ts-expect-error An unknown setting
  new LocalWorkflow(sum(1, 2), { workflowName: "x" }).query("a").setRemoteArgs({ cpus: 1 });
  void Decorated;
}

export function wrongDirectives(): void {
  // @ts-expect-error Not a function
  workflow(3);
  // @ts-expect-error Not a function
  workflow("name", 3);
}
