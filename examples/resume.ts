// Trains with checkpoints, is interrupted in the middle of an epoch, and goes on in a trainer that knows nothing but the folder.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AdamW,
  crossEntropy,
  Device,
  Dropout,
  Linear,
  listCheckpoints,
  namedDataset,
  type RunOptions,
  relu,
  Sequential,
  summarize,
  Trainer,
  topK,
  warmup,
} from "adastep";

using device = await Device.open();
const { train, test } = await namedDataset("digits");
const directory = await mkdtemp(join(tmpdir(), "adastep-resume-"));

/** Goes on from the newest checkpoint, if there is one: what a program that may be restarted at any time does. */
async function open(): Promise<{ trainer: Trainer<{ top3: ReturnType<typeof topK> }>; model: Sequential }> {
  const model = new Sequential(new Linear(64, 64), relu, new Dropout(0.1), new Linear(64, 10));
  model.to(device, { seed: 1 });
  const optimizer = new AdamW(model.parameters(), { lr: 3e-3, average: 0.99 });
  const options = {
    ...{ device, model, optimizer, loss: crossEntropy, seed: 1 },
    ...{ schedule: warmup(50), clip: { norm: 1 }, evaluateAverage: true },
    metrics: { top3: topK(3) },
    checkpoints: { directory, every: { steps: 30 }, keepLast: 2, keepBest: {} },
  };
  const begun = (await listCheckpoints(directory)).length > 0;
  return { trainer: begun ? await Trainer.resume(directory, options) : new Trainer(options), model };
}

const run: RunOptions = { epochs: 8, batchSize: 32, validation: test, earlyStopping: { patience: 3 } };
const losses: number[] = [];
let interrupted = false;
try {
  while (losses.length < 8) {
    const { trainer, model } = await open();
    await using _trainer = trainer;
    using _model = model;
    if (trainer.step === 0) console.log(String(summarize(model, { optimizer: AdamW })));
    else console.log(`resumed at step ${trainer.step}, in epoch ${trainer.epoch}`);
    for await (const event of trainer.run(train, run)) {
      if (event.type === "epoch") losses.push(event.loss);
      if (event.type === "eval")
        console.log(`epoch ${event.epoch}: among the first three ${event.metrics.top3.toFixed(3)}`);
      if (interrupted || event.type !== "checkpoint" || event.step < 120) continue;
      interrupted = true;
      break; // as if the process had ended here
    }
  }
  const kept = await listCheckpoints(directory);
  console.log(
    `kept: ${kept.map(({ step, figures }) => `step ${step} (loss ${figures?.loss?.toFixed(3) ?? "?"})`).join(", ")}`,
  );
} finally {
  await rm(directory, { recursive: true });
}
console.log(`loss ${losses[0]?.toFixed(3)} -> ${losses.at(-1)?.toFixed(3)}`);
