// A browser for tests of pages: Chromium without a window.

import { access } from "node:fs/promises";
import puppeteer, { type Browser } from "puppeteer-core";

const PLACES = [
  process.env.CHROMIUM,
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];

/** Starts the browser. @throws Error with the line that installs one, if there is none */
export async function openBrowser(): Promise<Browser> {
  for (const path of PLACES) {
    if (
      path === undefined ||
      !(await access(path).then(
        () => true,
        () => false,
      ))
    )
      continue;
    // Tests run as root in containers, where Chromium's sandbox does not start; the pages are our own.
    return puppeteer.launch({
      executablePath: path,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
      timeout: 120_000, // its first start on a busy machine
    });
  }
  throw new Error("no Chromium: apt-get install chromium, or set CHROMIUM to its path");
}
