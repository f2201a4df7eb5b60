// Workers that are terminated in the middle of work: no abort, and no native byte is left.

import { Worker } from "node:worker_threads";
import { expect } from "chai";
import { addonPath } from "../../lib/native/load.js";
import { native } from "../../lib/native/native.js";
import { random } from "../support/numbers.js";

const COUNT = Number(process.env.ADASTEP_STRESS_WORKERS ?? 300);

describe("worker threads", () => {
  it(`survive ${COUNT} terminations with work in flight`, async function () {
    this.timeout(600_000);
    const before = native.liveBytes();
    const next = random(1);
    const spawn = async (): Promise<void> => {
      const worker = new Worker(new URL("./worker.mjs", import.meta.url), {
        workerData: { addon: addonPath() },
        execArgv: [],
      });
      let failure: unknown;
      worker.on("error", (error) => {
        failure = error;
      });
      // Some are stopped while they start, most while they compute.
      if (next() < 0.8) await new Promise((resolve) => worker.once("message", resolve).once("exit", resolve));
      await new Promise((resolve) => setTimeout(resolve, next() * 8));
      await worker.terminate();
      if (failure) throw failure;
    };
    for (let done = 0; done < COUNT; done += 3) await Promise.all([spawn(), spawn(), spawn()]);
    expect(native.liveBytes()).to.equal(before);
  });
});
