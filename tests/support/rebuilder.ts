/** A process that makes graphs again: for each that arrives on standard input, it tells what came of it. */

import { Buffer } from "node:buffer";
import { writeSync } from "node:fs";
import process from "node:process";
import { rebuildGraph } from "../../core/graph_rebuild.ts";
import type { GraphRecord } from "../../core/graph_record.ts";
import { Lookup } from "../../core/lookup.ts";
import { packValue, unpackValue } from "../../encoding/packed.ts";
import { describeGraph, runHere } from "./described_graph.ts";

const lookup = new Lookup({ load: (url) => import(url) });

async function answer(bytes: Uint8Array): Promise<unknown> {
  const { record, describes, runs, comparesSources } = unpackValue(bytes) as {
    record: GraphRecord;
    describes: boolean;
    runs: boolean;
    comparesSources: boolean;
  };
  try {
    const source = { writesSameSources: comparesSources };
    const { graph, initializations } = await rebuildGraph(record, lookup, source);
    return {
      count: graph.nodes.length,
      described: describes ? await describeGraph(graph, initializations) : undefined,
      values: runs ? await runHere(graph, initializations) : undefined,
    };
  } catch (error) {
    return { failure: error };
  }
}

let received = Buffer.alloc(0);
let answering = Promise.resolve();
process.stdin.on("data", (bytes) => {
  received = Buffer.concat([received, bytes as Uint8Array]);
  while (received.length >= 4 && received.length >= 4 + received.readUInt32LE(0)) {
    const end = 4 + received.readUInt32LE(0);
    const asked = received.subarray(4, end);
    received = received.subarray(end);
    answering = answering.then(async () => {
      const packed = packValue(await answer(asked));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(packed.length);
      for (const piece of [length, packed]) {
        for (let at = 0; at < piece.length;) at += writeSync(1, piece, at);
      }
    });
  }
});
