/** What a storage on Ray and the program at its place tell each other: packed lists of requests, and of answers. */

import { describeThrown, rebuildThrown, type ThrownRecord } from "../core/thrown.ts";
import { packValue, unpackValue } from "../encoding/packed.ts";
import type { PlaceServer } from "./_ray_server.ts";

/** What can be asked for: the name of a method of `PlaceServer`, and its arguments. */
export type PlaceRequest = readonly [method: keyof PlaceServer, ...args: readonly unknown[]];

/** What comes back. */
type PlaceAnswer = { readonly value: unknown } | { readonly thrown: ThrownRecord };

/** So many bytes are the largest piece: larger ones go as several. */
export const PIECE_BYTES: number = 16 * 1024 * 1024;

/** Bytes that are small, or the number under which their pieces were sent, and how many bytes these are. */
export type Body =
  | Uint8Array<ArrayBuffer>
  | { readonly upload: number; readonly byteLength: number };

/** An object that was opened: all of it if it is small, else its beginning. */
export interface Opened {
  readonly byteLength: number;
  readonly start: Uint8Array<ArrayBuffer>;
  /** By which the rest is read. */
  readonly handle?: number;
}

/** What may be done twice: when it is not known whether it was done. */
const REPEATABLE: ReadonlySet<PlaceRequest[0]> = new Set([
  ...["prepare", "put", "open", "has", "list", "listFolders"] as const,
  ...["sizeOfFile", "readFile", "listFiles", "removeFiles"] as const,
]);

/** Whether all of them may be done twice. */
export function areRepeatable(requests: readonly PlaceRequest[]): boolean {
  return requests.every(([method, , , body]) =>
    REPEATABLE.has(method) && !(body && typeof body === "object" && "upload" in body)
  );
}

/** The bytes of some requests. */
export function packRequests(requests: readonly PlaceRequest[]): Uint8Array<ArrayBuffer> {
  return packValue(requests);
}

/** What each of the requests gave. */
export function unpackAnswers(bytes: Uint8Array): (() => unknown)[] {
  return (unpackValue(bytes) as PlaceAnswer[]).map((answer) => () => {
    if ("thrown" in answer) throw rebuildThrown(answer.thrown);
    return answer.value;
  });
}

/** Does what requests say, all at once; gives the bytes of the answers. Never throws. */
export async function answerRequests(
  server: PlaceServer,
  bytes: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = async ([method, ...args]: PlaceRequest): Promise<PlaceAnswer> => {
    try {
      return { value: await (server[method] as (...args: readonly unknown[]) => unknown)(...args) };
    } catch (error) {
      return { thrown: describeThrown(error) };
    }
  };
  return packValue(await Promise.all((unpackValue(bytes) as PlaceRequest[]).map(answer)));
}
