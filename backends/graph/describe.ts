/** A backend's graph as plain data to draw. */

import { relative, sep } from "node:path";
import process from "node:process";
import { forEachReference, isReference, isTemplate, nodeOf } from "../../core/arguments.ts";
import { argsOf, type Graph, type NodeSettings, settingsOf } from "../../core/graph.ts";
import { type ItemKey, KIND, type NodeRecord } from "../../core/node.ts";
import { type CallSite, showPlace } from "../../core/place.ts";
import type { Plugin } from "../../core/plugin.ts";
import type { Drawing, DrawnEdge, DrawnNode, NodeDetails, NodeStanding } from "./drawing.ts";
import { showBytes, showDuration, visible } from "./text.ts";

/** What a drawing is made of beside the graph. */
export interface Known {
  readonly workflowName: string;
  /** Where the standings come from. */
  readonly location: string | undefined;
  /** Of each node. */
  readonly standings: readonly NodeStanding[] | undefined;
}

/** Describes a graph. */
export function describe(graph: Graph, { workflowName, location, standings }: Known): Drawing {
  const targets = new Set(graph.targetIndexes);
  const calls = new Map<number, number>();
  const nodes = graph.nodes.map((record, i): DrawnNode => {
    const { name, definition } = record;
    const isGroup = definition.kind === "group";
    const instance = graph.instances[i];
    const call = instance < 0 ? 0 : (calls.get(instance) ?? 0) + 1;
    if (instance >= 0) calls.set(instance, call);
    return {
      name,
      // Groups are no calls of one thing: each is something of its own.
      definition: isGroup ? name : definition.name,
      kind: definition.kind === "group" ? "function" : definition.kind,
      isTarget: targets.has(i),
      instance,
      call,
      members: isGroup ? definition.members.map(({ name }) => name) : [],
      needs: needsOf(settingsOf(graph, i)),
      plugins: pluginsOf(graph, record),
      standing: standings?.[i],
    };
  });
  return {
    workflowName,
    location,
    nodes,
    edges: edgesOf(graph),
    plugins: graph.plugins.filter(({ nodes, plugin }) => !nodes && isPreparing(plugin))
      .map(({ plugin }) => plugin.name),
    detailsOf: (i) => detailsOf(graph, i),
  };
}

function edgesOf(graph: Graph): DrawnEdge[] {
  const edges: DrawnEdge[] = [];
  for (let to = 0; to < graph.nodes.length; to++) {
    const read = new Map<number, string[]>();
    let at = graph.inputOffsets[to];
    forEachReference(argsOf(graph, to), (reference) => {
      const from = graph.inputs[at++];
      const item = reference[KIND] === "node" ? "" : showPath(reference.path);
      const items = read.get(from);
      if (!items) read.set(from, [item]);
      else if (!items.includes(item)) items.push(item);
    });
    for (const [from, items] of read) edges.push({ from, to, kind: "value", items });
    const before = graph.previous[to];
    if (before >= 0) edges.push({ from: before, to, kind: "order", items: [] });
  }
  return edges;
}

/** `.x[0]`, as it was written. */
function showPath(path: readonly ItemKey[]): string {
  return path.map((key) =>
    /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(String(key))
      ? `.${key}`
      : /^\d+$/.test(String(key))
      ? `[${key}]`
      : `[${JSON.stringify(key)}]`
  ).join("");
}

function needsOf(settings: NodeSettings | undefined): string[] {
  if (!settings) return [];
  const { numCpus, numGpus, memory, resources, maxRetries, timeoutMs } =
    settings.policy?.remoteArgs ?? {};
  const amount = (n: number | undefined, what: string) => n === undefined ? [] : [`${n} ${what}`];
  return [
    ...settings.replacement ? [`runs ${settings.replacement.fn.name || "another function"}`] : [],
    ...amount(numCpus, "CPU"),
    ...amount(numGpus, "GPU"),
    ...memory === undefined ? [] : [showBytes(memory)],
    ...Object.entries(resources ?? {}).map(([name, n]) => `${name} ${n}`),
    ...maxRetries ? [maxRetries === 1 ? "1 retry" : `${maxRetries} retries`] : [],
    ...timeoutMs === undefined || timeoutMs === Infinity ? [] : [showLimit(timeoutMs)],
    ...settings.isStored === false ? ["not stored"] : [],
  ];
}

