/** Who takes the requests of a storage on Ray: in a run on a cluster the run's driver, elsewhere a job of its own. */

import { setTimeout as delay } from "node:timers/promises";
import type { PlaceRequest } from "./_ray_messages.ts";
import { areRepeatable, packRequests, unpackAnswers } from "./_ray_messages.ts";
import type { PlaceLink } from "./_ray_objects.ts";
import type { PlaceSetup } from "./ray.ts";

/** What the program that carries out a run on a cluster has for storages, by this symbol of the global object. */
const PLACES = Symbol.for("functionfuse.places");

type Stored =
  | { readonly answer: Uint8Array }
  | { readonly problem: string; readonly isGone: boolean };

type AskDriver = (
  place: { readonly path: string; readonly options: RayOptions },
  message: Uint8Array,
) => Promise<Stored>;

/** What Ray calls what an actor needs. */
interface RayOptions {
  readonly num_cpus?: number;
  readonly num_gpus?: number;
  readonly memory?: number;
  readonly resources?: Readonly<Record<string, number>>;
}

/** A machine that has just died counts as alive for a moment. */
const PAUSES_MS = [0, 1_000, 3_000, 5_000];

/** The link to a place; nothing is done before something is asked. */
export function linkTo(setup: PlaceSetup): PlaceLink {
  let session: Promise<PlaceLink> | undefined;
  return {
    async ask(requests) {
      const askDriver = (globalThis as { [PLACES]?: AskDriver })[PLACES];
      if (askDriver) return await askByDriver(askDriver, setup, requests);
      session ??= import("./_ray_session.ts").then(({ PlaceSession }) => new PlaceSession(setup));
      return await (await session).ask(requests);
    },
  };
}

async function askByDriver(
  ask: AskDriver,
  { path, remoteArgs }: PlaceSetup,
  requests: readonly PlaceRequest[],
): Promise<(() => unknown)[]> {
  const { numCpus, numGpus, memory, resources } = remoteArgs;
  const place = {
    path,
    options: {
      ...(numCpus && { num_cpus: numCpus }),
      ...(numGpus && { num_gpus: numGpus }),
      ...(memory && { memory: Math.ceil(memory) }),
      resources,
    },
  };
  const message = packRequests(requests);
  let stored = await ask(place, message);
  // What has died is started again by the next request.
  for (const pauseMs of areRepeatable(requests) ? PAUSES_MS : []) {
    if ("answer" in stored || !stored.isGone) break;
    await delay(pauseMs);
    stored = await ask(place, message);
  }
  if ("problem" in stored) throw new Error(stored.problem);
  return unpackAnswers(stored.answer);
}
