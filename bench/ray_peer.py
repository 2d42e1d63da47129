"""Python's side of bench/ray.ts: the same graphs of tasks that do nothing, and the same arrays, by Ray alone.

For each line of standard input, which names a graph, it writes how many milliseconds its run took, or what was handed over.
"""

import sys
import time

import numpy
import ray


@ray.remote
def one(n):
    return n


@ray.remote
def two(a, b):
    return a


@ray.remote
def fill(length):
    return numpy.full(length, 0.5)


@ray.remote
def make(length):
    values = numpy.full(length, 0.5)
    return values, time.time()


@ray.remote
def add(values):
    return values.sum()


@ray.remote
def measure(made):
    values, at = made
    return (time.time() - at) * 1000


def independent(count, _):
    return [one.remote(n) for n in range(count)]


def layers(count, width):
    layer = [one.remote(n) for n in range(width)]
    for _ in range(count // width - 1):
        layer = [two.remote(layer[n], layer[(n + 1) % width]) for n in range(width)]
    return layer


def filled(length, _):
    return add.remote(fill.remote(length))


def handed(length, _):
    return measure.remote(make.remote(length))


GRAPHS = {graph.__name__: graph for graph in (independent, layers, filled, handed)}


def main():
    ray.init(log_to_driver=False, logging_level="warning")
    for line in sys.stdin:
        name, *sizes = line.split()
        started = time.perf_counter()
        value = ray.get(GRAPHS[name](*map(int, sizes)))
        print(value if name == "handed" else (time.perf_counter() - started) * 1000, flush=True)


main()
