/** A workflow with its files in an executable: how they are packed, and unpacked once into the user's caches. */

import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { gunzipSync, gzipSync } from "node:zlib";
import { CommandError, hiddenFolders } from "./_errors.ts";
import { type Manifest, openEnd, trailerOf } from "./_manifest.ts";

/** A manifest with its files, as it is written. */
export interface Payload {
  readonly manifest: Manifest;
  readonly body: Uint8Array;
}

/** Where files come from. */
export interface PackOptions {
  /** The folder that has them all. */
  readonly root: string;
  readonly workflow: string;
  readonly config: string | undefined;
  readonly files: readonly string[];
  /** Links, and where they lead to. */
  readonly links: ReadonlyMap<string, string>;
}

/** Packs files. */
export function pack({ root, workflow, config, files, links }: PackOptions): Payload {
  const place = (path: string) => relative(root, path).replaceAll("\\", "/");
  const contents = files.map((path) => fs.readFileSync(path));
  const listed = {
    files: files.map((path, at) => [place(path), contents[at].length] as const),
    links: [...links].map(([path, target]) =>
      [place(path), relative(dirname(path), target)] as const
    ),
  };
  const hash = createHash("sha256").update(JSON.stringify(listed));
  for (const bytes of contents) hash.update(bytes);
  const manifest: Manifest = {
    workflow: place(workflow),
    ...(config === undefined ? {} : { config: place(config) }),
    ...listed,
    digest: hash.digest("hex"),
  };
  return { manifest, body: gzipSync(Buffer.concat(contents)) };
}

/** Puts a payload at the end of an executable. */
export function appendPayload(program: string, { manifest, body }: Payload): void {
  const text = Buffer.from(JSON.stringify(manifest));
  fs.appendFileSync(program, Buffer.concat([body, text, trailerOf(body.length, text.length)]));
}

let unpackedTo: string | undefined;

/** Whether a file is one that came with the executable. */
export function isUnpacked(path: string): boolean {
  return unpackedTo !== undefined && resolve(path).startsWith(join(unpackedTo, "/"));
}

/**
 * Unpacks what an executable has with it, if that is not there already; gives the folder.
 *
 * @throws {CommandError} If there is no folder to write to.
 */
export function unpack(program: string, manifest: Manifest): string {
  const name = `${basename(program).slice(0, 60)}-${manifest.digest.slice(0, 24)}`;
  const problems: string[] = [];
  for (const caches of cacheFolders()) {
    try {
      const folder = join(caches, name);
      checkOwn(caches);
      if (!isComplete(folder, manifest)) writeAll(program, manifest, folder);
      unpackedTo = fs.realpathSync(folder);
      hiddenFolders.add(unpackedTo);
      return unpackedTo;
    } catch (error) {
      problems.push(`${caches}: ${(error as Error).message}`);
    }
  }
  throw new CommandError(
    `${basename(program)} can't unpack its workflow, as there is no folder to write to:\n  ${
      problems.join("\n  ")
    }\nSet XDG_CACHE_HOME to one.`,
  );
}

function cacheFolders(): string[] {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const caches = XDG_CACHE_HOME || LOCALAPPDATA || join(homedir(), ".cache");
  return [join(caches, "functionfuse"), join(tmpdir(), `functionfuse-${process.getuid?.() ?? ""}`)];
}

/** In a folder that others may write to, somebody may have been there first. */
function checkOwn(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = fs.lstatSync(folder);
  if (process.getuid && uid !== process.getuid()) throw new Error("it belongs to another user.");
}

/** Caches are cleared, also in part. */
function isComplete(folder: string, { files, links }: Manifest): boolean {
  const isThere = ([path, bytes]: readonly [string, number]) =>
    fs.statSync(join(folder, path), { throwIfNoEntry: false })?.size === bytes;
  return files.every(isThere) && links.every(([path]) => fs.existsSync(join(folder, path)));
}

/** All or nothing, as others may be doing the same. */
function writeAll(program: string, manifest: Manifest, folder: string): void {
  const bytes = gunzipSync(openEnd(program, (end) => end!.read(0, end!.body)));
  const temporary = `${folder}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    let at = 0;
    for (const [path, length] of manifest.files) {
      fs.mkdirSync(dirname(join(temporary, path)), { recursive: true });
      fs.writeFileSync(join(temporary, path), bytes.subarray(at, at += length));
    }
    for (const [path, target] of manifest.links) {
      fs.mkdirSync(dirname(join(temporary, path)), { recursive: true });
      fs.symlinkSync(target, join(temporary, path), "junction");
    }
    fs.rmSync(folder, { recursive: true, force: true });
    fs.renameSync(temporary, folder);
  } catch (error) {
    fs.rmSync(temporary, { recursive: true, force: true });
    if (!isComplete(folder, manifest)) throw error;
  }
}
