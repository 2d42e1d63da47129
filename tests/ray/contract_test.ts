import { after, describe } from "node:test";
import { testBackend } from "../contract/backend.ts";
import { testEdits } from "../contract/edits.ts";
import { RayCluster } from "../support/ray_cluster.ts";
import { DirectDrivers, type DirectRayWorkflow, skipDirect } from "../support/ray_direct.ts";

const drivers = new DirectDrivers(() => RayCluster.shared());
const make = (...args: Parameters<typeof drivers.workflow>): DirectRayWorkflow =>
  drivers.workflow(...args);

describe("A cluster of Ray", { skip: skipDirect() }, () => {
  after(() => drivers.stop());
  testBackend("Ray", make, { isRemote: true, randomRuns: 5, parityStep: 20 });
  testEdits("Ray", make, { isRemote: true, numRuns: 2 });
});
