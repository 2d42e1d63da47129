/**
 * Makes the engines that tests and benchmarks run on: Ray, in a virtual environment for Python in `.engines/ray`, once.
 * `deno task setup:engines` makes it, and so does `deno task test`.
 *
 * Where Python is missing a line says so, and the tests that need it are skipped; with `CI=true` it is an error.
 */

import { join } from "node:path";
import { attempt, makeEnvironment, ROOT } from "./_made_once.ts";

attempt(
  "Ray",
  () => makeEnvironment(join(ROOT, ".engines/ray"), join(ROOT, "tests/ray/requirements.txt")),
);
