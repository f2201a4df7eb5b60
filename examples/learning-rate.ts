// Which learning rate? A range test finds one for a model on the digits; then a sweep shows how much the choice matters with Adam,
// AdaGrad and plain SGD.

import {
  AdaGrad,
  Adam,
  crossEntropy,
  Device,
  findLearningRate,
  Linear,
  namedDataset,
  relu,
  Sequential,
  SGD,
  sweep,
  Trainer,
  trainingTrial,
} from "adastep";

using device = await Device.open();
const { train, test } = await namedDataset("digits");
const build = () => new Sequential(new Linear(64, 32), relu, new Linear(32, 10));

using model = build().to(device, { seed: 1 });
using optimizer = new Adam(model.parameters());
const parts = { device, model, optimizer, loss: crossEntropy, seed: 1 };

const { suggestion, curve, reason } = await findLearningRate({ ...parts, train, batchSize: 32 });
if (suggestion === undefined) throw new Error("the loss does not fall at any learning rate");
for (const { lr, smoothed } of curve.filter((_, i) => i % 10 === 0)) {
  console.log(`lr ${lr.toExponential(1)}  ${"#".repeat(Math.min(60, Math.round(12 * smoothed)))}`);
}
console.log(`${reason} after ${curve.length} steps; take ${suggestion.toExponential(1)}`);

// The model is as it was before: the training starts from there.
for (const group of optimizer.groups) group.lr = suggestion;
await using trainer = new Trainer(parts);
const before = await trainer.evaluate(test);
await trainer.fit(train, { epochs: 3, batchSize: 32 });
const after = await trainer.evaluate(test);

const run = trainingTrial({
  ...{ device, loss: crossEntropy, train, validation: test },
  ...{ model: build, epochs: 1, batchSize: 32 },
});
const events = sweep({
  optimizers: {
    adam: (p, lr) => new Adam(p, { lr }),
    adagrad: (p, lr) => new AdaGrad(p, { lr }),
    sgd: (p, lr) => new SGD(p, { lr }),
  },
  lrs: [1e-3, 1e-2, 1e-1],
  seeds: [1, 2],
  run,
  tolerance: 0.05,
});
for await (const event of events) {
  if (event.type !== "end") continue;
  for (const { optimizer: name, points, usable } of event.summary) {
    const figures = points.map(({ lr, mean, spread }) => `${lr}: ${mean.toFixed(3)} ± ${spread.toFixed(3)}`);
    const range = usable
      ? `as good as the best from ${usable.from} to ${usable.to}`
      : "never as good as the best";
    console.log(`${name.padEnd(8)} ${figures.join("   ")}   ${range}`);
  }
}
console.log(`accuracy ${before.accuracy?.toFixed(3)} -> ${after.accuracy?.toFixed(3)}`);
console.log(`loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
