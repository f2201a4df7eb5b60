// A training of `steps` small steps in a process of its own, so that nothing of other tests is measured. Arguments: the folder of
// the package's modules, steps, parts. Prints what it measured after each part, and the mean loss, as one line of JSON.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";

const [dist, ...numbers] = process.argv.slice(2);
const [steps, parts] = numbers.map(Number);
const { AdamW, crossEntropy, Dataset, Device, Linear, relu, Sequential, Trainer, warmup } = await import(
  pathToFileURL(join(dist, "index.js")).href
);

const BATCH = 4;
const EXAMPLES = 400;

/** Two classes that a line parts, of points that are as random as sines are. */
function points(size, from) {
  const x = Float32Array.from({ length: 4 * size }, (_, i) => Math.sin((from + i) ** 2));
  const y = Int32Array.from({ length: size }, (_, i) => Number(x[4 * i] > 0));
  return new Dataset({ x: { data: x, shape: [4] }, y: { data: y, shape: [] } });
}

/**
 * Collects until what is free is counted as free: V8 sweeps buffers on another thread after a collection, which the next
 * one waits for, and finalizers of the addon run in a later turn of the event loop.
 */
async function collect() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await setImmediate();
  }
}

const device = await Device.open("cpu", { threads: 1 });
const model = new Sequential(new Linear(4, 8), relu, new Linear(8, 2)).to(device, { seed: 1 });
const optimizer = new AdamW(model.parameters(), { lr: 1e-3, average: 0.999 });
const trainer = new Trainer({
  ...{ device, model, optimizer, loss: crossEntropy, seed: 1 },
  ...{ schedule: warmup(100), clip: { norm: 1 }, guard: { spike: "rollback" }, watch: 500 },
});
const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
const measured = [];
let began = performance.now();

async function measure() {
  await collect();
  const { heapUsed: heap, external, rss: resident } = process.memoryUsage();
  const [median, p99, largest] = [histogram.percentile(50), histogram.percentile(99), histogram.max].map(
    (nanoseconds) => nanoseconds / 1e6,
  );
  measured.push({
    ...{ heap, external, resident, device: device.memory().live },
    handles: process.getActiveResourcesInfo().length,
    files: readdirSync("/proc/self/fd").length,
    delay: { median, p99, largest },
    stepsPerSecond: steps / parts / ((performance.now() - began) / 1000),
  });
  histogram.reset();
  began = performance.now();
}

const run = {
  epochs: steps / (EXAMPLES / BATCH),
  batchSize: BATCH,
  validation: points(40, 4 * EXAMPLES),
  evaluateEvery: 1000,
};
let losses = 0;
for await (const event of trainer.run(points(EXAMPLES, 0), run)) {
  if (event.type !== "step") continue;
  losses += event.loss;
  if (event.step % (steps / parts) === 0) await measure();
}
console.log(JSON.stringify({ measured, loss: losses / steps, steps: trainer.step }));
