/** A real browser, for pages: Chromium without a window. */

import { existsSync } from "node:fs";
import process from "node:process";
import { type Browser, chromium } from "playwright-core";

/** Debian's, or where `CHROMIUM` says. */
export const CHROMIUM: string = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Why a test that needs it is skipped: `false` where it is there, or where it must be. */
export function skipWithoutBrowser(): string | false {
  if (existsSync(CHROMIUM) || process.env.CI === "true") return false;
  return `${CHROMIUM} is not there: install Chromium, or say where it is with CHROMIUM`;
}

/** Starts it; nothing of it goes to the network. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ],
  });
}