/** `≤ 30 s`: limits are round numbers, of which parts that are nothing say nothing. */
function showLimit(timeoutMs: number): string {
  return `≤ ${showDuration(timeoutMs).replace(/\.0+(?= )/, "").replace(/(?<=h|min) 0 .*$/, "")}`;
}

function pluginsOf({ plugins }: Graph, record: NodeRecord): string[] {
  return plugins.filter(({ nodes, plugin }) => nodes?.has(record) && isPreparing(plugin))
    .map(({ plugin }) => plugin.name);
}

/** Whether it does something to its nodes: observers are no part of a graph. */
function isPreparing({ hooks }: Plugin): boolean {
  return hooks.localInitialize !== undefined || hooks.remoteInitialize !== undefined;
}

function detailsOf(graph: Graph, i: number): NodeDetails {
  const { definition, namedAt } = graph.nodes[i];
  return {
    definedAt: placeOf(definition.site),
    namedAt: placeOf(namedAt),
    args: argsOf(graph, i).map((arg) => showArgument(arg)),
  };
}

const HERE = /^\.\.(?:[/\\]|$)/;

/** A place below the current folder as people type it: a picture that is passed on tells no more than it must. */
function placeOf(site: CallSite | undefined): string {
  const place = showPlace(site);
  // Some runtimes tell of their own code, where that called the user's.
  if (/^(?:native|node|ext|bun):/.test(place)) return "";
  if (!place.startsWith(sep)) return place;
  const near = relative(process.cwd(), place);
  return HERE.test(near) ? place : near;
}

const LONGEST_TEXT = 60;
const MOST_PARTS = 5;
const MOST_DEPTH = 2;

/** An argument as it was written, or nearly; of much, only what it is. */
function showArgument(value: unknown, depth = 0): string {
  if (isReference(value)) {
    const path = value[KIND] === "node" ? "" : showPath(value.path);
    return visible(nodeOf(value).name) + path;
  }
  try {
    return isTemplate(value) ? showParts(value.container, depth) : showValue(value, depth);
  } catch {
    // A getter or a proxy of the user's own.
    return "…";
  }
}

function showValue(value: unknown, depth: number): string {
  if (typeof value === "string") {
    return JSON.stringify(
      value.length > LONGEST_TEXT ? `${value.slice(0, LONGEST_TEXT)}…`.toWellFormed() : value,
    );
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `function ${value.name}`.trimEnd();
  if (typeof value !== "object" || value === null) {
    return Object.is(value, -0) ? "-0" : String(value);
  }
  if (value instanceof Date) {
    return `Date ${Number.isNaN(+value) ? "invalid" : value.toISOString()}`;
  }
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return showParts(value, depth);
  const { constructor } = Object.getPrototypeOf(value) ?? {};
  if (constructor === undefined || constructor === Object) return showParts(value, depth);
  const { length, size } = value as { length?: unknown; size?: unknown };
  const amount = length ?? size;
  return typeof amount === "number"
    ? `${constructor.name}(${amount.toLocaleString("en")})`
    : String(constructor.name);
}

function showParts(container: object, depth: number): string {
  const isArray = Array.isArray(container);
  const keys = isArray ? container.keys() : Object.keys(container);
  const length = isArray ? container.length : Object.keys(container).length;
  const [open, close] = isArray ? ["[", "]"] : ["{ ", " }"];
  if (length === 0) return isArray ? "[]" : "{}";
  if (depth >= MOST_DEPTH) return `${open}…${close}`;
  const parts: string[] = [];
  for (const key of keys) {
    if (parts.length === MOST_PARTS) {
      parts.push(`… ${(length - MOST_PARTS).toLocaleString("en")} more`);
      break;
    }
    const shown = showArgument((container as Record<PropertyKey, unknown>)[key], depth + 1);
    parts.push(isArray ? shown : `${key}: ${shown}`);
  }
  return open + parts.join(", ") + close;
}
