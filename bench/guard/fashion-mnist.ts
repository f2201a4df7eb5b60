// Adam on Fashion-MNIST at a learning rate that is far too high, with the overshoot guard and without, beside a tuned run:
// test accuracy after the last epoch, for each seed. Prints a Markdown table.
//   node --import tsx bench/guard/fashion-mnist.ts [epochs] [seeds] [device]
// Needs Debian's dataset-fashion-mnist.

import {
  Adam,
  crossEntropy,
  Device,
  type GuardEvent,
  type GuardOptions,
  Linear,
  namedDataset,
  relu,
  Sequential,
  Trainer,
} from "../../lib/index.js";

const [EPOCHS, SEEDS] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const BATCH = 128;
const TOO_HIGH = 0.1;

using device = await Device.open(process.argv[4] ?? "auto");
const { train, test } = await namedDataset("fashion-mnist");

async function accuracyOf(lr: number, seed: number, guard?: GuardOptions) {
  using model = new Sequential(
    ...[new Linear(784, 256), relu, new Linear(256, 128), relu, new Linear(128, 10)],
  ).to(device, { seed });
  using optimizer = new Adam(model.parameters(), { lr });
  await using trainer = new Trainer({
    ...{ device, model, optimizer, loss: crossEntropy, seed, inputScale: 1 / 255 },
    ...(guard && { guard }),
  });
  const events: GuardEvent[] = [];
  for await (const event of trainer.run(train, { epochs: EPOCHS, batchSize: BATCH, logEvery: 20 }))
    if (event.type === "guard") events.push(event);
  const { accuracy = Number.NaN } = await trainer.evaluate(test);
  const decisions = events.reduce((sum, { lost }) => sum + 1 + lost, 0);
  return { accuracy, decisions };
}

const seeds = Array.from({ length: SEEDS }, (_, i) => i + 1);
const percent = (value: number): string => (100 * value).toFixed(2);
console.log(`Fashion-MNIST, 784-256-128-10, Adam, batch ${BATCH}, ${EPOCHS} epochs, ${device}\n`);
console.log(`| run | ${seeds.map((seed) => `seed ${seed}`).join(" | ")} | mean | decisions |`);
console.log(`|---|${seeds.map(() => "---").join("|")}|---|---|`);

async function row(name: string, lr: number, guard?: GuardOptions): Promise<number> {
  const runs: { accuracy: number; decisions: number }[] = [];
  for (const seed of seeds) runs.push(await accuracyOf(lr, seed, guard));
  const mean = runs.reduce((sum, { accuracy }) => sum + accuracy, 0) / SEEDS;
  const figures = runs.map(({ accuracy }) => percent(accuracy)).join(" | ");
  const decisions = guard ? runs.map((run) => run.decisions).join(", ") : "";
  console.log(`| ${name} | ${figures} | ${percent(mean)} | ${decisions} |`);
  return mean;
}

const [tuned, below]: [number[], string[]] = [[], []];
for (const lr of [3e-4, 1e-3, 3e-3]) tuned.push(await row(`lr ${lr}`, lr));
await row(`lr ${TOO_HIGH}, no guard`, TOO_HIGH);
for (const spike of ["backoff", "rollback"] as const) {
  const mean = await row(`lr ${TOO_HIGH}, guard "${spike}"`, TOO_HIGH, { nan: spike, spike });
  below.push(`"${spike}" ${percent(Math.max(...tuned) - mean)}`);
}
console.log(`\nPoints below the best rate without a guard: ${below.join(", ")}.`);
