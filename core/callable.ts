/** What users give to be called. */

/**
 * Any function.
 *
 * @internal
 */
// deno-lint-ignore no-explicit-any
export type AnyFunction = (...args: any[]) => any;
/**
 * Any class.
 *
 * @internal
 */
// deno-lint-ignore no-explicit-any
export type AnyClass = new (...args: any[]) => any;
