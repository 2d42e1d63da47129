/** A storage on a machine of a Ray cluster. */

import { REMOTE_ARG_CHECKS, type RemoteArgs } from "../core/policy.ts";
import { linkTo } from "./_ray_links.ts";
import { RayObjects } from "./_ray_objects.ts";
import { TaskStorage, type TaskStorageOptions } from "./task_storage.ts";

/** Which machine keeps the results, by what it has. */
export type RayPlaceArgs = Pick<RemoteArgs, "numCpus" | "numGpus" | "memory" | "resources">;

/** Options of {@link RayStorage}. */
export interface RayStorageOptions extends TaskStorageOptions {
  /** The folder on the machine that keeps the results, as an absolute path; it is made when first written to. */
  path: string;
  /**
   * What designates that machine: amounts of resources that no other one of the cluster has, such as
   * `{ resources: { _disk: 0.001 } }`. They are taken while the storage is in use, so a small amount lets many use it.
   */
  remoteArgs: RayPlaceArgs;
  /**
   * For who is outside of the cluster: the address of its dashboard, such as `http://127.0.0.1:8265`. Default: the
   * environment's `RAY_API_SERVER_ADDRESS` or `RAY_ADDRESS`, or this machine's.
   */
  address?: string;
  /** The cluster's token. Default: that of `RAY_AUTH_TOKEN`, the file of `RAY_AUTH_TOKEN_PATH`, or `~/.ray/auth_token`. */
  token?: string;
  /** What else is sent with each request, such as what a login in front of the dashboard wants. Default: nothing. */
  headers?: Readonly<Record<string, string>>;
  /** Where that machine finds Deno: on its `"path"`, or by `"pip"`, which installs it for the job. Default: `"path"`. */
  deno?: "path" | "pip";
}

/** The same, checked. */
export interface PlaceSetup extends Pick<RayStorageOptions, "address" | "token" | "headers"> {
  readonly path: string;
  readonly remoteArgs: RayPlaceArgs;
  readonly deno: "path" | "pip";
}

const ARGS = ["numCpus", "numGpus", "memory", "resources"] as const;

/**
 * Keeps results in files of one machine of a Ray cluster, the one that has a designated resource; they are those of a
 * `FileStorage` there.
 *
 * A run on the cluster reads and writes them by way of Ray. Elsewhere, in a script or a notebook, what is asked of the
 * storage is done by a small job that runs on that machine, starts with the first question within seconds, and ends when
 * there has been none for ten seconds.
 *
 * @example
 * ```ts
 * import { storageFactory } from "functionfuse/storage";
 * import assert from "node:assert/strict";
 *
 * const storage = storageFactory({
 *   kind: "ray",
 *   options: {
 *     path: "/data/results",
 *     remoteArgs: { resources: { _disk: 0.001 } },
 *     address: "http://127.0.0.1:8265",
 *   },
 * });
 * // const model = await storage.readTask("classifier", "model");
 *
 * assert.equal(storage.location, "ray:/data/results?_disk=0.001");
 * ```
 */
export class RayStorage extends TaskStorage {
  /**
   * A storage on the machine that has what `remoteArgs` say; nothing is asked of the cluster before something is asked of
   * the storage.
   *
   * @throws {TypeError} If an option has a wrong value.
   */
  constructor(options: RayStorageOptions) {
    const { setup, location } = check(options);
    const { path, remoteArgs } = setup;
    const spec = { kind: "ray", options: { path, remoteArgs } };
    super(new RayObjects(location, spec, linkTo(setup)), options);
  }
}

/**
 * The options that a text such as `ray:/data/results?_disk=0.001` means: after the path, amounts of the resources that
 * designate the machine, or of `numCpus`, `numGpus` and `memory`; one without an amount means 0.001 of it. The dashboard may
 * be named too, as in `ray://host:8265/data/results?_disk` or by `address=https://host/path`.
 *
 * @throws {TypeError} If it is none.
 */
export function parseRayLocation(location: string): RayStorageOptions {
  const [, authority = "", rawPath, query = ""] =
    /^ray:(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/is.exec(location) ?? [];
  const resources: Record<string, number> = {};
  const args: Record<string, number> = {};
  let address = authority === "" ? undefined : authority;
  for (const [name, text] of new URLSearchParams(query)) {
    if (name === "address") address = text;
    else {
      const amount = text === "" ? SMALLEST_AMOUNT : Number(text);
      (ARGS.includes(name as never) ? args : resources)[name] = amount;
    }
  }
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    throw refused("path", "an absolute path, with % written as %25", rawPath);
  }
  return { path, remoteArgs: { ...args, resources }, ...(address !== undefined && { address }) };
}

const SMALLEST_AMOUNT = 0.001;

function check(options: RayStorageOptions): { setup: PlaceSetup; location: string } {
  const { path, remoteArgs, address, token, headers, deno = "path" } = options ?? {};
  if (typeof path !== "string" || !/^(\/|[a-z]:[\\/])/i.test(path) || path.includes("\0")) {
    throw refused("path", "an absolute path of the machine that keeps the results", path);
  }
  const { resources = {}, ...others } = typeof remoteArgs === "object" && remoteArgs || {};
  for (const [name, value] of Object.entries({ ...others, resources })) {
    const expected = ARGS.includes(name as never)
      ? REMOTE_ARG_CHECKS[name as keyof RayPlaceArgs](value)
      : `of ${ARGS.join(", ")} alone`;
    if (expected !== undefined) throw refused(`remoteArgs.${name}`, expected, value);
  }
  if (!Object.values(resources).some((amount) => amount > 0)) {
    throw refused(
      "remoteArgs",
      "what designates the machine, such as { resources: { _disk: 0.001 } }",
      remoteArgs,
    );
  }
  if (deno !== "path" && deno !== "pip") throw refused("deno", `"path" or "pip"`, deno);
  const known = new URLSearchParams(
    Object.entries({ ...others, ...resources }).map(([name, amount]) => [name, String(amount)]),
  );
  const location = `ray:${encodeURI(path).replaceAll("?", "%3F")}?${known}`;
  return {
    setup: { path, remoteArgs: { ...others, resources }, address, token, headers, deno },
    location,
  };
}

function refused(name: string, expected: string, value: unknown): TypeError {
  return new TypeError(
    `Cannot make a storage on Ray as '${name}' must be ${expected}: current value is ${
      JSON.stringify(value)
    }.`,
  );
}
