/**
 * A graph as one plain value, from which another process makes the same graph again.
 *
 * Functions, classes and plugins are told by reference, as workers are told of them; arguments and what plugins prepared
 * are values. All lists of something for each node are flat, so that a graph of a million nodes is a few arrays.
 */

import type { Definition } from "./definition.ts";
import { GraphError } from "./errors.ts";
import type { FlatList } from "./flat_list.ts";
import type { Group, ItemKey } from "./node.ts";
import type { Place } from "./place.ts";
import type { RemoteArgs } from "./policy.ts";
import type { LoadItem } from "./protocol.ts";

/** A graph on its way to another process. */
export interface GraphRecord {
  /** What has to be looked up there; the numbers are positions. */
  readonly items: readonly LoadItem[];
  /** What messages call each of them. */
  readonly titles: readonly string[];
  readonly functions: readonly FunctionRecord[];
  readonly nodes: NodesRecord;
  /** Whether it was edited. */
  readonly isEdited: boolean;
  readonly targets: readonly { readonly node: number; readonly path: readonly ItemKey[] }[];
  readonly isList: boolean;
  readonly settings: SettingsRecord;
  readonly initializations: InitializationsRecord;
}

/** What nodes are calls of. */
export interface FunctionRecord {
  readonly kind: Definition["kind"];
  readonly name: string;
  /** Which item it is, or its class. */
  readonly item: number;
  /** For a method, its key on the class. */
  readonly method: string | undefined;
  /** Where it was defined, for messages. */
  readonly place: Place | undefined;
}

/** Nodes of a graph, or of a group, in order. */
export interface NodesRecord {
  readonly ordinals: Int32Array;
  /** The nodes that were given a name. */
  readonly named: Int32Array;
  /** Their names: a list, as JSON. */
  readonly names: string;
  /** As `encodeCall` wrote them: of a function by its number, or of a group, whose number is -1 less its position. */
  readonly calls: FlatList;
  readonly groups: readonly GroupRecord[];
}

/** A group of nodes; what its members read is numbered as in `Group`. */
export interface GroupRecord {
  readonly members: NodesRecord;
  readonly given: number;
  readonly exits: Group["exits"];
  /** Where it was made, for messages. */
  readonly place: Place | undefined;
}

/**
 * What was set for nodes.
 *
 * Here and below, the numbers of nodes count the members of groups too, each just after its group.
 */
export interface SettingsRecord {
  readonly nodes: Int32Array;
  /** For each of `nodes`, which of `kinds` it has. */
  readonly which: Int32Array;
  readonly kinds: readonly SettingRecord[];
}

/** What was set for a node. */
export interface SettingRecord {
  readonly remoteArgs: RemoteArgs | undefined;
  readonly isStored: boolean | undefined;
  readonly isGrouped: boolean | undefined;
  /** The item that runs in its place. */
  readonly replacement: number | undefined;
}

/** What plugins prepared for nodes. */
export interface InitializationsRecord {
  readonly plugins: readonly PluginRecord[];
  /** A node for each time that a plugin prepared something. */
  readonly nodes: Int32Array;
  /** The plugin, each time. */
  readonly which: Int32Array;
  /** What it prepared, each time. */
  readonly data: FlatList;
}

/** A plugin with its options: made again from them, or found where it was made. */
export interface PluginRecord {
  readonly name: string;
  readonly item: number;
}

const MOST_SHOWN = 5;

/** An error that names up to five things. */
export function notPortable(problems: readonly string[]): GraphError {
  const shown = problems.slice(0, MOST_SHOWN).map((problem) => `  - ${problem}`);
  if (problems.length > MOST_SHOWN) shown.push(`  - and ${problems.length - MOST_SHOWN} more`);
  return new GraphError(
    `Cannot take the workflow to another machine, as these can't be taken there:\n${
      shown.join("\n")
    }\n` +
      `Make functions and plugins at the top level of a module that can be imported, before the first run(), ` +
      `and pass plain data, such as numbers, texts, arrays, typed arrays and plain objects.`,
    { reason: "not-portable" },
  );
}
