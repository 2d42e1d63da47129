/** Values as files of formats that other programs read. */

import { extname } from "node:path";
import { UnsupportedError } from "../core/errors.ts";
import { CommandError, EXIT_USAGE } from "./_errors.ts";
import { toJson } from "./_print.ts";
import { quoted } from "./_text.ts";

/** The formats. */
export const FORMATS = ["json", "cbor", "csv", "npy"] as const;
/** A format. */
export type Format = typeof FORMATS[number];

/** Those that are text. */
export const TEXT_FORMATS: readonly Format[] = ["json", "csv"];

/** Why a value does not fit a format: the end of a sentence, and the formats that take anything. */
export class Misfit extends Error {
  override readonly name = "Misfit";
}

/**
 * The format that a file's name asks for.
 *
 * @throws {CommandError} If it asks for none.
 */
export function formatOf(path: string): Format {
  const suffix = extname(path).slice(1).toLowerCase();
  const format = FORMATS.find((format) => format === suffix);
  if (format !== undefined) return format;
  throw new CommandError(
    `Cannot tell the format of ${path}: end its name with ${
      FORMATS.map((f) => `.${f}`).join(", ")
    }` +
      ", or name the format (--as).",
    EXIT_USAGE,
  );
}

/**
 * A value in a format.
 *
 * @throws {UnsupportedError} If it does not fit, naming formats which it does.
 */
export async function exportValue(
  value: unknown,
  format: Format,
  name: string,
): Promise<string | Uint8Array> {
  try {
    return await encode(value, format);
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    const others = await fittingFormats(value, format);
    throw new UnsupportedError(
      `Cannot write ${quoted(name)} as ${format.toUpperCase()}: ${error.message}.` +
        (others.length > 0 ? ` It can be written as ${others.join(", ")}.` : ""),
    );
  }
}

async function encode(value: unknown, format: Format): Promise<string | Uint8Array> {
  switch (format) {
    case "json":
      return `${toJson(value)}\n`;
    case "cbor":
      return await (await import("./_export_cbor.ts")).toCbor(value);
    case "csv":
      return await (await import("./_export_csv.ts")).toCsv(value);
    case "npy":
      return await (await import("./_export_npy.ts")).toNpy(value);
  }
}

/** Found by trying, as what a format takes is decided where it is written. */
async function fittingFormats(value: unknown, failed: Format): Promise<string[]> {
  const fitting: string[] = [];
  for (const format of FORMATS) {
    if (format === failed) continue;
    const fits = await encode(value, format).then(() => true, () => false);
    if (fits) fitting.push(format);
  }
  return fitting;
}
