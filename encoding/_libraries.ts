/** The third-party code of the encoding: see `storage/_libraries.ts`. */

import { rethrow } from "../core/rethrow.ts";

const isDeno = "Deno" in globalThis;

/** Text for values with cycles, shared references and JavaScript's own types. */
export const { DevalueError, parse, stringify }: typeof import("npm:devalue@6.0.3") =
  await (isDeno ? import("npm:devalue@6.0.3").catch(rethrow) : import("devalue"));
