// A model of one's own: a residual network with layer normalisation and dropout, by subclassing Module.

import {
  AdamW,
  add,
  crossEntropy,
  Device,
  Dropout,
  gelu,
  LayerNorm,
  Linear,
  Module,
  namedDataset,
  type Tensor,
  Trainer,
} from "adastep";

/** x + W2 dropout(gelu(W1 norm(x))): parameters are fields, and `forward` says what is recorded. */
class Block extends Module {
  readonly norm: LayerNorm;
  readonly expand: Linear;
  readonly contract: Linear;
  readonly dropout = new Dropout(0.1);

  constructor(width: number) {
    super();
    this.norm = new LayerNorm(width);
    this.expand = new Linear(width, 2 * width);
    this.contract = new Linear(2 * width, width);
  }

  forward(x: Tensor): Tensor {
    return add(
      x,
      this.contract.forward(this.dropout.forward(gelu(this.expand.forward(this.norm.forward(x))))),
    );
  }
}

class Classifier extends Module {
  readonly stem = new Linear(64, 32);
  readonly blocks = [new Block(32), new Block(32)];
  readonly head = new Linear(32, 10);

  forward(x: Tensor): Tensor {
    return this.head.forward(this.blocks.reduce((h, block) => block.forward(h), this.stem.forward(x)));
  }
}

using device = await Device.open();
const { train, test } = await namedDataset("digits");
using model = new Classifier().to(device, { seed: 3 });
console.log(
  model
    .parameters()
    .map(({ name, shape }) => `${name} [${shape}]`)
    .join("\n"),
);

using optimizer = new AdamW(model.parameters(), { lr: 2e-3 });
await using trainer = new Trainer({ device, model, loss: crossEntropy, optimizer, seed: 3 });
const before = await trainer.evaluate(test);
await trainer.fit(train, { epochs: 8, batchSize: 32 });
const after = await trainer.evaluate(test); // dropout is off here
console.log(`accuracy ${before.accuracy?.toFixed(3)} -> ${after.accuracy?.toFixed(3)}`);
console.log(`loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
