// Words as vectors: an embedding table learns from categories alone, with AdaGrad, whose step per weight shrinks with
// the gradients that the weight has had: words that come rarely still move.

import {
  AdaGrad,
  crossEntropy,
  Dataset,
  Device,
  Embedding,
  flatten,
  Linear,
  Sequential,
  Trainer,
} from "adastep";

const categories = {
  animal: ["cat", "dog", "horse", "owl", "whale", "ant"],
  fruit: ["apple", "pear", "plum", "cherry", "fig", "mango"],
  metal: ["iron", "gold", "tin", "zinc", "lead", "copper"],
};
const words = Object.values(categories).flat();
const names = Object.keys(categories);

// Pairs of words, of one category or of two; the label is the category of the first.
const pairs: number[][] = words.flatMap((_, first) => words.map((_, second) => [first, second]));
const labels = pairs.map(([first = 0]) => Math.floor(first / 6));
const data = new Dataset({
  x: { data: Int32Array.from(pairs.flat()), shape: [2] },
  y: { data: Int32Array.from(labels), shape: [] },
});
const [train, validation] = data.split({ validation: 0.25, seed: 1, stratify: "y" });

using device = await Device.open();
// [n, 2] words -> [n, 2, 4] vectors -> [n, 8] -> [n, 3] categories
using model = new Sequential(
  new Embedding(words.length, 4),
  (x) => flatten(x),
  new Linear(8, names.length),
).to(device, { seed: 2 });
using optimizer = new AdaGrad(model.parameters(), { lr: 0.3 });
await using trainer = new Trainer({ device, model, loss: crossEntropy, optimizer, seed: 2 });

const before = await trainer.evaluate(validation);
await trainer.fit(train, { epochs: 30, batchSize: 16 });
const after = await trainer.evaluate(validation);

const ask = ["owl", "mango", "zinc"].map((word) => [words.indexOf(word), 0]);
const { data: logits } = await trainer.predict({ data: Int32Array.from(ask.flat()), shape: [2] });
for (const [i, [word = 0]] of ask.entries()) {
  const row = logits.subarray(i * names.length, (i + 1) * names.length);
  console.log(`${words[word]} is of the category ${names[row.indexOf(Math.max(...row))]}`);
}
console.log(`loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
