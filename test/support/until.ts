// Waiting for what another thread or process brings about.

import { setTimeout as sleep } from "node:timers/promises";

/** Waits until `done` gives true, for half a minute at most. */
export async function until(what: string, done: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries++) {
    if (done()) return;
    await sleep(10);
  }
  throw new Error(`half a minute went by before ${what}`);
}
