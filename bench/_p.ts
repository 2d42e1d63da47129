import { LocalWorkflow, ParallelWorkflow, workflow } from "functionfuse";
const inc = workflow(function inc(n: number) {
  return n + 1;
});
const spin = workflow(function spin(ms: number) {
  const end = performance.now() + ms;
  let x = 0;
  while (performance.now() < end) x++;
  return ms;
});
const mk = workflow(function mk(n: number) {
  return new Float64Array(n).fill(1);
});
const two = workflow(function two(a: Float64Array, b: Float64Array) {
  return a.length + b.length + a[5];
});
const which = (globalThis as any).process.argv[2];
async function time(name: string, f: () => Promise<unknown>) {
  (globalThis as any).T0 = performance.now();
  const t = performance.now();
  const v = await f();
  console.log(name, (performance.now() - t).toFixed(1), "ms", String(v).slice(0, 30));
  return performance.now() - t;
}
const o = { workflowName: "b", workers: 2 };
if (which === "one") {
  await time("one", () => new ParallelWorkflow(inc(1), o).run());
  await time("one again", () => new ParallelWorkflow(inc(1), o).run());
}
if (which === "fan") {
  for (let r = 0; r < 3; r++) {
    await time(
      "fan",
      () => new ParallelWorkflow(Array.from({ length: 50000 }, (_, i) => inc(i)), o).run(),
    );
  }
}
if (which === "chain") {
  for (let r = 0; r < 3; r++) {
    let n = inc(0);
    for (let i = 1; i < 50000; i++) n = inc(n);
    await time("chain", () => new ParallelWorkflow(n, o).run());
  }
}
if (which === "cpu") {
  for (let r = 0; r < 3; r++) {
    const g = () => Array.from({ length: 40 }, (_) => spin(20));
    await time("local", () => new LocalWorkflow(g(), o).run());
    await time("par", () => new ParallelWorkflow(g(), o).run());
  }
}
if (which === "arrays") {
  for (let r = 0; r < 3; r++) {
    const N = 8 << 20;
    await time("local", () => new LocalWorkflow(two(mk(N), mk(N)), o).run());
    await time("par", () => new ParallelWorkflow(two(mk(N), mk(N)), o).run());
  }
}
if (which === "million") {
  const shape = (globalThis as any).process.argv[3];
  let t: any;
  const t0 = performance.now();
  if (shape === "chain") {
    t = inc(0);
    for (let i = 1; i < 1e6; i++) t = inc(t);
  } else {
    const all = Array.from({ length: 1e6 }, (_, i) => inc(i));
    t = all;
  }
  console.log("built", performance.now() - t0);
  await time(shape, () => new ParallelWorkflow(t, o).run());
  console.log("peak MB", (globalThis as any).process.resourceUsage().maxRSS / 1024);
}
