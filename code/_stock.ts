/** The plugins of this library, where its modules are not files that can be read. */

import type { CodePrint } from "../core/storage.ts";

/** What each uses, by its name; an executable has been given it when it was made. */
export const STOCK_PRINTS: Readonly<Record<string, CodePrint>> = {};
