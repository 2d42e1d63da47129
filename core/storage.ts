/** What a backend asks of a storage. */

import type { Origin as CodeOrigin } from "./carried.ts";
import type { StorageError } from "./errors.ts";

/** How a stored value came about. */
export interface Origin {
  /** How long the node took, in milliseconds. */
  readonly durationMs: number;
  /** The name of its function, of its class, or `Class.method`. */
  readonly definition: string;
  /** What it was made from. Without it, only its name tells whether it may be used again. */
  readonly recipe?: Recipe;
}

/**
 * What a value was made from: where two recipes are equal, making the value again gives the same.
 *
 * A digest is a SHA-256 in hexadecimal; those that only serve to say what has changed are cut to 16 digits.
 */
export interface Recipe {
  /** Digest of the code and the plugins. */
  readonly code: string;
  /** Digest of the arguments as they were written, with places where nodes stood. */
  readonly inputs: string;
  /** For each value read, in the order of the arguments: the node's name and what tells its value from others. */
  readonly parents: readonly (readonly [name: string, identity: string])[];
  /** The functions, classes, constants, packages and plugins that `code` is made of, with their digests. */
  readonly codeParts: Readonly<Record<string, string>>;
  /** Of each argument, a digest. */
  readonly inputParts: readonly string[];
}

/** What a storage knows of a value without reading it. */
export interface StoredRecord {
  /** Digest of the value's bytes: equal values may differ in it, different ones never agree. */
  readonly valueDigest: string;
  /** What it was made from, if the run that made it knew. */
  readonly recipe: Recipe | undefined;
  /** The size of all that is stored of it, in bytes. */
  readonly bytes: number;
}

/** Which value is wanted: another one, that somebody has saved meanwhile, is as good as none. */
export type ExpectedValue = Pick<StoredRecord, "valueDigest">;

/** What was saved. */
export interface Saved extends Omit<StoredRecord, "recipe"> {
  /** Whether a serializer took part: then readers are given what is read back, as the next run gives it to them. */
  readonly isSerialized: boolean;
}

/** What can be told of a function, a class or a plugin from its source. */
export interface CodePrint {
  /** Digest of everything that it uses. */
  readonly digest: string;
  /** What it uses, by names that say where it is, with digests of 16 digits. */
  readonly parts: Readonly<Record<string, string>>;
  /** Why all of its module was taken instead of what it uses: for a warning; `undefined` if all could be followed. */
  readonly unfollowed: string | undefined;
}

/**
 * Tells what values are made from: what the exact reuse of stored values needs beside the values.
 *
 * @internal
 */
export interface RecipeReader {
  /** SHA-256 of texts, one after the other, in hexadecimal. */
  digest(...texts: readonly string[]): string;
  /**
   * Digest of an argument as it was written, and why it may not tell all: equal values give equal digests.
   *
   * @throws {CodecError} If nothing tells the value from others.
   */
  digestValue(value: unknown): { readonly digest: string; readonly unfollowed?: string };
  /** Follows code, each with all it uses. */
  readCode(origins: readonly CodeOrigin[]): Promise<readonly CodePrint[]>;
}

/** What can be told of a stored value without reading it. */
export interface TaskInfo extends Partial<Origin> {
  /** The task's name. */
  readonly task: string;
  /** When it was saved. */
  readonly savedAt: Date;
  /** The size of the stored object, in bytes. */
  readonly bytes: number;
  /** The version of this library that wrote it. */
  readonly version: string;
}

/** How another process makes the same storage: by `storageFactory`. It holds no secret. */
export interface StorageSpec {
  /** The kind of storage. */
  readonly kind: string;
  /** Its options, as plain data. */
  readonly options: unknown;
}

/** Which tasks to remove: one by name, or all that a glob matches. */
export type TaskSelection = { taskName: string } | { pattern: string };

/**
 * Keeps values by the names of a workflow and a task.
 *
 * A value that is read is a copy of its own. `save` takes the value as it is when called: what happens to it later does
 * not matter (but for what serializers write, and for large values on S3, which must stay until it has resolved). Saving
 * replaces what was there, at once and as a whole.
 */
export interface Storage {
  /** Whether a node's readers get its value as read back from the storage instead of as computed. */
  readonly alwaysRead: boolean;
  /** Where it keeps things, for messages; never with a secret. */
  readonly location: string;
  /**
   * How another process makes the same storage; `undefined` for one that only this process has.
   * @throws {UnsupportedError} If a part of it can't be taken there, such as a serializer of one's own.
   */
  readonly spec?: StorageSpec;
  /**
   * Makes the storage ready for a workflow.
   * @throws {StorageError} If nothing can be written there.
   */
  newWorkflow(workflow: string): Promise<void>;
  /**
   * Saves a value.
   * @throws {CodecError} If the value can't be stored; what was there stays.
   * @throws {StorageError} If writing fails; what was there stays.
   */
  save(workflow: string, task: string, value: unknown, origin?: Origin): Promise<Saved | void>;
  /**
   * Reads a value; with `expected`, that very one.
   * @throws {StorageError} If there is none (`reason` `"missing"`), or it is damaged (`"damaged"`) and was set aside.
   */
  readTask(workflow: string, task: string, expected?: ExpectedValue): Promise<unknown>;
  /**
   * Tells of a stored value without reading it.
   * @throws {StorageError} As `readTask` does.
   */
  taskInfo(workflow: string, task: string): Promise<TaskInfo>;
  /**
   * What is known of stored values, of those tasks that have one. A damaged one is set aside and given as its error.
   *
   * A storage without this and `recipes` can't tell whether a value is still right: then its name alone counts.
   */
  readRecords?(
    workflow: string,
    tasks: readonly string[],
  ): Promise<ReadonlyMap<string, StoredRecord | StorageError>>;
  /** @internal Tells what values are made from. */
  readonly recipes?: RecipeReader;
  /** Adds lines to the journal of a run; `run` is its id. */
  addToJournal?(workflow: string, run: string, lines: string): Promise<void>;
  /** The ids of a workflow's runs, oldest first. */
  listRuns?(workflow: string): Promise<string[]>;
  /** The journal of a run, one JSON object a line; `undefined` if there is none. */
  readJournal?(workflow: string, run: string): Promise<string | undefined>;
  /** Whether there is a value. */
  hasTask(workflow: string, task: string): Promise<boolean>;
  /** The names of a workflow's tasks, sorted; those that a glob matches, if one is given. */
  listTasks(workflow: string, glob?: string): Promise<string[]>;
  /** The names of the workflows that something is stored of, sorted. */
  listWorkflows?(): Promise<string[]>;
  /** Removes tasks, and gives how many there were. */
  removeTask(workflow: string, selection: TaskSelection): Promise<number>;
  /** Removes a workflow with all its tasks, and gives whether there was one. */
  removeWorkflow(workflow: string): Promise<boolean>;
}
