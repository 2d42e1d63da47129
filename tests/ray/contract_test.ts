import process from "node:process";
import { after, describe } from "node:test";
import { testBackend } from "../contract/backend.ts";
import { testEdits } from "../contract/edits.ts";
import { RayCluster, skipWithoutRay } from "../support/ray_cluster.ts";
import { DirectDrivers, DirectRayWorkflow } from "../support/ray_direct.ts";

const drivers = new DirectDrivers(() => RayCluster.shared());
const make = (
  targets: ConstructorParameters<typeof DirectRayWorkflow>[0],
  options: object = {},
) => new DirectRayWorkflow(targets, drivers, { workflowName: "test", ...options });

describe("A cluster of Ray", { skip: skipWithoutRay() }, () => {
  after(() => drivers.stop());
  testBackend("Ray", make, { isRemote: true, randomRuns: 5, parityStep: 20 });
  if (process.env.CI === "true") testEdits("Ray", make, { isRemote: true, numRuns: 3 });
});
