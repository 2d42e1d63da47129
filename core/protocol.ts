/** What a backend and a process that runs its nodes tell each other. All of it survives structured clone. */

import type { Reference } from "./carried.ts";
import type { NodePhase } from "./errors.ts";
import type { NodeInfo } from "./plugin.ts";
import type { ThrownRecord } from "./thrown.ts";

/** What a group does: its members' calls, in order, of what is known by numbers. */
export interface GroupProgram {
  /** How many values it is called with: they have the numbers from 0 on, its members those after. */
  readonly given: number;
  /** As `encodeCall` wrote them. */
  readonly calls: readonly unknown[];
  /** Environments of those members that have one, by the member's number. */
  readonly preparations: ReadonlyMap<number, Preparation>;
  /** The numbers of the members whose values are the group's: that of a single one, or a record of several. */
  readonly exits: readonly { readonly key: string; readonly number: number }[];
  /** For each member, the numbers of the values that nobody needs once it has run. */
  readonly freed: readonly (readonly number[])[];
}

/** A group, of what is known already. */
export interface ProgramItem {
  readonly id: number;
  readonly program: GroupProgram;
}

/** Something to be looked up and known by a number from then on. */
export interface LoadItem {
  readonly id: number;
  readonly reference: Reference;
  /** Of a class: the method meant. */
  readonly method?: string;
  /** Of a plugin's definition: what to make the plugin with. */
  readonly options?: unknown;
}

/** Why something could not be looked up. */
export interface LoadProblem {
  readonly id: number;
  /** `changed`: the source is another one; else it is not there. */
  readonly kind: "changed" | "missing";
  readonly text: string;
}

/** What is needed to prepare a node's environment. */
export interface Preparation {
  readonly node: NodeInfo;
  readonly plugins: readonly { readonly id: number; readonly data: unknown }[];
}

/** Calls to run one after the other, as `encodeCall` wrote them. */
export interface RunMessage {
  readonly type: "run";
  /** How often calls were cut when this was sent: calls of before the last cut are not run. */
  readonly cuts: number;
  readonly calls: readonly unknown[];
  /** Environments of those nodes that have one, by the node's number. */
  readonly preparations?: ReadonlyMap<number, Preparation>;
  /** Values to hold before anything runs: numbers and values by turns. */
  readonly put?: readonly unknown[];
  /** Values to let go of, by the node's number. */
  readonly release?: readonly number[];
}

/** What the host says. */
export type HostMessage =
  | { readonly type: "load"; readonly items: readonly (LoadItem | ProgramItem)[] }
  | RunMessage
  | { readonly type: "give"; readonly node: number; readonly isLast: boolean }
  | { readonly type: "abort"; readonly reason: ThrownRecord }
  /** Another run begins: of the one before, nothing is held any more. */
  | { readonly type: "reset" };

/** What has become of calls, in the order in which they were sent. */
export interface ReportMessage {
  readonly type: "report";
  /** One for each call: its value if it is primitive or asked for, else `undefined`. */
  readonly values: readonly unknown[];
  /** Milliseconds of each call. */
  readonly durations: readonly number[];
  /** Of each value that is held instead of sent: its position in `values` and its size in bytes, by turns. */
  readonly held?: readonly number[];
  /** Of each value that was asked for but can't be sent: its position and the part that can't, by turns. */
  readonly unsendable?: readonly (number | string)[];
  /** The call after `values` failed; of a group's, which member did. */
  readonly failure?: {
    readonly phase: NodePhase;
    readonly thrown: ThrownRecord;
    readonly members: readonly number[];
  };
  /** The calls sent after these have been dropped, because one failed or they were taken back. */
  readonly isCut?: boolean;
}

/** What a process that runs nodes says. */
export type NodeMessage =
  | { readonly type: "ready" }
  | { readonly type: "loaded"; readonly problems: readonly LoadProblem[] }
  | ReportMessage
  | { readonly type: "gave"; readonly node: number; readonly value: unknown }
  | { readonly type: "withheld"; readonly node: number; readonly problem: string }
  | { readonly type: "asked" }
  | { readonly type: "log"; readonly node: number; readonly text: string }
  | { readonly type: "dying"; readonly thrown?: ThrownRecord; readonly exitCode?: number };

/** Places in the memory that a host and a thread share. */
export const CONTROL = {
  /** How many calls were begun; `TAKEN_BACK` when no more are to be. */
  BEGUN: 0,
  /** Not 0 once the running node is to come to an end. */
  ABORT: 1,
  /** How many places there are. */
  SIZE: 2,
} as const;

/** The count of calls that tells a thread to begin no more. */
export const TAKEN_BACK = -1;
