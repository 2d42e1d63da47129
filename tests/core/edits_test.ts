import { LocalWorkflow, ParallelWorkflow } from "functionfuse";
import { testEdits } from "../contract/edits.ts";

testEdits(
  "LocalWorkflow",
  (targets, options) => new LocalWorkflow(targets, { workflowName: "test", ...options }),
  { isRemote: false, numRuns: 150 },
);

testEdits(
  "ParallelWorkflow with 2 threads",
  (targets, options) =>
    new ParallelWorkflow(targets, { workflowName: "test", workers: 2, ...options }),
  { isRemote: true, numRuns: 20 },
);

testEdits(
  "ParallelWorkflow with 2 processes",
  (targets, options) =>
    new ParallelWorkflow(targets, {
      workflowName: "test",
      workers: 2,
      isolation: "process",
      ...options,
    }),
  { isRemote: true, numRuns: 8 },
);
