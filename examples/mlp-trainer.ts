// Trains a small network on handwritten digits with the Trainer, then asks it about digits that it has not seen.

import {
  Adam,
  cosine,
  crossEntropy,
  Device,
  Linear,
  namedDataset,
  relu,
  Sequential,
  Trainer,
  warmup,
} from "adastep";

using device = await Device.open(); // the first usable GPU, else the CPU
const { train, test } = await namedDataset("digits");

using model = new Sequential(new Linear(64, 64), relu, new Linear(64, 10)).to(device, { seed: 1 });
using optimizer = new Adam(model.parameters(), { lr: 3e-3 });
await using trainer = new Trainer({
  device,
  model,
  loss: crossEntropy,
  optimizer,
  schedule: warmup(50).then(cosine({ steps: 450 })),
  clip: { norm: 1 },
  seed: 1,
});

const losses: number[] = [];
for await (const event of trainer.run(train, { epochs: 10, batchSize: 32, validation: test })) {
  if (event.type === "epoch") losses.push(event.loss);
  if (event.type === "eval") console.log(`epoch ${event.epoch}: accuracy ${event.accuracy?.toFixed(3)}`);
}
console.log(`on ${device}`);
console.log(`loss ${losses[0]?.toFixed(3)} -> ${losses.at(-1)?.toFixed(3)}`);
