/** What a backend asks of a storage. */

/** How a stored value came about. */
export interface Origin {
  /** How long the node took, in milliseconds. */
  readonly durationMs: number;
  /** The name of its function, of its class, or `Class.method`. */
  readonly definition: string;
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

/** Which tasks to remove: one by name, or all that a glob matches. */
export type TaskSelection = { taskName: string } | { pattern: string };

/**
 * Keeps values by the names of a workflow and a task.
 *
 * A value that is read is a copy of its own. `save` takes the value as it is when called: what happens to it later does
 * not matter. Saving replaces what was there, at once and as a whole.
 */
export interface Storage {
  /** Whether a node's readers get its value as read back from the storage instead of as computed. */
  readonly alwaysRead: boolean;
  /** Where it keeps things, for messages; never with a secret. */
  readonly location: string;
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
  save(workflow: string, task: string, value: unknown, origin?: Origin): Promise<void>;
  /**
   * Reads a value.
   * @throws {StorageError} If there is none (`reason` `"missing"`), or it is damaged (`"damaged"`) and was set aside.
   */
  readTask(workflow: string, task: string): Promise<unknown>;
  /**
   * Tells of a stored value without reading it.
   * @throws {StorageError} As `readTask` does.
   */
  taskInfo(workflow: string, task: string): Promise<TaskInfo>;
  /** Whether there is a value. */
  hasTask(workflow: string, task: string): Promise<boolean>;
  /** The names of a workflow's tasks, sorted; those that a glob matches, if one is given. */
  listTasks(workflow: string, glob?: string): Promise<string[]>;
  /** Removes tasks, and gives how many there were. */
  removeTask(workflow: string, selection: TaskSelection): Promise<number>;
  /** Removes a workflow with all its tasks, and gives whether there was one. */
  removeWorkflow(workflow: string): Promise<boolean>;
}
