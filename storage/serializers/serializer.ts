/** The contract of serializers: how big values are kept beside the object that they belong to, in a format of their own. */

import type { Place } from "../object_store.ts";

/** What a serializer notes of a value, to load it by; it is kept as JSON. */
export type Notes = null | boolean | number | string | readonly Notes[] | { [key: string]: Notes };

/**
 * Keeps values of one kind in their own format.
 *
 * A stored value is searched for parts that a serializer takes; each is saved in a place of its own, and whoever reads the
 * value finds in its stead what `load` gives: usually a handle that reads what it is asked for.
 */
export interface Serializer<V = unknown, L = unknown> {
  /** A name that stored objects refer to; it must stay the same. */
  readonly name: string;
  /** @internal Of one of this library, the options that it was made with: then other processes can make it too. */
  readonly options?: object;
  /** Whether it takes a value; called for every object in every stored value, so it should be quick. */
  test(value: unknown): value is V;
  /**
   * Writes the value, and returns what `load` will need to know. Equal values should give equal files and notes, as that is
   * how a run tells that nothing has changed.
   */
  save(value: V, place: Place): Promise<Notes | void>;
  /** Gives the value back, or a handle that reads parts of it. What it reads from the place is what was written, or an error. */
  load(place: Place, notes: Notes): L | Promise<L>;
  /**
   * Called just before the place with all that is in it is removed, as the value is removed or replaced: for what the
   * serializer keeps elsewhere. It is not called for what a killed process has left half-written. Default: nothing more.
   */
  remove?(place: Place, notes: Notes): Promise<void>;
}
