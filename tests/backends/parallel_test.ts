import { ParallelWorkflow } from "functionfuse";
import { testBackend } from "../contract/backend.ts";
import { testReuse } from "../contract/reuse.ts";

for (const workers of [1, 2, 4]) {
  testBackend(
    `ParallelWorkflow with ${workers} ${workers === 1 ? "thread" : "threads"}`,
    (targets, options) =>
      new ParallelWorkflow(targets, { workflowName: "test", workers, ...options }),
    { isRemote: true, randomRuns: 20 },
  );
}

testBackend(
  "ParallelWorkflow with 2 processes",
  (targets, options) =>
    new ParallelWorkflow(targets, {
      workflowName: "test",
      workers: 2,
      isolation: "process",
      ...options,
    }),
  { isRemote: true, randomRuns: 10 },
);

testReuse(
  "ParallelWorkflow",
  (targets, options) =>
    new ParallelWorkflow(targets, { workflowName: "test", workers: 2, ...options }),
  15,
);
