// A day of training in a short time: very many small steps, after which everything that could have grown is as it was. The suite
// takes as many as fit into some seconds; `npm run test:long` takes a million and prints what it measured.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
const CHILD = fileURLToPath(new URL("long-training.mjs", import.meta.url));

const STEPS = Number(process.env.ADASTEP_LONG_STEPS ?? 50_000);
const LONG = process.env.ADASTEP_LONG_STEPS !== undefined;
/** Parts that are compared: the first warms up. */
const PARTS = 5;

/** What may not grow. */
interface Figures {
  /** Bytes of JavaScript objects that are alive, and outside of the heap. */
  readonly heap: number;
  readonly external: number;
  /** Bytes of the process. */
  readonly resident: number;
  /** Bytes of buffers on the device. */
  readonly device: number;
  /** What keeps the event loop alive, and open files. */
  readonly handles: number;
  readonly files: number;
  /** Event-loop delay in milliseconds, of this part alone. */
  readonly delay: { readonly median: number; readonly p99: number; readonly largest: number };
  readonly stepsPerSecond: number;
}

interface Told {
  readonly measured: readonly Figures[];
  readonly loss: number;
  readonly steps: number;
}

const KB = 2 ** 10;

describe("A long training", () => {
  it(`of ${STEPS} steps lets neither memory nor handles nor the delay of the event loop grow`, async function () {
    this.timeout(30 * 60_000);
    // A young generation of one size, so that the collector's own memory does not grow while it warms up.
    const program = ["--expose-gc", "--max-semi-space-size=1", CHILD, DIST, String(STEPS), String(PARTS)];
    const { stdout } = await promisify(execFile)(process.execPath, program);
    const { measured, loss, steps }: Told = JSON.parse(stdout);
    if (LONG) console.log(measured);
    expect(steps).to.equal(STEPS);
    expect(loss, "it learns").to.be.below(0.69);

    const [, first, ...others] = measured;
    const last = others.at(-1);
    if (!first || !last) throw new Error("nothing was measured");
    // The heap is the same to some hundred kilobytes (compiled code, caches of the engine), what is outside of it to some bytes; a
    // leak of 30 bytes a step would be 900 KB of 30,000 steps.
    expect(last.heap - first.heap, "heap").to.be.below(768 * KB);
    expect(last.external - first.external, "memory outside of the heap").to.be.below(64 * KB);
    // Arenas of the allocator, and huge pages that the system makes of small ones.
    expect(last.resident - first.resident, "memory of the process").to.be.below(8192 * KB);
    expect(last.device, "device").to.equal(first.device);
    expect(last.handles, "handles").to.be.at.most(first.handles + 1); // a timer of the engine may be there or not
    expect(last.files, "files").to.equal(first.files);
    const calmest = Math.min(...measured.map(({ delay }) => delay.p99));
    expect(last.delay.median, "delay").to.be.below(5); // milliseconds; the machine may be shared
    expect(calmest, "delay of one in a hundred").to.be.below(50);
  });
});
