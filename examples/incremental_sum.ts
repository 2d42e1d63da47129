/** A class: its constructor and each call of a method are nodes, and the calls run in the order in which they stand here. */

import { workflow } from "functionfuse";

const IncrementalSum = workflow(
  class IncrementalSum {
    constructor(private total: number) {}

    add(n: number) {
      this.total += n;
      return this.total;
    }
  },
);

const minus = workflow(function minus(a: number, b: number) {
  return a - b;
});

const one = minus(4, 3).setName("four_minus_three");
const incrementalSum = new IncrementalSum(one).setName("IncrementalSum");

const two = minus(3, one).setName("three_minus_one");
incrementalSum.add(two).setName("one_plus_two");
incrementalSum.add(two).setName("three_plus_two");
const six = incrementalSum.add(one).setName("five_plus_one");

export default minus(six, 2).setName("six_minus_two");
