/**
 * Throws what it is given. An `import()` that ends with `.catch(rethrow)` need not be found by bundlers: so what only Deno
 * imports does not keep other runtimes from compiling a script that uses this library.
 */
export function rethrow(error: unknown): never {
  throw error;
}
