/** A result and how long it took. */
export interface Timed<T> {
  value: T;
  seconds: number;
}

/** Runs an action and measures it. */
export function timed<T>(action: () => T): Timed<T> {
  const started = performance.now();
  const value = action();
  return { value, seconds: (performance.now() - started) / 1000 };
}
